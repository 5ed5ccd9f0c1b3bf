"""Sessions begin with the right password, live on by refresh tokens, and end when they should."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import process_time

import asyncpg
import pytest

from tests.support.messages import until
from tests.support.people import PASSWORD, SETTINGS, bearer, desk, exchange, guard, opened
from waypost.accounts import directory, password, signin
from waypost.accounts.errors import (
    AccountDisabled,
    BadRefreshToken,
    WrongCredentials,
    WrongPassword,
)
from waypost.accounts.model import Changes, Principal
from waypost.accounts.signin import Pair, Reused
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.kit.errors import Invalid, Unauthorized

NOW = datetime.now(UTC)
ANYBODY_WAITS = """
select exists (select from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock')
"""


async def admitted(db: Database, pair: Pair, clock: FrozenClock | None = None) -> Principal:
    """Who a guard that has seen nothing yet says it is."""
    return await guard(db, clock).admit(exchange(), bearer(pair.access_token), "default")


async def is_admitted(db: Database, pair: Pair, clock: FrozenClock | None = None) -> bool:
    try:
        await admitted(db, pair, clock)
    except Unauthorized:
        return False
    return True


async def logged_in(db: Database, username: str = "demo") -> Pair:
    _, pair = await desk(db).login(username, PASSWORD)
    return pair


async def refreshed(db: Database, token: str, clock: FrozenClock | None = None) -> Pair:
    pair = await desk(db, clock).refresh(token)
    assert isinstance(pair, Pair)
    return pair


async def test_who_logs_in_is_admitted_as_themselves(db: Database) -> None:
    account = await opened(db, "Demo")

    who = await admitted(db, await logged_in(db, "dEMO"))

    assert (who.account_id, who.username, who.is_admin) == (account.id, "Demo", False)


@pytest.mark.parametrize(("name", "secret"), [("demo", "wrong"), ("nobody", PASSWORD), ("", "")])
async def test_a_wrong_password_and_an_unknown_name_get_the_same_words(
    db: Database, name: str, secret: str
) -> None:
    await opened(db, "demo")

    with pytest.raises(WrongCredentials) as refused:
        await desk(db).login(name, secret)

    assert refused.value.message == WrongCredentials().message


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(db: Database) -> None:
    await opened(db, "demo")

    async def work(name: str) -> float:
        """Seconds of processor time: what else the machine does hardly moves them."""
        spent = []
        for _ in range(7):
            began = process_time()
            with pytest.raises(WrongCredentials):
                await desk(db).login(name, "wrong password")
            spent.append(process_time() - began)
        return min(spent)

    assert await work("nobody") > 0.5 * await work("demo")


async def test_a_disabled_account_is_told_so_only_with_the_right_password(db: Database) -> None:
    account = await opened(db, "demo")
    pair = await logged_in(db)
    async with db.tx() as tx:
        await directory.change(tx, account.id, Changes(is_active=False), NOW)

    with pytest.raises(AccountDisabled):
        await desk(db).login("demo", PASSWORD)
    with pytest.raises(WrongCredentials):
        await desk(db).login("demo", "wrong password")
    with pytest.raises(AccountDisabled):
        await admitted(db, pair)
    with pytest.raises(AccountDisabled):
        await desk(db).refresh(pair.refresh_token)


async def test_a_refresh_gives_a_pair_that_works_and_can_be_refreshed(db: Database) -> None:
    await opened(db, "demo")
    first = await logged_in(db)

    second = await refreshed(db, first.refresh_token)
    third = await refreshed(db, second.refresh_token)

    assert len({pair.access_token for pair in (first, second, third)}) == 3
    for pair in (first, second, third):
        assert await is_admitted(db, pair)


async def test_a_used_refresh_token_ends_its_family_and_no_other_session(db: Database) -> None:
    account = await opened(db, "demo")
    first, bystander = await logged_in(db), await logged_in(db)
    second = await refreshed(db, first.refresh_token)

    assert await desk(db).refresh(first.refresh_token) == Reused(account.id)

    assert not await is_admitted(db, first)
    assert not await is_admitted(db, second)
    with pytest.raises(BadRefreshToken):
        await desk(db).refresh(second.refresh_token)
    assert await is_admitted(db, bystander)


async def test_of_two_who_use_one_refresh_token_at_once_only_one_gets_a_pair(db: Database) -> None:
    await opened(db, "demo")
    pair = await logged_in(db)

    outcomes = await asyncio.gather(*(desk(db).refresh(pair.refresh_token) for _ in range(2)))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Pair", "Reused"]
    assert not await is_admitted(db, pair)


async def test_a_refresh_token_that_nobody_issued_is_refused(db: Database) -> None:
    with pytest.raises(BadRefreshToken):
        await desk(db).refresh("wpr_made-up")


async def test_tokens_die_of_age(db: Database) -> None:
    await opened(db, "demo")
    clock = FrozenClock(NOW)
    _, pair = await desk(db, clock).login("demo", PASSWORD)

    clock.advance(timedelta(seconds=SETTINGS.access_token_seconds))
    assert not await is_admitted(db, pair, clock)
    pair = await refreshed(db, pair.refresh_token, clock)
    assert await is_admitted(db, pair, clock)

    clock.advance(timedelta(seconds=SETTINGS.refresh_token_seconds))
    with pytest.raises(BadRefreshToken):
        await desk(db, clock).refresh(pair.refresh_token)


async def test_a_logout_ends_one_session(db: Database) -> None:
    await opened(db, "demo")
    here, there = await logged_in(db), await logged_in(db)

    await desk(db).logout(await admitted(db, here))

    assert not await is_admitted(db, here)
    assert await is_admitted(db, there)
    with pytest.raises(BadRefreshToken):
        await desk(db).refresh(here.refresh_token)


async def test_a_new_password_ends_every_session(db: Database) -> None:
    await opened(db, "demo")
    pairs = [await logged_in(db), await logged_in(db)]
    who = await admitted(db, pairs[0])

    await password.change(db, who, PASSWORD, "another password", NOW)

    assert [await is_admitted(db, pair) for pair in pairs] == [False, False]
    with pytest.raises(WrongCredentials):
        await desk(db).login("demo", PASSWORD)
    await desk(db).login("demo", "another password")


async def test_a_password_is_changed_only_by_who_knows_it(db: Database) -> None:
    await opened(db, "demo")
    pair = await logged_in(db)
    who = await admitted(db, pair)

    with pytest.raises(WrongPassword):
        await password.change(db, who, "wrong password", "another password", NOW)
    with pytest.raises(Invalid):
        await password.change(db, who, PASSWORD, "short", NOW)

    assert await is_admitted(db, pair)


async def test_a_login_that_meets_a_change_of_its_password_is_refused(
    db: Database, connection: asyncpg.Connection
) -> None:
    await opened(db, "demo")

    async def waits_or_ended() -> bool:
        return login.done() or bool(await connection.fetchval(ANYBODY_WAITS))

    async with db.tx() as tx:
        await tx.execute("update accounts set password_hash = 'of another password'")
        login = asyncio.create_task(desk(db).login("demo", PASSWORD))
        await until(waits_or_ended)

    with pytest.raises(WrongCredentials):
        await login


async def test_sessions_that_ended_by_themselves_are_cleared_away(db: Database) -> None:
    await opened(db, "demo")
    clock = FrozenClock(NOW - timedelta(seconds=SETTINGS.refresh_token_seconds + 1))
    _, old = await desk(db, clock).login("demo", PASSWORD)
    young = await logged_in(db)

    async with db.tx() as tx:
        await signin.clear_ended(tx, NOW, 100)

    async with db.read() as tx:
        assert await tx.fetchval("select count(*) from refresh_tokens") == 1
    assert await is_admitted(db, young)
    with pytest.raises(BadRefreshToken):
        await desk(db).refresh(old.refresh_token)
