"""Money is exact, whatever happens in whatever order."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.messages import UNCERTAIN_AFTER
from tests.support.sends import CLOCK, bulk, differences, group_commit, single
from waypost.credits import ledger
from waypost.credits.errors import InsufficientCredits
from waypost.credits.model import Kind, Move
from waypost.devices.leases import Lease
from waypost.drivers.news import Failed
from waypost.drivers.outgoing import Ref
from waypost.drivers.port import Accepted, DeviceDown, NotSent, Refused, Retry, Unknown
from waypost.kit.db import Database, Tx
from waypost.messages import receipts
from waypost.messages.group_commit import GroupCommit
from waypost.messages.mark import load, mark
from waypost.messages.outcomes import Marked, Place, Result
from waypost.messages.settle import settle
from waypost.queue import lanes
from waypost.queue.model import lane_of

ACCOUNTS = 3
OWNER = UUID(int=1)
LEASE = Lease(1, OWNER, 1)

accounts = st.integers(1, ACCOUNTS)
outcomes = st.sampled_from(
    [
        Accepted("x"),
        Refused("NO", "no"),
        Retry("LATER", "later"),
        DeviceDown("gone"),
        NotSent("late"),
        Unknown("silence"),
    ]
)
deeds = st.one_of(
    st.tuples(st.just("grant"), accounts, st.integers(-20, 20).filter(bool)),
    st.tuples(st.just("send"), accounts, st.just(1)),
    st.tuples(st.just("bulk"), accounts, st.integers(1, 30)),
    st.tuples(st.just("settle"), st.integers(1, 20), outcomes),
    st.tuples(st.just("settle again"), st.integers(1, 20), outcomes),
    st.tuples(st.just("fail later"), st.integers(1, 20), st.none()),
)


class Bank:
    """What the deeds are done to."""

    def __init__(self, db: Database, commit: GroupCommit) -> None:
        self._db = db
        self._commit = commit
        self._marked: list[Marked] = []

    async def do(self, deed: tuple[str, Any, Any]) -> None:
        what, who, how = deed
        with suppress(InsufficientCredits):
            match what:
                case "grant":
                    moves = [Move(who, how, Kind.GRANT)]
                    await self._db.transact(lambda tx: ledger.post(tx, moves, CLOCK.now()))
                case "send":
                    await self._commit.submit(single(who))
                case "bulk":
                    await self._commit.submit(bulk(who, how))
                case "settle":
                    await self._settle(await self._mark(who), how)
                case "settle again":
                    await self._settle(self._marked[-who:], how)
                case "fail later":
                    await self._fail(self._marked[-who:])

    async def _mark(self, most: int) -> list[Marked]:
        async def work(tx: Tx) -> list[Marked]:
            claimed = await load(tx, await lanes.claim(tx, OWNER, lane_of(1), most))
            return await mark(tx, LEASE, [Place(each, 1, True) for each in claimed], CLOCK.now())

        marked = await self._db.transact(work)
        self._marked += marked
        return marked

    async def _settle(self, marked: list[Marked], outcome: Any) -> None:
        results = [Result(each, outcome, CLOCK.now()) for each in marked]
        if results:
            await self._db.transact(
                lambda tx: settle(tx, OWNER, results, CLOCK, lambda: 0.0, UNCERTAIN_AFTER)
            )

    async def _fail(self, marked: list[Marked]) -> None:
        events = [
            Failed(Ref(*each.claimed.key), CLOCK.now(), "LOST", "It did not arrive.")
            for each in marked
        ]
        if events:
            await self._db.transact(lambda tx: receipts.apply(tx, events, CLOCK))


async def fresh(connection: asyncpg.Connection) -> None:
    """Empty the database between examples, behind the ledger's back."""
    await connection.execute("alter table ledger disable trigger ledger_is_append_only")
    await connection.execute(
        "truncate ledger, wallets, messages, message_events, message_counts, pgqueuer,"
        " parked_jobs, flow_clocks, lane_clocks, alarms, batches, leases"
    )
    await connection.execute("alter table ledger enable trigger ledger_is_append_only")
    await connection.executemany(
        "insert into wallets (account_id) values ($1)", [(n + 1,) for n in range(ACCOUNTS)]
    )
    await connection.execute("insert into leases values (1, $1, 1, now())", OWNER)


async def run(url: str, streams: list[list[tuple[str, Any, Any]]]) -> None:
    db = Database(url, 6, "waypost test")
    await db.open()
    connection = await asyncpg.connect(url)
    await fresh(connection)
    start = [Move(n + 1, 30, Kind.GRANT) for n in range(ACCOUNTS)]
    await db.transact(lambda tx: ledger.post(tx, start, CLOCK.now()))
    async with group_commit(db) as commit:
        bank = Bank(db, commit)

        async def one_after_another(stream: list[tuple[str, Any, Any]]) -> None:
            for deed in stream:
                await bank.do(deed)

        await asyncio.gather(*(one_after_another(stream) for stream in streams))
    await hold(db, connection)
    await connection.close()
    await db.close()


async def hold(db: Database, connection: asyncpg.Connection) -> None:
    """What must be true after anything."""
    assert await differences(db) == []
    assert await connection.fetchval("select min(credits) from wallets") >= 0
    gaps = "select count(*) from ledger group by account_id having count(*) <> max(number)"
    assert await connection.fetch(gaps) == []
    unpaid = await connection.fetchval(
        """
        select count(*) from messages m left join
            (select message_id, sum(delta) as paid from ledger group by 1) l on l.message_id = m.id
         where coalesce(l.paid, 0) <> case when m.status in ('Failed', 'Expired') then 0 else -1 end
        """
    )
    assert unpaid == 0, "each message is paid once, and those that failed are paid back once"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(streams=st.lists(st.lists(deeds, max_size=12), min_size=1, max_size=4))
def test_any_interleaving_keeps_balance_equal_to_the_ledger(
    database_url: str, streams: list[list[tuple[str, Any, Any]]]
) -> None:
    """Grants, sends, bulks, outcomes told once or twice, late failures: in any order, at once."""
    asyncio.run(run(database_url, streams))


async def test_no_haste_takes_more_than_there_is(database_url: str, db: Database) -> None:
    """Many at once on two API processes' worth of committers, on a balance for half of them."""
    other = Database(database_url, 6, "waypost test")
    await other.open()
    connection = await asyncpg.connect(database_url)
    await fresh(connection)
    await db.transact(lambda tx: ledger.post(tx, [Move(1, 50, Kind.GRANT)], CLOCK.now()))

    async with group_commit(db) as here, group_commit(other) as there:
        sends = [commit.submit(single(1)) for commit in (here, there) for _ in range(50)]
        answers = await asyncio.gather(*sends, return_exceptions=True)

    assert sum(isinstance(answer, InsufficientCredits) for answer in answers) == 50
    await hold(db, connection)
    assert await connection.fetchval("select credits from wallets where account_id = 1") == 0
    await connection.close()
    await other.close()
