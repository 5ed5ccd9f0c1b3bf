"""Who is asking, and may they now: every request that needs an account passes here."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from structlog.contextvars import bind_contextvars

from waypost.accounts import store_sessions
from waypost.accounts.address import client_key
from waypost.accounts.cache import TokenCache
from waypost.accounts.errors import AccountDisabled, NotAnAdmin
from waypost.accounts.model import Account, Kind, Principal
from waypost.accounts.tokens import Claims, Tokens
from waypost.kit.clock import Clock
from waypost.kit.config import Rate, Settings
from waypost.kit.config_values import RATE
from waypost.kit.db import Database
from waypost.kit.errors import Unauthorized
from waypost.kit.limits import Limiter
from waypost.kit.listen import RECONNECT_SECONDS, Heard, Listener
from waypost.kit.web import Exchange, exchange_of, header_map

MOST_TOKENS = 50_000
BELIEVED_SECONDS = 30.0


class Guard:
    """Verifies bearer tokens and counts requests.

    Verified tokens are remembered only while `listener` would hear of their revocation.
    """

    def __init__(self, db: Database, settings: Settings, clock: Clock, limiter: Limiter) -> None:
        self.tokens = _tokens(settings)
        self.listener: Listener | None = None
        self._db = db
        self._clock = clock
        self._limiter = limiter
        self._settings = settings
        self._rates: Mapping[Kind, Rate | None] = {
            "send": settings.rate_limit_send,
            "bulk": settings.rate_limit_bulk,
            "status": settings.rate_limit_status,
            "default": settings.rate_limit_default,
        }
        self._cache = TokenCache(MOST_TOKENS)
        self._asked_at = 0.0

    def hearers(self) -> Mapping[str, Heard]:
        """What the listener has to listen to."""
        return {store_sessions.CHANNEL: lambda account_id: self.forget(int(account_id))}

    def forget(self, account_id: int) -> None:
        """Look the account up again; called after what changes it was committed."""
        self._cache.forget(account_id)

    async def admit(self, exchange: Exchange, authorization: bytes | None, kind: Kind) -> Principal:
        """Who is asking, counted as one request of the kind; or a refusal."""
        header, now = authorization or b"", self._clock.monotonic()
        hears = self._hears_of_revocations(now)
        who = self._cache.get(header, now) or await self._verify(header, now, hears)
        bind_contextvars(account_id=who.account_id)
        taken = await self._limiter.take(kind, str(who.account_id), who.rate_limits[kind])
        exchange.headers.update(taken)
        return who

    async def admit_client(self, request: Request) -> None:
        """Count one request of the client's address, for routes where guesses are made."""
        peer = request.client.host if request.client else None
        forwarded = request.headers.getlist("x-forwarded-for")
        key = client_key(peer, forwarded, self._settings.trusted_proxies)
        taken = await self._limiter.take("auth", key, self._settings.rate_limit_auth)
        exchange_of(request.scope).headers.update(taken)

    def _hears_of_revocations(self, now: float) -> bool:
        # A listener that went away stays away for RECONNECT_SECONDS, so a shorter gap between two
        # requests cannot hide that a revocation went unheard.
        had_gap = now - self._asked_at >= RECONNECT_SECONDS
        hears = self.listener is not None and self.listener.is_connected
        if had_gap or not hears:
            self._cache.clear()
        self._asked_at = now
        return hears

    async def _verify(self, header: bytes, now: float, hears: bool) -> Principal:
        generation, wall = self._cache.generation, self._clock.now()
        claims = self._claims(header, wall)
        if claims is None:
            raise Unauthorized
        async with self._db.read() as tx:
            account = await store_sessions.holder(tx, claims.session_id, claims.account_id, wall)
        if account is None:
            raise Unauthorized
        if not account.is_active:
            raise AccountDisabled
        who = self._principal(account, claims)
        if hears:
            left = (claims.expires_at - wall).total_seconds()
            self._cache.put(header, who, now + min(left, BELIEVED_SECONDS), generation)
        return who

    def _claims(self, header: bytes, at: datetime) -> Claims | None:
        scheme, _, token = header.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        return self.tokens.read(token.strip().decode("latin-1"), at)

    def _principal(self, account: Account, claims: Claims) -> Principal:
        own = {kind: RATE.parse(text) for kind, text in account.rate_limits.items()}
        return Principal(
            account_id=account.id,
            username=account.username,
            session_id=claims.session_id,
            is_admin=account.is_admin,
            pool_id=account.pool_id,
            weight=account.weight,
            rate_limits={**self._rates, **own},
            expires_at=claims.expires_at,
        )


def _tokens(settings: Settings) -> Tokens:
    if settings.jwt_secret is None:
        raise ValueError("a secret to sign tokens with is needed")
    previous = settings.jwt_previous_secrets
    return Tokens(settings.jwt_secret, previous, settings.access_token_seconds)


def guard_of(request: Request) -> Guard:
    """The guard of the application that serves this request."""
    guard: Guard = request.app.state.guard
    return guard


Guarded = Annotated[Guard, Depends(guard_of)]


def _admitted(kind: Kind) -> Callable[..., Awaitable[Principal]]:
    async def admit(request: Request, guard: Guarded) -> Principal:
        authorization = header_map(request.scope).get(b"authorization")
        return await guard.admit(exchange_of(request.scope), authorization, kind)

    return admit


Reader = Annotated[Principal, Depends(_admitted("status"))]
"""Somebody who reads statuses or history."""

Member = Annotated[Principal, Depends(_admitted("default"))]
"""Somebody with an account."""


async def _admin(who: Member) -> Principal:
    if not who.is_admin:
        raise NotAnAdmin
    return who


Admin = Annotated[Principal, Depends(_admin)]
"""Somebody who runs this server."""


async def by_address(request: Request, guard: Guarded) -> None:
    """A dependency that counts one guess of the client's address."""
    await guard.admit_client(request)
