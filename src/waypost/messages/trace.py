"""Which message a provider's news means: as our own words say, else by the provider's id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from waypost.drivers.outgoing import Ref
from waypost.drivers.port import Accepted
from waypost.kit.db import Tx
from waypost.messages import store_progress
from waypost.messages import store_trace as store
from waypost.messages.outcomes import Result
from waypost.messages.progress import keys
from waypost.messages.store_progress import Key
from waypost.messages.store_trace import ProviderKey

KEPT = timedelta(days=35)
"""A provider tries for 30 days to deliver a message, and for some more to tell us of it."""

AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Sight:
    """A message as the provider names it; `ref` is what we gave along, where that came back."""

    device_id: int
    provider_id: str
    ref: Ref | None

    @property
    def key(self) -> ProviderKey:
        return self.provider_id, self.device_id


async def trace(tx: Tx, sights: Sequence[Sight]) -> list[Ref | None]:
    """The message of each, in their order; None where there is none, or none yet."""
    await store_progress.plan_anew(tx)
    present = await store.present(tx, keys([_key(s.ref) for s in sights if s.ref is not None]))
    ours = [s.ref if s.ref is not None and _key(s.ref) in present else None for s in sights]
    unnamed = [s for s, ref in zip(sights, ours, strict=True) if ref is None]
    known = await store.known(tx, [s.key for s in unnamed])
    return [ref or known.get(s.key) for s, ref in zip(sights, ours, strict=True)]


async def remember(tx: Tx, found: Sequence[tuple[Sight, Ref]], at: datetime) -> None:
    """Know by the provider's id what our own words told: later news may come without them.

    The messages are locked before.
    """
    named = {sight.key: ref for sight, ref in found if sight.ref == ref}
    if named:
        await store.remember(tx, named, at)


async def note(tx: Tx, results: Sequence[Result], at: datetime) -> None:
    """Know what was accepted by the provider's id, where that is not the one that we gave.

    The messages are locked before.
    """
    named = {}
    for result in results:
        marked = result.marked
        match result.outcome:
            case Accepted(provider_id) if provider_id != marked.provider_id:
                named[provider_id, marked.device_id] = marked.ref
    if named:
        await store.remember(tx, named, at)


async def templates(tx: Tx, refs: Sequence[Ref]) -> dict[Ref, tuple[str, str]]:
    """Name and language of the approved template of each message that carried one."""
    await store_progress.plan_anew(tx)
    found = await store.templates(tx, keys([_key(ref) for ref in refs]))
    return {ref: found[_key(ref)] for ref in refs if _key(ref) in found}


async def prune(tx: Tx, now: datetime) -> bool:
    """Forget the ids of messages of whom no more news can come; says whether there are more."""
    return await store.prune(tx, now - KEPT, AT_ONCE) == AT_ONCE


def _key(ref: Ref) -> Key:
    return ref.account_id, ref.message_id
