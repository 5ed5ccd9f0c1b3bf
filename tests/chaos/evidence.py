"""What is known of each message after a round: the customer's word, the books, the transport's."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from tests.support.transport import Sight

MESSAGES = """
select id, account_id, number, class, recipient, body, status, error_code, attempts, mark, facts,
       provider_id
  from messages
"""
GIVEN_IDS = "select message_id, provider_id from provider_ids"
FACTS = """
select message_id, number, type, at, detail from message_events order by message_id, number
"""
LEDGER = "select message_id, kind, delta from ledger where message_id is not null"
LEFT = """
select (select count(*) from pgqueuer) as jobs, (select count(*) from parked_jobs) as parked
"""

SILENCED = ("", "refused", "lost", "dropped", "silent", "slow", "garbage", "failed")
"""What strikes a message so that it may have arrived, or so that nobody may send it again."""


@dataclass(frozen=True)
class Fact:
    """One step of a message."""

    number: int
    type: str
    at: datetime
    detail: Any = None


@dataclass(frozen=True)
class Entry:
    """One entry of the ledger."""

    kind: str
    delta: int


@dataclass(frozen=True)
class Message:
    """One message as the database has it, and as the transport saw it.

    `id` is 32 hex digits; `known_as` is what it is called at the transport.
    """

    id: str
    account_id: int
    number: int
    kind: str
    to: str
    text: str
    status: str
    error_code: str | None = None
    attempts: int = 0
    marks: int = 0
    fact_count: int = 0
    known_as: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    entries: tuple[Entry, ...] = ()
    sights: tuple[tuple[int, Sight], ...] = ()

    @property
    def types(self) -> list[str]:
        """Its facts by name, in order."""
        return [fact.type.removeprefix("message.") for fact in self.facts]

    @property
    def arrivals(self) -> list[int]:
        """When, in the transport's count of all it saw, it was taken."""
        return [order for order, sight in self.sights if sight.taken]

    @property
    def story(self) -> str:
        """Everything that is known of it, in the order of time."""
        head = (
            f"{self.id} account {self.account_id} number {self.number} ({self.kind}) to {self.to}:"
            f" {self.status} {self.error_code or ''} after {self.marks} marks,"
            f" {self.attempts} attempts; text {self.text!r}"
        )
        told = [
            (f.at.timestamp(), f"fact {f.number} {f.type} {f.detail or ''}") for f in self.facts
        ]
        seen = [
            (s.at, f"sight {n}: attempt {s.attempt} by device {s.device}, {s.fault or 'well'}")
            for n, s in self.sights
        ]
        lines = [f"  {at:.3f} {what}" for at, what in sorted(told + seen)]
        return "\n".join([head, *lines, f"  ledger {[(e.kind, e.delta) for e in self.entries]}"])


@dataclass(frozen=True)
class Asked:
    """A customer's request: what it was answered, None when every answer was lost."""

    account_id: int
    kind: str
    text: str
    numbers: tuple[str, ...]
    answered: tuple[str, ...] | None


@dataclass(frozen=True)
class Evidence:
    """All that a round left behind; `is_official`: its transport were official numbers."""

    manner: str
    messages: tuple[Message, ...] = ()
    asked: tuple[Asked, ...] = ()
    strangers: tuple[Sight, ...] = ()
    jobs: int = 0
    parked: int = 0
    notes: tuple[str, ...] = ()
    is_official: bool = False


async def gather(
    url: str,
    manner: str,
    asked: Iterable[Asked],
    sights: Iterable[Sight],
    notes: Iterable[str],
    *,
    is_official: bool,
) -> Evidence:
    """Read the database, and lay it beside what customers and the transport noted."""
    seen: dict[str, list[tuple[int, Sight]]] = defaultdict(list)
    for order, sight in enumerate(sights):
        seen[sight.message_id].append((order, sight))
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            facts = await _facts(connection)
            entries = await _entries(connection)
            given = await _given_ids(connection)
            rows = await connection.fetch(MESSAGES)
            left = await connection.fetchrow(LEFT)
    finally:
        await connection.close()
    messages = []
    for row in rows:
        id = row["id"].hex
        *known, ours = list(row)[1:]
        names = tuple(given[id]) if is_official else (ours,)
        told = tuple(facts[id]), tuple(entries[id]), tuple(seen.pop(id, ()))
        messages.append(Message(id, *known, names, *told))
    strangers = [sight for unknown in seen.values() for _, sight in unknown]
    return Evidence(
        manner,
        tuple(messages),
        tuple(asked),
        tuple(strangers),
        *(left or ()),
        tuple(notes),
        is_official,
    )


async def _facts(connection: asyncpg.Connection) -> dict[str, list[Fact]]:
    facts: dict[str, list[Fact]] = defaultdict(list)
    for row in await connection.fetch(FACTS):
        id, *told = row
        facts[id.hex].append(Fact(*told))
    return facts


async def _entries(connection: asyncpg.Connection) -> dict[str, list[Entry]]:
    entries: dict[str, list[Entry]] = defaultdict(list)
    for id, *entry in await connection.fetch(LEDGER):
        entries[id.hex].append(Entry(*entry))
    return entries


async def _given_ids(connection: asyncpg.Connection) -> dict[str, list[str]]:
    """What the provider calls each message, where it chooses that itself."""
    given: dict[str, list[str]] = defaultdict(list)
    for id, provider_id in await connection.fetch(GIVEN_IDS):
        given[id.hex].append(provider_id)
    return given
