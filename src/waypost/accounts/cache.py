"""Verified tokens, remembered for a short time so that a hit costs one look-up."""

from collections import defaultdict
from dataclasses import dataclass

from waypost.accounts.model import Principal


@dataclass(frozen=True, slots=True)
class _Seen:
    principal: Principal
    until: float


class TokenCache:
    """Raw `Authorization` headers → who they stand for; the oldest go when it is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[bytes, _Seen] = {}
        self._of_account: defaultdict[int, set[bytes]] = defaultdict(set)
        self.generation = 0
        """Grows whenever something is forgotten: what was read before it must not be put."""

    def get(self, header: bytes, now: float) -> Principal | None:
        """Who was seen with this header, for as long as that may be believed."""
        seen = self._seen.get(header)
        return seen.principal if seen is not None and now < seen.until else None

    def put(self, header: bytes, principal: Principal, until: float, generation: int) -> None:
        """Remember what was read from the database at this generation."""
        if generation != self.generation:
            return
        self._drop(header)
        if len(self._seen) >= self._most:
            self._drop(next(iter(self._seen)))
        self._seen[header] = _Seen(principal, until)
        self._of_account[principal.account_id].add(header)

    def forget(self, account_id: int) -> None:
        """Believe none of this account's tokens unseen."""
        self.generation += 1
        for header in self._of_account.pop(account_id, ()):
            del self._seen[header]

    def clear(self) -> None:
        """Believe nothing unseen."""
        self.generation += 1
        self._seen.clear()
        self._of_account.clear()

    def _drop(self, header: bytes) -> None:
        seen = self._seen.pop(header, None)
        if seen is not None:
            headers = self._of_account[seen.principal.account_id]
            headers.discard(header)
            if not headers:
                del self._of_account[seen.principal.account_id]
