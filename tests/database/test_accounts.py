"""Accounts are opened whole or not at all, and somebody can always undo what was done."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.support.people import PASSWORD, desk, opened
from waypost.accounts import directory
from waypost.accounts.errors import LastAdmin, UsernameTaken, WrongCredentials
from waypost.accounts.model import Account, Changes, NewAccount
from waypost.admin import accounts, audit
from waypost.admin.errors import CannotTake
from waypost.credits import ledger
from waypost.credits.model import Kind
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database
from waypost.kit.errors import Invalid, NotFound
from waypost.kit.page import PageAsk

CLOCK = SystemClock()
NOW = datetime.now(UTC)


async def count(db: Database, table: str) -> int:
    async with db.read() as tx:
        rows: int = await tx.fetchval(f"select count(*) from {table}")
        return rows


async def audited(db: Database) -> list[tuple[int | None, str, str, dict[str, object]]]:
    async with db.read() as tx:
        deeds = (await audit.page(tx, PageAsk(per_page=100))).rows
    return [(deed.actor_id, deed.action, deed.target, dict(deed.detail)) for deed in deeds]


async def assert_ledger_holds(db: Database) -> None:
    async with db.read() as tx:
        assert await ledger.differences(tx) == []


async def test_an_account_starts_with_its_credits_and_the_entry_that_explains_them(
    db: Database,
) -> None:
    account = await opened(db, "demo", credits=100)

    async with db.read() as tx:
        assert await ledger.balance(tx, account.id) == 100
        entries = (await ledger.statement(tx, account.id, None, 10)).rows
    assert [(entry.kind, entry.delta) for entry in entries] == [(Kind.SIGNUP, 100)]
    await assert_ledger_holds(db)


async def test_an_account_may_start_with_nothing(db: Database) -> None:
    account = await opened(db, "demo", credits=0)

    async with db.read() as tx:
        assert await ledger.balance(tx, account.id) == 0


async def test_of_many_who_want_one_name_one_gets_it_and_the_others_leave_no_trace(
    db: Database,
) -> None:
    names = ["demo", "Demo", "DEMO", "dEmO"] * 3
    outcomes = await asyncio.gather(*(opened(db, n) for n in names), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes].count(Account) == 1
    assert [type(outcome) for outcome in outcomes].count(UsernameTaken) == len(names) - 1
    assert [await count(db, table) for table in ("accounts", "wallets", "ledger")] == [1, 1, 1]


async def test_a_deleted_account_frees_its_name_and_keeps_its_history(db: Database) -> None:
    gone = await opened(db, "demo")
    await opened(db, "boss", is_admin=True)
    await accounts.delete(db, CLOCK, None, gone.id)

    with pytest.raises(WrongCredentials):
        await desk(db).login("demo", PASSWORD)
    with pytest.raises(NotFound):
        await accounts.delete(db, CLOCK, None, gone.id)
    with pytest.raises(NotFound):
        await accounts.give(db, CLOCK, None, gone.id, 1, "too late")
    again = await opened(db, "demo")

    async with db.read() as tx:
        assert len((await ledger.statement(tx, gone.id, None, 10)).rows) == 1
        assert (await directory.named(tx, "DEMO")).id == again.id
        assert [user.account.id for user in (await accounts.page(tx, PageAsk()))[0]] == [
            again.id - 1,
            again.id,
        ]


async def test_an_unknown_pool_is_refused_by_its_field(db: Database) -> None:
    new = NewAccount("demo", "hash", pool_id=2**63 - 1)

    with pytest.raises(Invalid) as refused:
        await accounts.create(db, CLOCK, None, new, 5, Kind.GRANT)

    assert refused.value.details[0].field == "pool_id"
    assert await count(db, "accounts") == 0


@pytest.mark.parametrize("changes", [Changes(is_active=False), Changes(is_admin=False), None])
async def test_the_last_active_admin_cannot_be_lost(db: Database, changes: Changes | None) -> None:
    boss = await opened(db, "boss", is_admin=True)
    asleep = await opened(db, "asleep", is_admin=True)
    await accounts.change(db, CLOCK, None, asleep.id, Changes(is_active=False))

    with pytest.raises(LastAdmin):
        await lose(db, boss, changes)

    await lose(db, asleep, changes)


@pytest.mark.parametrize("changes", [Changes(is_active=False), Changes(is_admin=False), None])
async def test_of_admins_who_remove_each_other_at_once_one_is_left(
    db: Database, changes: Changes | None
) -> None:
    admins = [await opened(db, f"boss{n}", is_admin=True) for n in range(4)]

    outcomes = await asyncio.gather(*(lose(db, a, changes) for a in admins), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes].count(LastAdmin) == 1
    async with db.read() as tx:
        users, _ = await accounts.page(tx, PageAsk())
    assert [u.account.is_admin and u.account.is_active for u in users].count(True) == 1


async def lose(db: Database, account: Account, changes: Changes | None) -> None:
    if changes is None:
        await accounts.delete(db, CLOCK, None, account.id)
    else:
        await accounts.change(db, CLOCK, None, account.id, changes)


async def test_a_first_admin_is_made_once_however_many_start_at_once(db: Database) -> None:
    made = await asyncio.gather(
        *(accounts.ensure_admin(db, CLOCK, "admin", PASSWORD) for _ in range(4))
    )

    assert sorted(made) == [False, False, False, True]
    account, _ = await desk(db).login("admin", PASSWORD)
    assert account.is_admin
    assert await count(db, "accounts") == 1
    assert [action for _, action, _, _ in await audited(db)] == ["user.created"]


async def test_where_there_is_an_admin_none_is_made(db: Database) -> None:
    await opened(db, "boss", is_admin=True)

    assert not await accounts.ensure_admin(db, CLOCK, "admin", PASSWORD)


async def test_credits_are_given_and_taken_but_never_below_zero(db: Database) -> None:
    account = await opened(db, "demo", credits=10)

    assert await accounts.give(db, CLOCK, None, account.id, 5, "a gift") == 15
    assert await accounts.give(db, CLOCK, None, account.id, -15, "and back") == 0
    with pytest.raises(CannotTake) as refused:
        await accounts.give(db, CLOCK, None, account.id, -1, "more")

    assert refused.value.message == "Cannot take 1 credits: the account has 0"
    assert len(await audited(db)) == 2
    await assert_ledger_holds(db)


async def test_many_who_take_at_once_never_take_more_than_there_is(db: Database) -> None:
    account = await opened(db, "demo", credits=10)

    outcomes = await asyncio.gather(
        *(accounts.give(db, CLOCK, None, account.id, -3, "fees") for _ in range(8)),
        return_exceptions=True,
    )

    assert sorted(o for o in outcomes if isinstance(o, int)) == [1, 4, 7]
    assert len(await audited(db)) == 3
    await assert_ledger_holds(db)


async def test_weights_and_policies_are_known_of_every_account_closed_or_not(db: Database) -> None:
    heavy, careful, usual, gone = [await opened(db, f"demo{n}") for n in range(4)]
    await accounts.change(db, CLOCK, None, heavy.id, Changes(weight=10))
    await accounts.change(db, CLOCK, None, careful.id, Changes(on_uncertain="fail"))
    await accounts.change(db, CLOCK, None, gone.id, Changes(weight=3, on_uncertain="resend"))
    await opened(db, "boss", is_admin=True)
    await accounts.delete(db, CLOCK, None, gone.id)
    ids = [heavy.id, careful.id, usual.id, gone.id, 2**62]

    async with db.read() as tx:
        weights = await directory.weights(tx, ids)
        policies = await directory.policies(tx, ids)

    assert [weights[id] for id in ids] == [10, 1, 1, 3, 1]
    assert [policies[id] for id in ids] == ["hold", "fail", "hold", "resend", "hold"]


async def test_each_deed_is_audited_without_secrets(db: Database) -> None:
    boss = await opened(db, "boss", is_admin=True)
    new = NewAccount("demo", "argon2-hash")
    user = await accounts.create(db, CLOCK, boss.id, new, 7, Kind.GRANT)
    id = user.account.id
    changes = Changes(rate_limits={"send": "5/minute"})
    await accounts.change(db, CLOCK, boss.id, id, changes, "a new password")
    await accounts.give(db, CLOCK, boss.id, id, -2, "fees")
    await accounts.delete(db, CLOCK, boss.id, id)

    told = list(reversed(await audited(db)))

    assert [(actor, action, target) for actor, action, target, _ in told] == [
        (boss.id, f"user.{deed}", f"user:{id}")
        for deed in ("created", "changed", "credited", "deleted")
    ]
    assert told[1][3] == {"rate_limits": {"send": "5/minute"}, "password": "changed"}
    assert "a new password" not in str(told)
    assert "argon2" not in str(told)


async def test_what_is_refused_leaves_no_entry(db: Database) -> None:
    boss = await opened(db, "boss", is_admin=True)

    with pytest.raises(LastAdmin):
        await accounts.delete(db, CLOCK, boss.id, boss.id)
    with pytest.raises(NotFound):
        await accounts.change(db, CLOCK, boss.id, 2**62, Changes(is_active=True))

    assert await audited(db) == []
