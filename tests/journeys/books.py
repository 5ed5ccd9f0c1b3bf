"""Whether what customers were told is what the API says later and what the database holds."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import aiohttp
import asyncpg

from tests.journeys.load import Customer, Load, Promised, Request, end_of, session
from waypost.messages.mark import provider_id
from waypost.messages.model import show_id

STATUS = "/api/messages/message-status"
STATEMENT = "/api/users/user/statement"
CREDITS = "/api/users/user/credits"
LOOK_EVERY = 0.2
UNCONFIRMED = "The outcome of this request could not be confirmed."

MESSAGES = """
select account_id, id, recipient, body, status, mark, facts, provider_id from messages
"""
FACTS = "select message_id, number, type from message_events order by message_id, number"
LEDGER = "select message_id, kind, sum(delta) as sum, count(*) from ledger group by 1, 2"
UNFINISHED = """
select (select count(*) from pgqueuer) as jobs,
       (select count(*) from messages where status in ('Queued', 'Sending')) as messages
"""


async def follow(load: Load, seconds: float) -> None:
    """Ask after every promised message until each is where its number leads."""
    waiting = dict.fromkeys(load.promised(), "")
    deadline = asyncio.get_running_loop().time() + seconds
    async with session(load.url) as http:
        while waiting:
            is_late = asyncio.get_running_loop().time() > deadline
            statuses = await asyncio.gather(*(_status(http, promised) for promised in waiting))
            came = zip(waiting, statuses, strict=True)
            waiting = {p: status for p, status in came if status != end_of(p.number)}
            assert not (waiting and is_late), f"not at their ends: {_shown(waiting)}"
            await asyncio.sleep(LOOK_EVERY)


async def _status(http: aiohttp.ClientSession, promised: Promised) -> str:
    headers = promised.customer.headers
    async with http.get(f"{STATUS}/{promised.queue_id}", headers=headers) as response:
        answer = await response.json()
    assert response.status == 200, f"{promised}: {answer}"
    assert answer["number"] == promised.number
    status: str = answer["status"]
    assert answer["is_complete"] == (status not in ("Queued", "Sending"))
    assert answer["is_error"] == (status == "Failed")
    return status


def _shown(waiting: dict[Promised, str]) -> list[str]:
    return [f"{p.queue_id} to {p.number} is {status}" for p, status in waiting.items()][:20]


async def nothing_waits(connection: asyncpg.Connection, seconds: float) -> None:
    """Wait until also what nobody was told of has gone its way."""
    deadline = asyncio.get_running_loop().time() + seconds
    while any(left := tuple(await connection.fetchrow(UNFINISHED))):
        assert asyncio.get_running_loop().time() < deadline, f"(jobs, messages) left: {left}"
        await asyncio.sleep(LOOK_EVERY)


async def accepted_once(connection: asyncpg.Connection, loads: Iterable[Load]) -> None:
    """What was answered is there; what was refused is not; what got no answer is, or is not."""
    there: dict[tuple[int, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in await connection.fetch(MESSAGES):
        there[row["account_id"], row["body"]][row["recipient"]].append(show_id(row["id"]))
    for load in loads:
        for request, queue_ids in load.answered.items():
            assert _take(there, request) == {
                number: [id] for number, id in zip(request.numbers, queue_ids, strict=True)
            }
        for request, (status, answer) in load.refused.items():
            assert (status, answer["error"]) == (503, "UNAVAILABLE"), answer
            if answer["message"] != UNCONFIRMED:
                assert _take(there, request) == {}, answer
        for request in load.unreached:
            assert _take(there, request) == {}
        for request in [*load.unanswered, *load.refused]:
            once = dict.fromkeys(request.numbers, 1)
            assert {n: len(ids) for n, ids in _take(there, request).items()} in ({}, once)
    assert there == {}, "messages that nobody asked for"


def _take(
    there: dict[tuple[int, str], dict[str, list[str]]], request: Request
) -> dict[str, list[str]]:
    return there.pop((request.customer.account_id, request.text), {})


async def sent_once(connection: asyncpg.Connection) -> None:
    """Each message went under its own one provider id, and its facts tell one story."""
    facts: dict[Any, list[str]] = defaultdict(list)
    for row in await connection.fetch(FACTS):
        facts[row["message_id"]].append(row["type"].removeprefix("message."))
        assert row["number"] == len(facts[row["message_id"]])
    for row in await connection.fetch(MESSAGES):
        told = facts.pop(row["id"])
        assert len(told) == row["facts"]
        assert told[0] == "queued"
        assert told[-1] == row["status"].lower()
        assert told.count("sending") == row["mark"]
        assert all(told.count(fact) <= 1 for fact in told if fact not in ("sending", "requeued"))
        assert row["provider_id"] == provider_id(row["id"])
        if "sent" in told:
            assert not {"sending", "requeued"} & set(told[told.index("sent") :]), told
    assert not facts


async def charged_once(connection: asyncpg.Connection) -> None:
    """Each message was paid for once, and given back once where it failed."""
    entries = {
        (row["message_id"], row["kind"]): (row["sum"], row["count"])
        for row in await connection.fetch(LEDGER)
        if row["message_id"] is not None
    }
    expected = {}
    for row in await connection.fetch(MESSAGES):
        expected[row["id"], "charge"] = (-1, 1)
        if row["status"] == "Failed":
            expected[row["id"], "refund"] = (1, 1)
    assert entries == expected


async def statements_add_up(url: str, customers: Sequence[Customer], credits: int) -> None:
    """Each customer's balance is the sum of their statement, and each entry says what it left."""
    async with session(url) as http:
        for customer in customers:
            entries = [entry async for entry in _statement(http, customer)]
            amounts = Counter[str]()
            for newer, older in zip(entries, [*entries[1:], {"balance": 0}], strict=True):
                assert newer["balance"] == older["balance"] + newer["amount"]
                amounts[newer["kind"]] += newer["amount"]
            async with http.get(CREDITS, headers=customer.headers) as response:
                balance = (await response.json())["credits"]
            assert sum(amounts.values()) == balance >= 0
            assert amounts["signup"] == credits


async def _statement(http: aiohttp.ClientSession, customer: Customer) -> Any:
    cursor: str | None = ""
    while cursor is not None:
        query = {"per_page": 100, **({"cursor": cursor} if cursor else {})}
        async with http.get(STATEMENT, params=query, headers=customer.headers) as response:
            page = await response.json()
        for entry in page["entries"]:
            yield entry
        cursor = page["next_cursor"]
