"""On 100,000 messages of several months, nothing that a request or a loop runs reads a table
from end to end."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.asgi import opened as opened_app
from tests.support.callbacks import NUMBER_ID, PERSON, call, messages, status, written
from tests.support.messages import PLAIN, House, until
from tests.support.official import SEALER, Number
from tests.support.people import PASSWORD, opened
from tests.support.recording import RecordingDatabase
from waypost.app.api import assemble
from waypost.app.worker import _Worker
from waypost.devices import manage
from waypost.drivers.cloud import opaque
from waypost.drivers.outgoing import Ref
from waypost.events import log as facts
from waypost.intake import callbacks
from waypost.intake.callbacks import Callbacks
from waypost.kit.clock import FrozenClock, SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids
from waypost.kit.months import months_from
from waypost.messages import store_accept, store_inbound, store_trace
from waypost.messages.accept import Acceptance, look_up

MESSAGES = 100_000
ACCOUNTS = 20
MONTHS = 4
TABLES = "^(messages|message_events|ledger|pgqueuer|parked_jobs|alarms|batches|chats)(_2.*)?$"
LARGE = "select relname from pg_class where relkind = 'r' and relname ~ $1 and reltuples >= 1000"
SETTINGS = Settings(
    jwt_secret="s" * 32,
    seal_key="k" * 32,
    rate_limit_auth=None,
    sandbox_delivered_seconds=0.05,
    sandbox_read_seconds=0.1,
)

FILL = """
insert into messages (account_id, id, number, class, recipient, body, pool_id, status, facts,
                      created_at, updated_at, expires_at, sent_at, device_id)
select account_id, id, row_number() over (partition by account_id order by id), 'single',
       '2782' || (1000000 + n), 'Hello', 1, case n % 50 when 0 then 'Failed' else 'Read' end, 4,
       at, at, at + interval '1 day', at, 1 + n % 3
  from unnest($1::bigint[], $2::uuid[], $3::timestamptz[]) with ordinality
    as t(account_id, id, at, n)
"""

FACTS = """
insert into message_events (account_id, message_id, number, type, at)
select account_id, id, n, 'message.queued', created_at
  from messages cross join generate_series(1, 2) as n
"""

LEDGER = """
insert into ledger (account_id, number, delta, balance, kind, message_id, at)
select account_id, number + 1, -1, 1000000 - number, 'charge', id, created_at from messages
"""

COUNTS = "insert into message_counts select account_id, max(number) from messages group by 1"

WALLETS = """
update wallets w set credits = l.balance, entries = l.number
  from (select distinct on (account_id) account_id, number, balance from ledger
         order by account_id, number desc) l where l.account_id = w.account_id
"""

CHATS = """
insert into chats
select recipient, device_id, account_id, max(sent_at) from messages group by 1, 2, 3 order by 4
"""

BACKLOG = """
insert into pgqueuer (priority, entrypoint, payload, status)
select 0, 'pool.' || (100 + n % 5), decode(lpad(to_hex(n), 48, '0'), 'hex'), 'queued'
  from generate_series(1, 20000) as n
"""


EXPIRED = "select count(*) from message_events where type = 'message.expired'"


async def fill(db: Database, connection: asyncpg.Connection, messages: int = MESSAGES) -> None:
    """Messages over several months, with their facts, their charges and a backlog."""
    now = datetime.now(UTC)
    random = Random(1)
    start = now - timedelta(days=30 * (MONTHS - 1))
    moments = sorted(start + (now - start) * random.random() for _ in range(messages))
    clock = FrozenClock(start)
    ids = Ids(clock, random.randbytes)
    made = []
    for at in moments:
        clock.advance(at - clock.now())
        made.append(ids.new())

    async def lay(tx: Tx) -> None:
        for month in months_from(start, MONTHS):
            await store_accept.make_partition(tx, month)
            await facts.make_partition(tx, month)

    await db.transact(lay)
    for n in range(ACCOUNTS):
        await opened(db, f"user{n}", is_admin=n == 0, credits=1_000_000)
    accounts = [1 + random.randrange(ACCOUNTS) for _ in made]
    await connection.execute(FILL, accounts, made, moments)
    for statement in (FACTS, LEDGER, COUNTS, WALLETS, CHATS, BACKLOG):
        await connection.execute(statement)
    await connection.execute("analyze")


async def ask_everything(client: httpx.AsyncClient) -> None:
    """Every request that touches messages, facts, the ledger or the queue."""
    answer = await client.post("/api/auth/login", json={"username": "user0", "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    sent = await client.post(
        "/api/messages/send-message", json={"number": "27821234567", "message": "Hello"}
    )
    fates = [f"2782200000{ending}" for ending in range(1, 8)]
    numbers = fates + [f"2782{2_000_100 + n}" for n in range(50)]
    body = {"numbers": numbers, "message": "Hello", "reference": "order 7"}
    bulk = await client.post("/api/messages/send-bulk-message", json=body)
    batch_id = bulk.json()["batch_id"]
    await control_everything(client, batch_id)
    queue_id = sent.json()["queue_id"]
    history = "/api/messages/messages"
    for path in (
        f"/api/messages/message-status/{queue_id}",
        f"/api/messages/{queue_id}/events",
        history,
        f"{history}?page=30&per_page=100",
        f"{history}?status=Failed",
        f"{history}?number=27821000001",
        f"{history}?number=27821000001&status=Read&page=2",
        f"{history}?batch_id={batch_id}",
        f"{history}?reference=order%207&page=2",
        f"{history}?from=2026-01-01&to=2100-01-01T00:00:00Z&status=Read",
        f"{history}?cursor={await cursor(client)}",
        f"{history}?cursor={await cursor(client)}&status=Failed",
        "/api/messages/inbox",
        "/api/users/user/credits",
        "/api/users/user/statement",
        "/api/users/user/statement?per_page=100",
        "/api/admin/messages",
        f"/api/admin/messages?cursor={queue_id}&status=Failed",
        "/api/admin/messages?user_id=3&number=27821000001",
        "/api/admin/stats?hours=24",
        "/api/admin/users",
        "/api/admin/users/3/statement",
        "/metrics",
        "/readyz",
    ):
        answer = await client.get(path)
        assert answer.status_code in (200, 503), (path, answer.text)
    pool = await client.post("/api/admin/pools", json={"name": "spare"})
    await client.delete(f"/api/admin/pools/{pool.json()['id']}")


async def control_everything(client: httpx.AsyncClient, batch_id: str) -> None:
    """Every request that takes messages out of the queue, or puts them back."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    to_one = {"number": "27823333333", "message": "Hello", "send_at": later}
    to_two = {"numbers": ["27823333333", "27824444444"], "message": "Hello", "send_at": later}
    one = (await client.post("/api/messages/send-message", json=to_one)).json()["queue_id"]
    two = (await client.post("/api/messages/send-bulk-message", json=to_two)).json()["batch_id"]
    batches = "/api/messages/batches"
    for answer in (
        await client.post(f"/api/messages/{one}/cancel"),
        await client.post(f"{batches}/{two}/cancel"),
        await client.post(f"{batches}/{batch_id}/pause"),
        await client.post(f"{batches}/{batch_id}/resume"),
        await client.get(f"{batches}/{batch_id}"),
    ):
        assert answer.status_code == 200, answer.text


async def cursor(client: httpx.AsyncClient) -> str:
    answer = await client.get("/api/messages/messages?per_page=5")
    text: str = answer.json()["next_cursor"]
    return text


async def accept_what_others_settle(db: Database) -> None:
    """A batch whose COMMIT got no answer is looked up; what was accepted too late is to expire."""
    ids = await House(db).accept(PLAIN, lifetime=timedelta(0))
    answer = Acceptance(ids, 0, 1, 3, 3)

    assert await db.transact(lambda tx: look_up(tx, [answer], {1})) == set(ids)


async def hear_a_provider(db: Database) -> None:
    """A status, by our own words and by the provider's, and an answer to a message of ours."""
    device = await Number(NUMBER_ID).make(db)
    (id,) = await House(db).accept(PERSON)
    words = opaque.write(Ref(1, id, 1))
    statuses = [status("sent", biz_opaque_callback_data=words), status("read", "wamid.B")]
    answer = written("text", {"body": "Yes"}, context={"id": "wamid.B"})
    body = call(messages(statuses=statuses, messages=[answer]))
    await db.transact(lambda tx: callbacks.keep(tx, device.id, body, datetime.now(UTC)))

    assert await Callbacks(db, SEALER, SystemClock()).work_off(1) == 1
    await db.transact(lambda tx: manage.delete(tx, device.id))


async def work_everything(db: Database, connection: asyncpg.Connection) -> None:
    """What a worker's loops run, until all that was accepted is sent, and most of it read."""
    clock = SystemClock()
    worker = _Worker(SETTINGS, db, db, clock, Ids(clock).new(), Random(1).random)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    on_their_way = "select count(*) = 0 from messages where status in ('Queued', 'Sending')"
    told = "select count(*) > 20 from message_events where type = 'message.read'"

    async def all_sent() -> bool:
        done: bool = await connection.fetchval(f"select ({on_their_way}) and ({told})")
        return done

    await until(all_sent)
    stop.set()
    await running


async def test_no_statement_reads_a_large_table_from_end_to_end(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    await fill(db, connection)
    recording = RecordingDatabase(database_url, 8, "waypost worker")
    async with opened_app(assemble(SETTINGS, recording, "embedded")) as client:
        await ask_everything(client)
        await accept_what_others_settle(recording)
        await hear_a_provider(recording)
        await work_everything(recording, connection)

    planned = {query: args for query, args in recording.statements.items() if is_planned(query)}
    guilty = [query for query, args in planned.items() if await reads_all(connection, query, args)]

    assert len(planned) > 40, "the requests and loops did not run"
    assert {store_accept.EXISTING, store_inbound.WROTE_LAST, store_trace.PRESENT} <= set(planned)
    assert await connection.fetchval(EXPIRED) == 1
    assert guilty == []


def is_planned(query: str) -> bool:
    first = query.split(None, 1)[0].lower()
    return first in ("select", "insert", "update", "delete", "with")


async def reads_all(connection: asyncpg.Connection, query: str, args: tuple[Any, ...]) -> bool:
    """Whether the plan has a sequential scan of something large (months to come are empty)."""
    large = {row["relname"] for row in await connection.fetch(LARGE, TABLES)}
    plan = json.loads(await connection.fetchval(f"explain (format json) {query}", *args))
    return any(
        node["Node Type"] == "Seq Scan" and node["Relation Name"] in large
        for node in nodes(plan[0]["Plan"])
    )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


@pytest.mark.parametrize(
    "query", ["select count(*) from messages", "select sum(delta) from ledger"]
)
async def test_the_test_itself_sees_sequential_scans(
    db: Database, connection: asyncpg.Connection, query: str
) -> None:
    await fill(db, connection, messages=5000)

    assert await reads_all(connection, query, ())
