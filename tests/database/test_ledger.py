"""The ledger is append-only, its numbers have no gaps, and no balance is ever below zero."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import pytest

from tests.support.messages import until
from waypost.credits import ledger
from waypost.credits.errors import InsufficientCredits
from waypost.credits.model import Entry, Kind, Move, Wallet
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids
from waypost.kit.page import Slice

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ANN, BEN = 7, 8

NUMBERS = "select number from ledger where account_id = $1 order by number"
BALANCES = "select balance from ledger where account_id = $1 order by number"
WAITING = """
select count(*) from pg_stat_activity
 where datname = current_database() and wait_event_type = 'Lock'
"""


@pytest.fixture(autouse=True)
async def wallets(db: Database) -> None:
    """Two accounts, with nothing yet."""
    async with db.tx() as tx:
        await ledger.open_wallet(tx, ANN)
        await ledger.open_wallet(tx, BEN)


def grant(account_id: int, credits: int) -> Move:
    return Move(account_id, credits, Kind.GRANT)


def charge(account_id: int, credits: int = 1) -> Move:
    return Move(account_id, -credits, Kind.CHARGE)


async def post(db: Database, *moves: Move) -> dict[int, Wallet]:
    return await db.transact(lambda tx: ledger.post(tx, moves, NOW))


async def balance(db: Database, account_id: int) -> int:
    async with db.read() as tx:
        return await ledger.balance(tx, account_id)


async def page(db: Database, before: int | None, most: int) -> Slice[Entry]:
    async with db.read() as tx:
        return await ledger.statement(tx, ANN, before, most)


async def differences(db: Database) -> list[tuple[int, int, int]]:
    async with db.read() as tx:
        return await ledger.differences(tx)


async def breaks(db: Database) -> list[int]:
    async with db.read() as tx:
        return await ledger.breaks(tx, NOW)


async def column(connection: asyncpg.Connection, query: str, account_id: int) -> list[int]:
    return [row[0] for row in await connection.fetch(query, account_id)]


async def test_a_new_wallet_is_empty_and_an_account_without_one_has_nothing(db: Database) -> None:
    assert await balance(db, ANN) == 0
    assert await balance(db, 999) == 0


async def test_a_move_changes_the_balance_and_is_written_down(db: Database) -> None:
    message_id = Ids(SystemClock()).new()
    await post(db, Move(ANN, 10, Kind.GRANT, actor_id=1, reason="paid"))
    after = await post(db, Move(ANN, -1, Kind.CHARGE, message_id))

    assert after == {ANN: Wallet(ANN, 9, 2)}
    assert await balance(db, ANN) == 9
    assert (await page(db, None, 10)).rows == [
        Entry(2, -1, 9, Kind.CHARGE, message_id, None, NOW),
        Entry(1, 10, 10, Kind.GRANT, None, "paid", NOW),
    ]


async def test_moves_of_one_transaction_are_written_in_their_order(
    db: Database, connection: asyncpg.Connection
) -> None:
    after = await post(db, grant(ANN, 5), grant(BEN, 3), charge(ANN, 2), charge(BEN), grant(ANN, 1))

    assert after == {ANN: Wallet(ANN, 4, 3), BEN: Wallet(BEN, 2, 2)}
    assert await column(connection, BALANCES, ANN) == [5, 3, 4]
    assert await column(connection, BALANCES, BEN) == [3, 2]


async def test_no_moves_change_nothing(db: Database) -> None:
    assert await post(db) == {}
    assert (await page(db, None, 10)).rows == []


async def test_a_balance_may_reach_zero_and_never_goes_below(db: Database) -> None:
    await post(db, grant(ANN, 3))
    await post(db, charge(ANN, 3))
    with pytest.raises(InsufficientCredits) as refused:
        await post(db, charge(ANN))

    assert (refused.value.status, refused.value.code) == (403, "INSUFFICIENT_CREDITS")
    assert refused.value.message == (
        "Not enough credits to send message. Required: 1, Available: 0"
    )
    assert await balance(db, ANN) == 0


async def test_moves_that_do_not_all_fit_are_none_of_them_made(
    db: Database, connection: asyncpg.Connection
) -> None:
    await post(db, grant(ANN, 3))
    with pytest.raises(InsufficientCredits):
        await post(db, grant(BEN, 1), charge(ANN, 2), charge(ANN, 2))

    assert await column(connection, NUMBERS, ANN) == [1]
    assert await column(connection, NUMBERS, BEN) == []
    assert await balance(db, ANN) == 3


async def test_a_transaction_that_fails_later_leaves_no_trace_and_no_gap(
    db: Database, connection: asyncpg.Connection
) -> None:
    async def work(tx: Tx) -> None:
        await ledger.post(tx, [grant(ANN, 5)], NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await db.transact(work)
    await post(db, grant(ANN, 2))

    assert await column(connection, NUMBERS, ANN) == [1]
    assert await balance(db, ANN) == 2


LINE = "insert into ledger values (7, 1, 1, 1, 'grant', null, null, null, now())"
ENTRY = """
insert into ledger (account_id, number, delta, balance, kind, at)
values ($1, $2, $3, $4, 'grant', $5)
"""


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger set delta = 1000000 where account_id = 7",
        "update ledger set reason = 'nothing to see' where number = 1",
        "delete from ledger where account_id = 7",
        "delete from ledger where false",
        "truncate ledger",
        f"{LINE} on conflict (account_id, number) do update set delta = 9",
    ],
)
async def test_what_is_written_cannot_be_changed_by_any_statement(
    db: Database, connection: asyncpg.Connection, statement: str
) -> None:
    await post(db, grant(ANN, 10))
    with pytest.raises(asyncpg.RaiseError, match="ledger is append-only"):
        await connection.execute(statement)

    assert await column(connection, BALANCES, ANN) == [10]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("update wallets set credits = -1", "wallets_credits_check"),
        (
            "insert into ledger values (7, 1, 0, 0, 'grant', null, null, null, now())",
            "ledger_delta_check",
        ),
        (
            "insert into ledger values (7, 1, -1, -1, 'charge', null, null, null, now())",
            "ledger_balance_check",
        ),
        (
            "insert into ledger values (7, 1, 1, 1, 'gift', null, null, null, now())",
            "ledger_kind_check",
        ),
    ],
)
async def test_the_database_itself_refuses_what_cannot_be(
    connection: asyncpg.Connection, statement: str, constraint: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute(statement)
    assert refused.value.constraint_name == constraint


async def test_a_number_is_given_once(connection: asyncpg.Connection) -> None:
    await connection.execute(LINE)

    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(LINE)


@pytest.mark.parametrize("kind", Kind)
async def test_the_database_knows_every_kind_of_move(db: Database, kind: Kind) -> None:
    await post(db, Move(ANN, 1, kind))

    assert [entry.kind for entry in (await page(db, None, 1)).rows] == [kind]


async def together(count: int, work: Callable[[int], Awaitable[object]]) -> list[object]:
    """Do the work so many times at once; what each came to."""
    return await asyncio.gather(*(work(n) for n in range(count)), return_exceptions=True)


async def test_20_at_once_are_numbered_without_gaps(
    db: Database, connection: asyncpg.Connection
) -> None:
    await post(db, grant(ANN, 1000))

    async def work(number: int) -> None:
        await post(db, charge(ANN, number + 1), Move(ANN, 1, Kind.REFUND))

    assert await together(20, work) == [None] * 20
    balances = await column(connection, BALANCES, ANN)

    assert await column(connection, NUMBERS, ANN) == list(range(1, 42))
    assert balances[-1] == await balance(db, ANN) == 1000 - sum(range(1, 21)) + 20
    assert await differences(db) == []


async def test_20_at_once_that_ask_for_more_than_there_is_get_exactly_what_there_is(
    db: Database, connection: asyncpg.Connection
) -> None:
    await post(db, grant(ANN, 7))
    came = await together(20, lambda _: post(db, charge(ANN)))

    assert sum(isinstance(each, dict) for each in came) == 7
    assert sum(isinstance(each, InsufficientCredits) for each in came) == 13
    assert await column(connection, BALANCES, ANN) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert await column(connection, NUMBERS, ANN) == list(range(1, 9))


async def test_accounts_named_in_any_order_are_never_in_each_others_way(
    db: Database, connection: asyncpg.Connection
) -> None:
    await post(db, grant(ANN, 100), grant(BEN, 100))
    tries = 0

    async def work(number: int) -> None:
        pair = (ANN, BEN) if number % 2 else (BEN, ANN)

        async def once(tx: Tx) -> None:
            nonlocal tries
            tries += 1
            await ledger.post(tx, [charge(each) for each in pair], NOW)

        await db.transact(once)

    assert await together(20, work) == [None] * 20
    assert tries == 20, "no deadlock had to be undone"
    assert [await balance(db, ANN), await balance(db, BEN)] == [80, 80]


async def test_who_locks_a_wallet_sees_what_the_one_before_left(
    db: Database, connection: asyncpg.Connection
) -> None:
    await post(db, grant(ANN, 10))
    async with db.tx() as tx:
        wallets = await ledger.lock(tx, {ANN, BEN})
        waiting = asyncio.create_task(post(db, charge(ANN)))
        await until(lambda: connection.fetchval(WAITING))
        await ledger.move(tx, wallets, [charge(ANN, 4)], NOW)

    assert wallets == {ANN: Wallet(ANN, 10, 1), BEN: Wallet(BEN, 0, 0)}
    assert await waiting == {ANN: Wallet(ANN, 5, 3)}


async def test_an_account_has_one_wallet(db: Database) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.transact(lambda tx: ledger.open_wallet(tx, ANN))


async def test_a_statement_is_read_page_by_page_newest_first(db: Database) -> None:
    for _ in range(5):
        await post(db, grant(ANN, 1))
    await post(db, grant(BEN, 1))
    numbers, cursor = [], None
    while True:
        found = await page(db, cursor, 2)
        numbers.append([entry.number for entry in found.rows])
        cursor = found.next
        if cursor is None:
            break

    assert numbers == [[5, 4], [3, 2], [1]]


async def test_a_page_that_is_exactly_full_is_the_last(db: Database) -> None:
    await post(db, grant(ANN, 1), grant(ANN, 1))

    assert (await page(db, None, 2)).next is None
    assert (await page(db, 1, 2)).rows == []


async def test_a_balance_that_is_not_its_sum_is_found(
    db: Database, connection: asyncpg.Connection
) -> None:
    await post(db, grant(ANN, 10), grant(BEN, 5))
    assert await differences(db) == []

    await connection.execute("update wallets set credits = 11 where account_id = $1", ANN)

    assert await differences(db) == [(ANN, 11, 10)]


async def test_an_empty_ledger_beside_a_balance_is_found(
    db: Database, connection: asyncpg.Connection
) -> None:
    await connection.execute("update wallets set credits = 3 where account_id = $1", BEN)

    assert await differences(db) == [(BEN, 3, 0)]


async def test_the_hourly_check_finds_nothing_in_honest_books(db: Database) -> None:
    await post(db, grant(ANN, 10), charge(ANN), charge(ANN, 9), grant(BEN, 5))

    assert await breaks(db) == []


@pytest.mark.parametrize("wrong", ["credits = credits + 1", "entries = entries + 1"])
async def test_the_hourly_check_finds_a_wallet_that_is_not_as_its_last_entry_left_it(
    db: Database, connection: asyncpg.Connection, wrong: str
) -> None:
    await post(db, grant(ANN, 10), charge(ANN), grant(BEN, 5))
    await connection.execute(f"update wallets set {wrong} where account_id = $1", ANN)

    assert await breaks(db) == [ANN]


async def test_the_hourly_check_finds_a_wallet_that_has_credits_and_no_entry(
    db: Database, connection: asyncpg.Connection
) -> None:
    await connection.execute("update wallets set credits = 3 where account_id = $1", BEN)

    assert await breaks(db) == [BEN]


@pytest.mark.parametrize(("number", "balance"), [(2, 12), (3, 11)], ids=["a sum", "a gap"])
async def test_the_hourly_check_finds_an_entry_that_does_not_follow_from_the_one_before(
    db: Database, connection: asyncpg.Connection, number: int, balance: int
) -> None:
    await post(db, grant(ANN, 10), grant(BEN, 5))
    await connection.execute(ENTRY, ANN, number, 1, balance, NOW)
    set_wallet = "update wallets set credits = $2, entries = $3 where account_id = $1"
    await connection.execute(set_wallet, ANN, balance, number)

    assert await breaks(db) == [ANN]
