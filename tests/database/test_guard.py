"""The guard remembers whom it saw, but a revocation is heard at once, or nothing is believed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.messages import until
from tests.support.people import PASSWORD, SETTINGS, bearer, desk, exchange, guard, opened
from waypost.accounts import directory
from waypost.accounts.guard import Guard
from waypost.accounts.model import Changes, Kind
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.kit.errors import RateLimited, Unauthorized
from waypost.kit.listen import Listener

SILENTLY_REVOKE = "update sessions set revoked_at = now()"


async def token_of(db: Database, username: str = "demo") -> bytes:
    _, pair = await desk(db).login(username, PASSWORD)
    return bearer(pair.access_token)


async def is_admitted(guard: Guard, header: bytes | None) -> bool:
    try:
        await guard.admit(exchange(), header, "status")
    except Unauthorized:
        return False
    return True


@asynccontextmanager
async def hearing(guard: Guard, url: str) -> AsyncIterator[None]:
    """While the guard has its ear at the database."""
    listener = guard.listener = Listener(url, guard.hearers())
    task = asyncio.create_task(listener.run())
    await until(lambda: came(listener.is_connected))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def listening(
    db: Database, url: str, clock: FrozenClock | None = None
) -> AsyncIterator[Guard]:
    """A guard with its ear at the database."""
    ours = guard(db, clock)
    async with hearing(ours, url):
        yield ours


@pytest.mark.parametrize("header", [None, b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"Bearer x"])
async def test_who_shows_no_token_of_ours_is_nobody(db: Database, header: bytes | None) -> None:
    assert not await is_admitted(guard(db), header)


async def test_the_scheme_may_be_written_in_any_case(db: Database) -> None:
    await opened(db, "demo")
    header = await token_of(db)

    assert await is_admitted(guard(db), header.replace(b"Bearer", b"bearer"))


async def test_a_seen_token_is_believed_without_asking_the_database(
    db: Database, database_url: str
) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    async with listening(db, database_url, FrozenClock(datetime.now(UTC))) as ours:
        assert await is_admitted(ours, header)
        async with db.tx() as tx:
            await tx.execute(SILENTLY_REVOKE)

        assert await is_admitted(ours, header)


async def test_a_seen_token_is_asked_about_again_after_its_time(
    db: Database, database_url: str
) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    clock = FrozenClock(datetime.now(UTC))
    async with listening(db, database_url, clock) as ours:
        assert await is_admitted(ours, header)
        async with db.tx() as tx:
            await tx.execute(SILENTLY_REVOKE)

        # In steps, as a long gap between requests is a reason of its own to ask again.
        for _ in range(74):
            clock.advance(timedelta(seconds=0.4))
            assert await is_admitted(ours, header)
        clock.advance(timedelta(seconds=0.4))
        assert not await is_admitted(ours, header)


async def test_a_seen_token_is_never_believed_beyond_its_own_end(
    db: Database, database_url: str
) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    ends = datetime.now(UTC) + timedelta(seconds=SETTINGS.access_token_seconds)
    clock = FrozenClock(ends - timedelta(seconds=2))
    async with listening(db, database_url, clock) as ours:
        assert await is_admitted(ours, header)
        for _ in range(5):
            clock.advance(timedelta(seconds=0.4))
            await is_admitted(ours, header)
        assert not await is_admitted(ours, header)


async def test_without_an_ear_every_request_asks_the_database(db: Database) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    deaf = guard(db, FrozenClock(datetime.now(UTC)))
    assert await is_admitted(deaf, header)

    async with db.tx() as tx:
        await tx.execute(SILENTLY_REVOKE)

    assert not await is_admitted(deaf, header)


async def test_what_was_seen_is_not_believed_once_the_ear_is_lost(
    db: Database, database_url: str
) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    async with listening(db, database_url, FrozenClock(datetime.now(UTC))) as ours:
        assert await is_admitted(ours, header)
    async with db.tx() as tx:
        await tx.execute(SILENTLY_REVOKE)

    assert not await is_admitted(ours, header)


async def test_what_was_seen_before_the_ear_came_is_not_believed(
    db: Database, database_url: str
) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    ours = guard(db, FrozenClock(datetime.now(UTC)))
    assert await is_admitted(ours, header)
    async with db.tx() as tx:
        await tx.execute(SILENTLY_REVOKE)

    async with hearing(ours, database_url):
        assert not await is_admitted(ours, header)


async def test_a_logout_at_another_process_is_heard(db: Database, database_url: str) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    async with listening(db, database_url, FrozenClock(datetime.now(UTC))) as ours:
        who = await ours.admit(exchange(), header, "status")

        await desk(db).logout(who)

        await until(lambda: refused(ours, header))


async def refused(guard: Guard, header: bytes) -> bool:
    return not await is_admitted(guard, header)


async def test_a_change_of_the_account_is_heard(db: Database, database_url: str) -> None:
    account = await opened(db, "demo")
    header = await token_of(db)
    async with listening(db, database_url, FrozenClock(datetime.now(UTC))) as ours:
        assert not (await ours.admit(exchange(), header, "status")).is_admin
        async with db.tx() as tx:
            await directory.change(tx, account.id, Changes(is_admin=True), datetime.now(UTC))

        async def is_admin() -> bool:
            return (await ours.admit(exchange(), header, "status")).is_admin

        await until(is_admin)


async def test_a_new_weight_is_heard(db: Database, database_url: str) -> None:
    account = await opened(db, "demo")
    header = await token_of(db)
    async with listening(db, database_url, FrozenClock(datetime.now(UTC))) as ours:
        assert (await ours.admit(exchange(), header, "send")).weight == 1
        async with db.tx() as tx:
            await directory.change(tx, account.id, Changes(weight=9), datetime.now(UTC))

        async def is_heavier() -> bool:
            return (await ours.admit(exchange(), header, "send")).weight == 9

        await until(is_heavier)


async def test_what_was_revoked_while_nobody_heard_is_not_believed_afterwards(
    db: Database, database_url: str, connection: asyncpg.Connection
) -> None:
    await opened(db, "demo")
    header = await token_of(db)
    async with listening(db, database_url) as ours:
        listener = ours.listener
        assert listener is not None
        assert await is_admitted(ours, header)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and (query ilike 'listen%' or query = 'select 1')"
        )
        await until(lambda: came(not listener.is_connected))
        await connection.execute(SILENTLY_REVOKE)
        await until(lambda: came(listener.is_connected))

        assert not await is_admitted(ours, header)


async def came(fact: bool) -> bool:
    return fact


async def test_a_revocation_that_overtakes_the_answer_of_the_database_wins(
    db: Database, database_url: str
) -> None:
    account = await opened(db, "demo")
    header = await token_of(db)
    async with listening(db, database_url, FrozenClock(datetime.now(UTC))) as ours:
        asking = asyncio.create_task(is_admitted(ours, header))
        await asyncio.sleep(0)
        ours.forget(account.id)
        assert await asking
        async with db.tx() as tx:
            await tx.execute(SILENTLY_REVOKE)

        assert not await is_admitted(ours, header)


@pytest.mark.parametrize(
    ("own", "kind", "limit"),
    [
        ({}, "send", "100"),
        ({}, "bulk", "10"),
        ({}, "status", "1000"),
        ({}, "default", "300"),
        ({"send": "7/minute"}, "send", "7"),
        ({"send": "7/minute"}, "bulk", "10"),
        ({"bulk": "off"}, "bulk", None),
    ],
)
async def test_an_accounts_own_limits_win_over_the_servers(
    db: Database, own: dict[Kind, str], kind: Kind, limit: str | None
) -> None:
    account = await opened(db, "demo")
    async with db.tx() as tx:
        await directory.change(tx, account.id, Changes(rate_limits=own), datetime.now(UTC))
    answer = exchange()

    await guard(db).admit(answer, await token_of(db), kind)

    assert answer.headers.get("RateLimit-Limit") == limit


async def test_limits_are_counted_by_account_and_kind(db: Database) -> None:
    for name in ("demo", "other"):
        await opened(db, name)
    ours, header, other = guard(db), await token_of(db), await token_of(db, "other")
    second = await token_of(db)
    for _ in range(9):
        await ours.admit(exchange(), header, "bulk")
    last = exchange()
    await ours.admit(last, second, "bulk")

    with pytest.raises(RateLimited) as refusal:
        await ours.admit(exchange(), header, "bulk")

    assert last.headers["RateLimit-Remaining"] == "0"
    assert refusal.value.headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(refusal.value.headers["Retry-After"]) <= 60
    await ours.admit(exchange(), header, "send")
    await ours.admit(exchange(), other, "bulk")
