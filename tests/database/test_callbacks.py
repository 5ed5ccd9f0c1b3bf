"""What providers tell, from the kept call to the message: late, twice, disordered, or of nobody."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.support.callbacks import (
    PERSON,
    call,
    calls,
    change,
    contact,
    failed,
    messages,
    status,
    written,
)
from tests.support.messages import PLAIN, House, plain, told
from tests.support.official import SEALER, Number
from waypost.devices import fleet_view, vault
from waypost.drivers.cloud import opaque
from waypost.drivers.news import Stop
from waypost.drivers.outgoing import Ref
from waypost.drivers.port import Accepted, Unknown
from waypost.intake import callbacks
from waypost.intake.callbacks import ATTEMPTS, ATTEMPTS_AT_STRANGE, Callbacks
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database
from waypost.kit.seal import Sealer
from waypost.messages.outcomes import Marked

OURS = Number("106540352242922", "102290129340398")
OTHER = Number("2", "200")
ACCOUNT = """
insert into accounts (username, password_hash, pool_id, created_at)
select 'owner', 'x', id, now() from pools where is_default
"""
STRANGE = Number("3", "300", app_secret="another-app")


class Door:
    """A house whose messages go through an official number, and the calls about them."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.house = House(db)
        self.worker = Callbacks(db, SEALER, self.house.clock)
        self.device_id = 0

    async def open(self) -> "Door":
        await self.house.open()
        self.device_id = (await OURS.make(self.db)).id
        return self

    async def sent(self, *numbers: str) -> list[Marked]:
        """Messages on their way to these numbers, whose answers are still to come."""
        await self.house.accept(*numbers)
        return await self.house.mark(device_id=self.device_id, may_repeat=False)

    async def told(self, *bodies: bytes, device_id: int | None = None) -> None:
        """The provider calls with each of these, one after another."""
        device, at = device_id or self.device_id, self.house.clock.now()
        async with self.db.tx() as tx:
            for body in bodies:
                await callbacks.keep(tx, device, body, at)

    async def work_off(self) -> None:
        """All that is due."""
        while await self.worker.work_off(64):
            pass

    async def hears(self, *bodies: bytes, device_id: int | None = None) -> None:
        await self.told(*bodies, device_id=device_id)
        await self.work_off()

    async def statuses(self, marked: list[Marked]) -> list[str]:
        return await self.house.statuses([each.claimed.text.id for each in marked])


@pytest.fixture
async def door(db: Database) -> Door:
    return await Door(db).open()


def ours(marked: Marked, name: str, provider_id: str = "wamid.A", **more: Any) -> Any:
    """A status that brings back our own words."""
    words = opaque.write(marked.outgoing().ref)
    return status(name, provider_id, biz_opaque_callback_data=words, **more)


async def waiting(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch("select * from callbacks order by id")
    return rows


async def notices(connection: asyncpg.Connection) -> list[tuple[str, Any]]:
    rows = await connection.fetch("select field, value from provider_notices order by id")
    return [(row["field"], json.loads(row["value"])) for row in rows]


async def due_now(connection: asyncpg.Connection) -> None:
    """Let what is put off be due."""
    await connection.execute("update callbacks set due_at = received_at")


async def test_a_status_finds_its_message_by_our_own_words(door: Door) -> None:
    (marked,) = await door.sent(PLAIN)

    await door.hears(call(messages(statuses=[ours(marked, "delivered")])))

    assert await door.statuses([marked]) == ["Delivered"]


async def test_a_status_without_them_finds_it_by_the_providers_id(door: Door) -> None:
    (marked,) = await door.sent(PLAIN)
    await door.house.settle(marked, Accepted("wamid.A"))

    await door.hears(call(messages(statuses=[status("read")])))

    assert await door.statuses([marked]) == ["Read"]


async def test_what_our_words_named_is_known_by_its_id_from_then_on(door: Door) -> None:
    """A failure may come without our words, of a message whose answer never came."""
    (marked,) = await door.sent(PLAIN)
    await door.house.settle(marked, Unknown("cut off"))

    await door.hears(call(messages(statuses=[ours(marked, "sent")])))
    await door.hears(call(messages(statuses=[failed(131026)])))

    assert await door.statuses([marked]) == ["Failed"]
    (state,) = await door.house.states([marked.claimed.text.id])
    assert state.error_code == "131026"


async def stops(door: Door, at: timedelta = timedelta()) -> list[Stop]:
    """What is stopped of the device, so long from now."""
    async with door.db.read() as tx:
        now = door.house.clock.now() + at
        [run] = [
            each
            for each in await fleet_view.load(tx, [door.house.pool_id], now)
            if each.id == door.device_id
        ]
    return list(run.stops)


def fresh(door: Door) -> str:
    """The present, as the provider writes it."""
    return str(int(door.house.clock.now().timestamp()))


@pytest.mark.parametrize(
    ("code", "level", "minutes"),
    [(131042, "account", 60), (131048, "device", 60), (190, "token", 10), (4, "token", 5)],
)
async def test_a_failure_that_is_not_the_messages_stops_its_number(
    door: Door, connection: asyncpg.Connection, code: int, level: str, minutes: int
) -> None:
    (marked,) = await door.sent(PLAIN)
    await door.house.settle(marked, Accepted("wamid.A"))

    await door.hears(call(messages(statuses=[failed(code, timestamp=fresh(door))])))

    [stop] = await stops(door)
    assert (stop.level, stop.code, stop.template) == (level, str(code), None)
    assert stop.until - stop.at == timedelta(minutes=minutes)
    assert await door.statuses([marked]) == ["Failed"]
    assert await stops(door, timedelta(minutes=minutes)) == []
    await connection.execute("delete from devices where id = $1", door.device_id)
    assert await connection.fetchval("select count(*) from device_stops") == 0


async def test_a_failure_of_a_template_stops_the_one_that_the_message_carried(
    door: Door, connection: asyncpg.Connection
) -> None:
    carrying, plain_one = await door.sent(PLAIN, "27829876543")
    content = {"approved": {"name": "order", "language": "en_US"}}
    await connection.execute(
        "update messages set content = $2 where id = $1",
        carrying.claimed.text.id,
        json.dumps(content),
    )
    told = [
        ours(marked, "failed", f"wamid.{n}", timestamp=fresh(door), errors=[{"code": 132015}])
        for n, marked in enumerate((carrying, plain_one))
    ]

    await door.hears(call(messages(statuses=told)))

    [stop] = await stops(door)
    assert (stop.level, stop.template) == ("template", ("order", "en_US"))


async def test_what_fails_the_message_alone_stops_nothing(door: Door) -> None:
    (marked,) = await door.sent(PLAIN)

    await door.hears(call(messages(statuses=[ours(marked, "failed", errors=[{"code": 131026}])])))

    assert await stops(door) == []


async def test_an_error_of_the_number_itself_stops_it_and_is_kept(
    door: Door, connection: asyncpg.Connection
) -> None:
    errors = [{"code": 131031, "title": "Locked"}]

    await door.hears(call(messages(errors=errors)))

    [stop] = await stops(door)
    assert (stop.level, stop.code) == ("account", "131031")
    assert await notices(connection) == [("messages", {"errors": errors})]


async def test_old_news_of_a_stop_shortens_none(door: Door) -> None:
    first, second = await door.sent(PLAIN, "27829876543")
    now = ours(first, "failed", errors=[{"code": 131042}], timestamp=fresh(door))
    await door.hears(call(messages(statuses=[now])))
    [before] = await stops(door)

    old = ours(second, "failed", "wamid.B", errors=[{"code": 131031}])
    await door.hears(call(messages(statuses=[old])))

    assert await stops(door) == [before]


async def test_who_answers_what_is_told_to_have_left_only_now_answers_its_sender(
    door: Door, connection: asyncpg.Connection
) -> None:
    """All of it in one batch, as after a time without workers."""
    await connection.execute(ACCOUNT)
    (marked,) = await door.sent(PERSON)
    await door.house.settle(marked, Unknown("cut off"))
    sent = ours(marked, "sent", "wamid.OUT")
    answers = [
        written("text", {"body": "Yes"}, "wamid.YES", context={"id": "wamid.OUT"}),
        written("text", {"body": "And more"}, "wamid.MORE"),
    ]

    await door.hears(call(messages(messages=answers)), call(messages(statuses=[sent])))

    rows = await connection.fetch("select account_id from inbound")
    assert [row["account_id"] for row in rows] == [door.house.account_id] * 2


async def test_a_thousand_statuses_of_one_call_all_count(door: Door) -> None:
    marked = await door.sent(*plain(500))
    parts = [ours(m, name, f"wamid.{n}") for n, m in enumerate(marked) for name in ("sent", "read")]
    entries = [
        {"id": "102290129340398", "changes": [messages(statuses=some)]}
        for some in (parts[:400], parts[400:])
    ]

    await door.hears(calls(*entries))

    assert set(await door.statuses(marked)) == {"Read"}


@pytest.mark.parametrize(
    "order",
    [
        ["sent", "delivered", "read"],
        ["read", "delivered", "sent"],
        ["delivered", "read", "read", "sent", "delivered", "sent"],
        ["read"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("together", [True, False], ids=["one call", "a call each"])
async def test_order_and_repetition_do_not_matter(
    door: Door, order: list[str], together: bool
) -> None:
    (marked,) = await door.sent(PLAIN)
    parts = [ours(marked, name) for name in order]
    bodies = [
        call(messages(statuses=some)) for some in ([parts] if together else [[p] for p in parts])
    ]

    await door.hears(*bodies)

    assert await door.statuses([marked]) == ["Read"]


async def test_an_ambiguous_send_is_settled_by_its_status(
    door: Door, connection: asyncpg.Connection
) -> None:
    (marked,) = await door.sent(PLAIN)
    await door.house.settle(marked, Unknown("cut off"))

    await door.hears(call(messages(statuses=[ours(marked, "sent")])))

    (state,) = await door.house.states([marked.claimed.text.id])
    assert (state.status, state.provider_id) == ("Sent", "wamid.A")
    assert await told(connection, marked.claimed.text.id) == [
        "message.queued",
        "message.sending",
        "message.sent",
    ]


async def test_a_status_that_is_faster_than_the_answer_is_looked_at_again(
    door: Door, connection: asyncpg.Connection
) -> None:
    early, known = await door.sent(PLAIN, "27829876543")
    body = call(messages(statuses=[status("read", "wamid.E"), ours(known, "read", "wamid.K")]))

    await door.hears(body)
    (left,) = await waiting(connection)
    await door.house.settle(early, Accepted("wamid.E"))
    await due_now(connection)
    await door.work_off()

    assert left["attempts"] == 1
    assert b"wamid.E" in left["body"]
    assert b"wamid.K" not in left["body"], "what was found is done"
    assert await door.statuses([early, known]) == ["Read", "Read"]
    assert await waiting(connection) == []
    assert await notices(connection) == []


async def test_the_waits_for_a_message_double_and_have_an_end(
    door: Door, connection: asyncpg.Connection
) -> None:
    await door.told(call(messages(statuses=[status("read")])))
    waits = []
    for _ in range(ATTEMPTS):
        await door.work_off()
        (left,) = await waiting(connection)
        waits.append(round((left["due_at"] - door.house.clock.now()) / timedelta(seconds=1)))
        await due_now(connection)
    await door.work_off()

    assert waits == [2**n for n in range(ATTEMPTS)]
    assert await waiting(connection) == []
    assert await notices(connection) == [("status", status("read"))]


async def test_words_that_name_no_message_of_ours_fall_back_on_the_id(door: Door) -> None:
    (marked,) = await door.sent(PLAIN)
    await door.house.settle(marked, Accepted("wamid.A"))
    nobody = opaque.write(Ref(99, UUID(int=7), 1))

    await door.hears(
        call(messages(statuses=[status("read", biz_opaque_callback_data=nobody)])),
    )

    assert await door.statuses([marked]) == ["Read"]


async def test_one_apps_call_may_tell_of_its_other_numbers(door: Door, db: Database) -> None:
    other = await OTHER.make(db, "other")
    await door.house.accept(PLAIN)
    (marked,) = await door.house.mark(device_id=other.id, may_repeat=False)
    await door.house.settle(marked, Accepted("wamid.A"))

    await door.hears(call(messages("2", statuses=[status("read")])))

    assert await door.statuses([marked]) == ["Read"]


async def test_calls_of_several_apps_are_told_apart_in_one_batch(
    door: Door, db: Database, connection: asyncpg.Connection
) -> None:
    strange = await STRANGE.make(db, "strange")
    first, second = await door.sent(PLAIN, "27829876543")

    await door.told(call(messages(statuses=[ours(first, "read")])))
    await door.hears(call(messages(statuses=[ours(second, "read")])), device_id=strange.id)

    assert await door.statuses([first, second]) == ["Read", "Sending"]
    assert [row["device_id"] for row in await waiting(connection)] == [strange.id]


async def test_who_signs_for_one_app_cannot_tell_of_anothers_numbers(
    door: Door, db: Database, connection: asyncpg.Connection
) -> None:
    strange = await STRANGE.make(db, "strange")
    (marked,) = await door.sent(PLAIN)
    part = messages(statuses=[ours(marked, "failed")], messages=[written("text", {"body": "x"})])

    await door.hears(call(part), device_id=strange.id)
    for _ in range(ATTEMPTS_AT_STRANGE):
        assert await notices(connection) == []
        await due_now(connection)
        await door.work_off()

    assert await door.statuses([marked]) == ["Sending"]
    assert await notices(connection) == [("messages", part["value"])]
    assert await waiting(connection) == []
    assert await connection.fetchval("select count(*) from inbound") == 0


async def test_what_is_told_while_secrets_change_one_after_another_is_believed_after(
    door: Door, db: Database, connection: asyncpg.Connection
) -> None:
    other = await OTHER.make(db, "other")
    await door.house.accept(PLAIN)
    (marked,) = await door.house.mark(device_id=other.id, may_repeat=False)
    letter = messages("2", messages=[written("text", {"body": "x"})], contacts=[contact()])
    (near,) = await door.sent("27829876543")
    anew = {"app_secret": "another-app-secret"}
    body = call(messages(statuses=[ours(near, "read", "wamid.B")]), letter)

    await db.transact(lambda tx: vault.keep(tx, SEALER, door.device_id, anew))
    await door.hears(body, call(messages("2", statuses=[ours(marked, "read")])))
    meanwhile = await door.statuses([near, marked])
    left = await waiting(connection)
    await db.transact(lambda tx: vault.keep(tx, SEALER, other.id, anew))
    await due_now(connection)
    await door.work_off()

    assert meanwhile == ["Read", "Sending"], "the rest of its call does not wait"
    assert [row["attempts"] for row in left] == [1, 1]
    assert b"wamid.B" not in left[0]["body"]
    assert await door.statuses([marked]) == ["Read"]
    assert await connection.fetchval("select device_id from inbound") == other.id
    assert await notices(connection) == []
    assert await waiting(connection) == []


async def test_a_worker_without_the_key_leaves_all_to_those_who_have_it(
    door: Door, connection: asyncpg.Connection
) -> None:
    (marked,) = await door.sent(PLAIN)
    template = change(
        "message_template_status_update",
        event="PAUSED",
        message_template_name="hello",
        message_template_language="en_US",
    )
    await door.told(call(messages(statuses=[ours(marked, "read")])), call(template))
    keyless = Callbacks(door.db, Sealer(["x" * 32]), door.house.clock)

    while await keyless.work_off(64):
        pass
    kept = len(await waiting(connection))
    await due_now(connection)
    await door.work_off()

    assert kept == 2
    assert await door.statuses([marked]) == ["Read"]
    assert await notices(connection) == []
    assert await waiting(connection) == []


async def test_the_waits_for_a_secret_double_up_to_an_hour(
    door: Door, db: Database, connection: asyncpg.Connection
) -> None:
    strange = await STRANGE.make(db, "strange")
    await door.told(call(messages(statuses=[status("read")])), device_id=strange.id)
    waits = []
    for _ in range(ATTEMPTS_AT_STRANGE):
        await door.work_off()
        (left,) = await waiting(connection)
        waits.append(round((left["due_at"] - door.house.clock.now()) / timedelta(seconds=1)))
        await due_now(connection)

    assert waits == [2**n for n in range(12)] + [3600] * (ATTEMPTS_AT_STRANGE - 12)


async def test_what_is_told_of_a_number_that_no_device_has_is_a_notice_at_once(
    door: Door, connection: asyncpg.Connection
) -> None:
    part = messages("404", statuses=[status("read")])

    await door.hears(call(part))

    assert await notices(connection) == [("messages", part["value"])]
    assert await waiting(connection) == []


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"{", ("unreadable", {"text": "{"})),
        (b"\0\xff", ("unreadable", {"text": "\ufffd\ufffd"})),
        (
            call(change("account_update", event="DISABLED_UPDATE")),
            ("account_update", {"event": "DISABLED_UPDATE"}),
        ),
        (
            call(messages(errors=[{"code": 131031}])),
            ("messages", {"errors": [{"code": 131031}]}),
        ),
        (
            call(change("message_template_status_update", event="X")),
            ("message_template_status_update", {"event": "X"}),
        ),
        (call(change("smb_message_echoes", a="\0")), ("smb_message_echoes", {"a": "\ufffd"})),
        (call(change("tomorrow", new=[1])), ("tomorrow", {"new": [1]})),
        (calls("x"), ("malformed", {"entry": "x"})),
    ],
    ids=lambda v: v[0] if isinstance(v, tuple) else "",
)
async def test_what_nobody_understands_is_kept_and_holds_nobody_up(
    door: Door, connection: asyncpg.Connection, body: bytes, kept: tuple[str, Any]
) -> None:
    (marked,) = await door.sent(PLAIN)

    await door.hears(body, call(messages(statuses=[ours(marked, "read")])))

    assert await notices(connection) == [kept]
    assert await waiting(connection) == []
    assert await door.statuses([marked]) == ["Read"]


async def test_a_call_that_cannot_be_worked_off_fails_alone_and_in_the_end_is_a_notice(
    door: Door, connection: asyncpg.Connection
) -> None:
    first, second = await door.sent(PLAIN, "27829876543")
    too_long = "".join(map(chr, range(0x4E00, 0x4E00 + 4000)))  # for the index of inbound messages
    bad = call(messages(messages=[written("text", {"body": "x"}, too_long)]))
    good = [call(messages(statuses=[ours(each, "read")])) for each in (first, second)]

    await door.hears(good[0], bad, good[1])

    assert await door.statuses([first, second]) == ["Read", "Read"]
    (left,) = await waiting(connection)
    assert (left["attempts"], left["trouble"]) == (1, "ProgramLimitExceededError")
    for _ in range(ATTEMPTS):
        await due_now(connection)
        await door.work_off()
    assert await waiting(connection) == []
    assert await notices(connection) == [("unreadable", {"text": bad.decode()})]


async def test_a_device_that_is_gone_leaves_its_calls_as_notices(
    door: Door, connection: asyncpg.Connection
) -> None:
    (marked,) = await door.sent(PLAIN)
    await connection.execute("delete from devices where id = $1", door.device_id)

    await door.hears(call(messages(statuses=[ours(marked, "read")])))

    assert [field for field, _ in await notices(connection)] == ["messages"]
    assert await door.statuses([marked]) == ["Sending"]


class Cut(SystemClock):
    """A clock that ends its worker in the midst of a transaction."""

    def __init__(self, after: int) -> None:
        self._left = after

    def now(self) -> Any:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().now()


@pytest.mark.parametrize("after", [1, 2])
async def test_a_worker_that_dies_in_between_leaves_all_to_the_next(
    door: Door, connection: asyncpg.Connection, after: int
) -> None:
    (marked,) = await door.sent(PLAIN)
    await door.told(call(messages(statuses=[ours(marked, "read"), status("read", "wamid.B")])))
    dying = Callbacks(door.db, SEALER, Cut(after))

    with pytest.raises(KeyboardInterrupt):
        await dying.work_off(64)

    assert await door.statuses([marked]) == ["Sending"]
    assert [row["attempts"] for row in await waiting(connection)] == [0]
    await door.work_off()
    assert await door.statuses([marked]) == ["Read"]


async def test_workers_share_the_calls_and_each_is_worked_off_once(
    door: Door, connection: asyncpg.Connection
) -> None:
    marked = await door.sent(*plain(60))
    parts = [
        [ours(m, name, f"wamid.{n}")] for n, m in enumerate(marked) for name in ("sent", "read")
    ]
    parts += parts  # told twice
    await door.told(*(call(messages(statuses=some)) for some in parts))
    others = [Callbacks(door.db, SEALER, door.house.clock) for _ in range(4)]

    async def work(callbacks: Callbacks) -> int:
        done = 0
        while some := await callbacks.work_off(7):
            done += some
        return done

    assert sum(await asyncio.gather(*map(work, others))) == len(parts)
    assert set(await door.statuses(marked)) == {"Read"}
    for each in marked:
        assert (await told(connection, each.claimed.text.id)).count("message.read") == 1


async def test_a_large_call_is_worked_off_by_itself(door: Door) -> None:
    large = [call(change("tomorrow", text="x" * 800_000)) for _ in range(3)]
    await door.told(*large)

    assert [await door.worker.work_off(64) for _ in range(3)] == [2, 1, 0]


async def test_notices_are_forgotten_after_a_month(
    door: Door, db: Database, connection: asyncpg.Connection
) -> None:
    await door.hears(call(change("old")), call(change("new")))
    await connection.execute(
        "update provider_notices set at = at - interval '31 days' where field = 'old'"
    )

    is_more = await db.transact(lambda tx: callbacks.prune(tx, door.house.clock.now()))

    assert not is_more
    assert await notices(connection) == [("new", {})]
