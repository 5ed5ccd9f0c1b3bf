"""Sessions of people: log in, go on with a refresh token, log out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from waypost.accounts import store, store_sessions
from waypost.accounts.errors import AccountDisabled, BadRefreshToken, WrongCredentials
from waypost.accounts.model import Account, Principal
from waypost.accounts.tokens import Tokens
from waypost.kit.clock import Clock
from waypost.kit.crypto import digest, new_secret, verify_password
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids


@dataclass(frozen=True, slots=True)
class Pair:
    """A short-lived token for requests, and the one that is exchanged for the next pair."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Reused:
    """A refresh token came twice: one of the two holders stole it, so the family was revoked."""

    account_id: int


@dataclass(frozen=True, slots=True)
class SignIn:
    """Starts, prolongs and ends sessions; a session is the family of its refresh tokens."""

    db: Database
    clock: Clock
    ids: Ids
    tokens: Tokens
    refresh_seconds: int

    async def login(self, username: str, password: str) -> tuple[Account, Pair]:
        """A new session; an unknown name takes the same time and words as a wrong password."""
        async with self.db.read() as tx:
            found = await store.credentials(tx, username)
        account, password_hash = found or (None, None)
        fits = await verify_password(password, password_hash)
        if account is None or password_hash is None or not fits:
            raise WrongCredentials
        if not account.is_active:
            raise AccountDisabled
        known = password_hash
        return account, await self.db.transact(lambda tx: self._open(tx, account.id, known))

    async def refresh(self, refresh_token: str) -> Pair | Reused:
        """The next pair; the token given is used up."""
        given = digest(refresh_token)
        return await self.db.transact(lambda tx: self._exchange(tx, given))

    async def logout(self, who: Principal) -> None:
        """End the session of the token that asks."""
        now = self.clock.now()
        async with self.db.tx() as tx:
            await store_sessions.revoke(tx, who.session_id, now)

    async def _open(self, tx: Tx, account_id: int, password_hash: str) -> Pair:
        now, session_id = self.clock.now(), self.ids.new()
        until = self._end(now)
        if not await store_sessions.open(tx, session_id, account_id, password_hash, now, until):
            raise WrongCredentials
        return await self._pair(tx, account_id, session_id, now)

    async def _exchange(self, tx: Tx, given: bytes) -> Pair | Reused:
        now = self.clock.now()
        oldest = now - timedelta(seconds=self.refresh_seconds)
        session_id = await store_sessions.use_token(tx, given, now, oldest)
        if session_id is None:
            return await self._refuse(tx, given, now)
        holder = await store_sessions.prolong(tx, session_id, self._end(now))
        if holder is None:
            raise BadRefreshToken
        account_id, is_active = holder
        if not is_active:
            raise AccountDisabled
        return await self._pair(tx, account_id, session_id, now)

    async def _refuse(self, tx: Tx, given: bytes, now: datetime) -> Reused:
        session_id = await store_sessions.used_token(tx, given)
        if session_id is None:
            raise BadRefreshToken
        account_id = await store_sessions.revoke(tx, session_id, now)
        if account_id is None:
            raise BadRefreshToken
        # A value, as raising would roll the revocation back.
        return Reused(account_id)

    async def _pair(self, tx: Tx, account_id: int, session_id: UUID, now: datetime) -> Pair:
        refresh_token = new_secret("wpr_")
        await store_sessions.add_token(tx, digest(refresh_token), session_id, now)
        access_token = self.tokens.issue(account_id, session_id, self.ids.new(), now)
        return Pair(access_token, refresh_token, self.tokens.seconds)

    def _end(self, now: datetime) -> datetime:
        return now + timedelta(seconds=max(self.refresh_seconds, self.tokens.seconds))


async def clear_ended(tx: Tx, before: datetime, most: int) -> None:
    """Delete sessions that ended by themselves before this moment, at most so many."""
    await store_sessions.clear(tx, before, most)
