"""Accepting: what one transaction does, and what it refuses without harm to neighbours."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from tests.support.messages import House
from tests.support.recording import RecordingDatabase
from tests.support.sends import CLOCK, DAY, accept, balance, bulk, single, wallet
from waypost.credits.errors import InsufficientCredits
from waypost.drivers.outgoing import Approved, Media, MediaKind, Parameter
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.kit.errors import Invalid, NotFound, Unavailable
from waypost.kit.ids import Ids
from waypost.kit.page import PageAsk
from waypost.messages import find
from waypost.messages.accept import Accept
from waypost.messages.attached import Attached
from waypost.messages.content import Carried, carried
from waypost.messages.options import Options
from waypost.messages.schemas import Recipient
from waypost.messages.store_read import Filter
from waypost.messages.submission import Acceptance, Answer, Skipped, Submission
from waypost.templates.model import Button, Format, Header, Provider

STATEMENTS = 7


async def accepted(db: Database, *submissions: Submission) -> list[Answer]:
    return await db.transact(lambda tx: accept()(tx, submissions))


async def one(db: Database, submission: Submission) -> Acceptance:
    (answer,) = await accepted(db, submission)
    assert isinstance(answer, Acceptance), answer
    return answer


async def template(
    connection: asyncpg.Connection,
    account_id: int,
    body: str,
    provider: Provider | None = None,
    name: str = "hello",
) -> int:
    id: int = await connection.fetchval(
        "insert into templates (account_id, name, body, provider, created_at, updated_at)"
        " values ($1, $2, $3, $4, now(), now()) returning id",
        account_id,
        name,
        body,
        None if provider is None else msgspec.json.encode(provider).decode(),
    )
    return id


async def kept_file(connection: asyncpg.Connection, account_id: int, kind: MediaKind) -> UUID:
    id = UUID(int=5)
    await connection.execute(
        "insert into media (account_id, id, kind, mime, filename, size, sha256, created_at,"
        " keep_until) values ($1, $2, $3, 'a/b', 'a', 1, '', now(), now() + interval '1 day')",
        account_id,
        id,
        kind,
    )
    return id


async def test_one_commit_holds_all_that_belongs_together(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)

    (answer,) = await accepted(db, single(7))

    assert isinstance(answer, Acceptance)
    (id,) = answer.outcomes
    assert (answer.remaining_credits, answer.queue_position) == (9, 1)
    assert (answer.available_devices, answer.total_devices) == (0, 3)
    message = await connection.fetchrow("select * from messages")
    assert (message["id"], message["account_id"], message["number"]) == (id, 7, 1)
    assert (message["status"], message["recipient"], message["body"]) == (
        "Queued",
        "27821234567",
        "Hello",
    )
    entry = await connection.fetchrow("select * from ledger where kind = 'charge'")
    assert (entry["delta"], entry["balance"], entry["message_id"]) == (-1, 9, id)
    event = await connection.fetchrow("select * from message_events")
    assert (event["message_id"], event["number"], event["type"]) == (id, 1, "message.queued")
    job = await connection.fetchrow("select * from pgqueuer")
    assert (job["entrypoint"], job["status"]) == ("pool.1", "queued")


async def test_devices_are_available_while_a_worker_carries_their_pool(db: Database) -> None:
    await wallet(db, 7, 10)
    await House(db).lease()

    answer = await one(db, single(7))

    assert (answer.available_devices, answer.total_devices) == (3, 3)


async def test_an_accounts_messages_are_numbered_in_order_over_batches(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 100)
    await wallet(db, 8, 100)

    await accepted(db, single(7), bulk(8, 3), single(7), bulk(7, 2))
    await accepted(db, single(7), single(8))

    rows = await connection.fetch("select account_id, number from messages order by id")
    numbers = {7: [], 8: []}
    for row in rows:
        numbers[row["account_id"]].append(row["number"])
    assert numbers == {7: [1, 2, 3, 4, 5], 8: [1, 2, 3, 4]}


async def test_who_cannot_pay_is_refused_and_the_neighbours_go(db: Database) -> None:
    await wallet(db, 7, 1)
    await wallet(db, 8, 5)

    first, second, third = await accepted(db, single(7), single(7), single(8))

    assert isinstance(first, Acceptance)
    assert isinstance(third, Acceptance)
    assert isinstance(second, InsufficientCredits)
    assert second.message == "Not enough credits to send message. Required: 1, Available: 0"
    assert [await balance(db, 7), await balance(db, 8)] == [0, 4]


async def test_a_bulk_is_all_or_nothing_on_credits(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 4)

    too_much, enough = await accepted(db, bulk(7, 5), bulk(7, 4))

    assert isinstance(too_much, InsufficientCredits)
    assert too_much.message.endswith("Required: 5, Available: 4")
    assert isinstance(enough, Acceptance)
    assert await connection.fetchval("select count(*) from messages") == 4


async def test_an_account_without_a_wallet_has_nothing(db: Database) -> None:
    (answer,) = await accepted(db, single(99))

    assert isinstance(answer, InsufficientCredits)


async def test_places_count_on_within_a_batch_and_after_it(db: Database) -> None:
    """A single goes ahead of all but the first of a bulk."""
    await wallet(db, 7, 100)

    first, second, third = (single(7, number=f"2782123456{n}") for n in range(3))
    answers = await accepted(db, first, bulk(7, 3), second)
    more = [await one(db, third), await one(db, bulk(7, 1))]

    places = [a.queue_position for a in (*answers, *more) if isinstance(a, Acceptance)]
    assert places == [1, 2, 3, 4, 7]


async def test_an_account_of_more_weight_has_more_of_its_messages_in_front(db: Database) -> None:
    await wallet(db, 7, 100)
    await wallet(db, 8, 100)
    await accepted(db, bulk(7, 20))

    first = await one(db, replace(bulk(8, 20), weight=4))
    second = await one(db, replace(bulk(8, 1), weight=4))

    assert first.queue_position == 2
    assert second.queue_position == 20 + 20 // 4 + 2


async def test_places_beyond_a_thousand_are_estimated_near_the_truth(db: Database) -> None:
    await wallet(db, 7, 2000)
    await accepted(db, *(bulk(7, 200) for _ in range(6)))

    answer = await one(db, bulk(7, 1))

    assert 1150 <= answer.queue_position <= 1250


async def test_what_waits_for_its_next_try_stands_in_nobodys_way(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 2000)
    await accepted(db, *(bulk(7, 200) for _ in range(6)))
    await connection.execute("update pgqueuer set execute_after = now() + interval '1 hour'")

    answer = await one(db, bulk(7, 1))

    assert answer.queue_position == 1


async def test_a_template_is_rendered_once_and_kept_as_accepted(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{ name }}, {{company}}!")

    await accepted(
        db, single(7, template_id=id, variables={"name": "{{company}}", "company": "Example"})
    )
    await connection.execute("update templates set body = 'changed'")

    assert await connection.fetchval("select body from messages") == "Hello {{company}}, Example!"


@pytest.mark.parametrize("variables", [{}, {"nome": "x"}])
async def test_a_missing_variable_is_refused_by_its_name(
    db: Database, connection: asyncpg.Connection, variables: dict[str, str]
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")

    missing, good = await accepted(db, single(7, template_id=id, variables=variables), single(7))

    assert isinstance(missing, Invalid)
    assert [problem.field for problem in missing.details] == ["variables.name"]
    assert isinstance(good, Acceptance)
    assert await balance(db, 7) == 9


async def test_anothers_template_does_not_exist(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 8, "Hello")

    (answer,) = await accepted(db, single(7, template_id=id))

    assert isinstance(answer, NotFound)
    assert answer.message == "There is no template by that id."


async def test_a_text_that_renders_too_long_or_with_nul_is_refused(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")

    answers = await accepted(
        db,
        single(7, template_id=id, variables={"name": "x" * 4091}),
        single(7, template_id=id, variables={"name": "\x00"}),
        single(7, template_id=id, variables={"name": "x" * 4090}),
    )

    assert [type(answer) for answer in answers] == [Invalid, Invalid, Acceptance]


@pytest.mark.parametrize("value", [[1], {"a": 1}, None])
async def test_a_variable_that_is_no_simple_value_is_refused_by_its_name(
    db: Database, connection: asyncpg.Connection, value: object
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")

    (answer,) = await accepted(db, single(7, template_id=id, variables={"name": value}))

    assert isinstance(answer, Invalid)
    assert [problem.field for problem in answer.details] == ["variables.name"]


async def test_a_recipient_without_its_variable_does_not_stop_the_others(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")
    base = single(7, template_id=id)
    recipients = [Recipient("27821234567", {"name": "Ada"}), Recipient("27829876543", {})]
    submission = Submission(7, 1, base.kind, base.content, recipients)

    (answer,) = await accepted(db, submission)

    assert isinstance(answer, Acceptance)
    assert [type(outcome) for outcome in answer.outcomes] == [UUID, Skipped]
    assert answer.remaining_credits == 9


async def test_a_template_with_an_approved_one_behind_it_carries_that_too(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    provider = Provider("order", "en", ("name",), Format.NAMED, Header(("shop",)))
    id = await template(connection, 7, "Hello {{name}}", provider)

    await one(db, single(7, template_id=id, variables={"name": "Ann", "shop": "Acme"}))

    body, content = await connection.fetchrow("select body, content from messages")
    assert body == "Hello Ann"
    assert carried(content) == Carried(
        approved=Approved(
            "order", "en", header=(Parameter("Acme", "shop"),), body=(Parameter("Ann", "name"),)
        )
    )


async def test_recipients_fill_an_approved_template_each_with_their_own(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    provider = Provider("order", "en", ("name",), buttons=(Button(0, "url", "path"),))
    id = await template(connection, 7, "Hello {{name}}", provider)
    base = single(7, template_id=id, variables={"name": "all"})
    recipients = [
        Recipient("27821234567", {"path": "a"}),
        Recipient("27829876543", {"path": "b", "name": "Ann"}),
        Recipient("27829876544", {}),
    ]

    answer = await one(db, Submission(7, 1, base.kind, base.content, recipients))

    assert [type(outcome) for outcome in answer.outcomes] == [UUID, UUID, Skipped]
    kept = await connection.fetch("select content from messages order by recipient")
    approved = [carried(row["content"]).approved for row in kept]
    assert [each and (each.body[0].text, each.buttons[0].text) for each in approved] == [
        ("all", "a"),
        ("Ann", "b"),
    ]


async def test_a_template_that_shows_a_file_takes_the_sends_or_its_own(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    file = await kept_file(connection, 7, MediaKind.IMAGE)
    own = Media(MediaKind.IMAGE, media_id=file)
    with_own = Provider("a", "en", header=Header(media=MediaKind.IMAGE, file=own))
    without = Provider("b", "en", header=Header(media=MediaKind.IMAGE))
    templates = [
        await template(connection, 7, "Hello", provider, provider.name)
        for provider in (with_own, without)
    ]
    link = Attached(MediaKind.IMAGE, "https://example.com/a.png")

    answers = await accepted(
        db,
        single(7, template_id=templates[0]),
        single(7, template_id=templates[0], media=link),
        single(7, template_id=templates[1], media=link),
        single(7, template_id=templates[1]),
    )

    assert [type(answer) for answer in answers] == [Acceptance, Acceptance, Acceptance, Invalid]
    kept = await connection.fetch("select content from messages order by id")
    shown = [carried(row["content"]).approved for row in kept]
    linked = Media(MediaKind.IMAGE, "https://example.com/a.png")
    assert [each and each.header_media for each in shown] == [
        replace(own, filename="a"),
        linked,
        linked,
    ]


async def test_a_file_is_carried_with_its_caption(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    file = await kept_file(connection, 7, MediaKind.VIDEO)

    await one(db, single(7, "Look", media=Attached(None, media_id=file, filename="a.mp4")))

    body, content = await connection.fetchrow("select body, content from messages")
    assert body == "Look"
    assert carried(content) == Carried(Media(MediaKind.VIDEO, None, file, "a.mp4"))


async def test_a_template_of_ours_alone_is_the_caption_of_a_file(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")
    link = Attached(MediaKind.IMAGE, "https://example.com/a.png")

    good, long = await accepted(
        db,
        single(7, template_id=id, variables={"name": "Ann"}, media=link),
        single(7, template_id=id, variables={"name": "a" * 1020}, media=link),
    )

    assert isinstance(good, Acceptance)
    assert isinstance(long, Invalid)
    assert [problem.field for problem in long.details] == ["media.caption"]
    body, content = await connection.fetchrow("select body, content from messages")
    assert (body, carried(content).media) == ("Hello Ann", Media(MediaKind.IMAGE, link.link))


@pytest.mark.parametrize(
    ("owner", "media", "field"),
    [
        pytest.param(8, Attached(None, media_id=UUID(int=5)), "media.media_id", id="another's"),
        pytest.param(7, Attached(None, media_id=UUID(int=6)), "media.media_id", id="none"),
        pytest.param(
            7, Attached(MediaKind.VIDEO, media_id=UUID(int=5)), "media.type", id="another kind"
        ),
        pytest.param(7, Attached(None, media_id=UUID(int=5)), "media.caption", id="audio"),
    ],
)
async def test_a_file_that_cannot_be_sent_is_refused_and_harms_nobody(
    db: Database, connection: asyncpg.Connection, owner: int, media: Attached, field: str
) -> None:
    await wallet(db, 7, 10)
    await kept_file(connection, owner, MediaKind.AUDIO)

    refused, good = await accepted(db, single(7, "Listen", media=media), single(7))

    assert isinstance(refused, Invalid)
    assert [problem.field for problem in refused.details] == [field]
    assert isinstance(good, Acceptance)
    assert await balance(db, 7) == 9


async def test_an_account_whose_pool_is_gone_is_told_to_try_again(db: Database) -> None:
    """Its token may be remembered from just before it was moved to another pool."""
    await wallet(db, 7, 10)
    gone = Submission(7, 99, single(7).kind, single(7).content, single(7).recipients)

    moved, good = await accepted(db, gone, single(7))

    assert isinstance(moved, Unavailable)
    assert isinstance(good, Acceptance)
    assert await balance(db, 7) == 9


async def test_a_ledgers_entries_are_in_the_order_of_their_times(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 50)
    for _ in range(5):
        await accepted(db, single(7), single(7))

    rows = await connection.fetch("select at from ledger where account_id = 7 order by number")

    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert rows[-1]["at"] <= CLOCK.now()


@pytest.mark.parametrize("apart", [timedelta(seconds=-5), timedelta(0), timedelta(seconds=5)])
async def test_history_is_narrowed_by_the_time_that_it_shows_not_by_the_time_of_the_id(
    db: Database, apart: timedelta
) -> None:
    await wallet(db, 7, 10)
    late = Accept(CLOCK, Ids(FrozenClock(CLOCK.now() + apart)), DAY)
    await db.transact(lambda tx: late(tx, [single(7)]))

    async def found(wanted: Filter) -> int:
        async with db.read() as tx:
            return (await find.history(tx, 7, wanted, PageAsk())).total

    async with db.read() as tx:
        (message,) = (await find.history(tx, 7, Filter(), PageAsk())).messages
    at, moment = message.created_at, timedelta(microseconds=1)
    assert await found(Filter(since=at)) == 1
    assert await found(Filter(since=at + moment)) == 0
    assert await found(Filter(until=at + moment)) == 1
    assert await found(Filter(until=at)) == 0


async def test_what_is_scheduled_waits_outside_the_queue_for_its_alarm(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    at = CLOCK.now() + timedelta(hours=5)

    answer = await one(db, single(7, options=Options(send_at=at)))

    assert answer.is_scheduled
    assert (answer.queue_position, answer.remaining_credits) == (0, 9)
    message = await connection.fetchrow("select * from messages")
    assert (message["status"], message["send_at"]) == ("Scheduled", at)
    assert message["expires_at"] == at + DAY
    assert await connection.fetchval("select type from message_events") == "message.scheduled"
    assert await connection.fetchval("select count(*) from pgqueuer") == 0
    assert await alarms_of(connection) == {answer.ids[0]: at}


async def test_a_lifetime_of_its_own_counts_from_acceptance_or_from_send_at(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    minute, at = timedelta(minutes=1), CLOCK.now() + timedelta(hours=5)

    now = await one(db, single(7, options=Options(expires_in=minute)))
    later = await one(db, single(7, options=Options(send_at=at, expires_in=minute)))
    usual = await one(db, single(7))

    rows = {row["id"]: row for row in await connection.fetch("select * from messages")}
    first, second, third = (rows[answer.ids[0]] for answer in (now, later, usual))
    assert first["expires_at"] == first["created_at"] + minute
    assert second["expires_at"] == at + minute
    assert third["expires_at"] == third["created_at"] + DAY
    alarms = {now.ids[0]: first["expires_at"], later.ids[0]: at}
    assert await alarms_of(connection) == alarms


async def alarms_of(connection: asyncpg.Connection) -> dict[UUID, datetime]:
    rows = await connection.fetch("select message_id, at from alarms")
    return {row["message_id"]: row["at"] for row in rows}


async def test_a_reference_and_a_wanted_device_are_kept_with_the_message(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)

    await one(db, single(7, options=Options(reference="order 7", device_id=2)))

    message = await connection.fetchrow("select * from messages")
    assert (message["reference"], message["wanted_device_id"]) == ("order 7", 2)


async def test_a_device_of_another_pool_is_refused_like_one_that_is_not_there(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    await connection.execute(
        "with made as (insert into pools (name, created_at) values ('other', now()) returning id)"
        " update devices set pool_id = (select id from made) where id = 3"
    )

    answers = await accepted(
        db, *(single(7, options=Options(device_id=id)) for id in (1, 3, 99, 2**63 - 1))
    )

    assert [type(answer) for answer in answers] == [Acceptance, Invalid, Invalid, Invalid]
    refusals = [answer for answer in answers if isinstance(answer, Invalid)]
    assert [[p.field for p in refusal.details] for refusal in refusals] == [["device_id"]] * 3
    assert await balance(db, 7) == 9


async def test_a_bulk_is_a_batch_that_remembers_how_far_it_moved_its_flows_clock(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 100)

    first = await one(db, bulk(7, 3, options=Options(reference="spring")))
    second = await one(db, bulk(7, 2))
    await one(db, single(7))

    rows = await connection.fetch("select * from batches order by created_at")
    assert [row["id"] for row in rows] == [first.batch_id, second.batch_id]
    assert [(row["account_id"], row["state"], row["total"], row["reference"]) for row in rows] == [
        (7, "running", 3, "spring"),
        (7, "running", 2, None),
    ]
    assert rows[0]["clock_before"] < rows[0]["clock_after"] == rows[1]["clock_before"]
    for answer in (first, second):
        ids = await connection.fetch("select id from messages where batch_id = $1", answer.batch_id)
        assert {row["id"] for row in ids} == set(answer.ids)


async def test_of_bulks_that_share_a_transaction_nobody_claims_to_know_the_clock(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 100)
    await wallet(db, 8, 100)
    later = Options(send_at=CLOCK.now() + timedelta(hours=1))

    await accepted(db, bulk(7, 3), bulk(7, 2), bulk(8, 2), bulk(8, 2, options=later))

    rows = await connection.fetch("select * from batches order by account_id, id")
    assert [row["clock_after"] is not None for row in rows] == [False, False, True, False]


async def test_the_usual_batch_of_sends_takes_few_statements(database_url: str) -> None:
    recording = RecordingDatabase(database_url, 2, "waypost test")
    await recording.open()
    await wallet(recording, 7, 100)
    recording.statements.clear()

    await accepted(recording, *(single(7, number=f"2782{1_000_000 + n}") for n in range(20)))

    await recording.close()
    assert len(recording.statements) <= STATEMENTS, list(recording.statements)
