"""Sends for tests of accepting: wallets, submissions, a group commit at work."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

from waypost.credits import ledger
from waypost.credits.model import Kind, Move
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids
from waypost.messages.accept import Accept
from waypost.messages.attached import Attached
from waypost.messages.backlog import Backlog
from waypost.messages.group_commit import GroupCommit
from waypost.messages.model import Class
from waypost.messages.options import PLAIN, Options
from waypost.messages.schemas import Content, Recipient
from waypost.messages.submission import Repeatable, Submission
from waypost.queue.bell import Bell

CLOCK = SystemClock()
DAY = timedelta(days=1)
_NEW = count(1_000_000)


async def wallet(db: Database, account_id: int, credits: int) -> None:
    """An account's wallet with these credits."""

    async def work(tx: Tx) -> None:
        await ledger.open_wallet(tx, account_id)
        if credits:
            await ledger.post(tx, [Move(account_id, credits, Kind.GRANT)], CLOCK.now())

    await db.transact(work)


async def balance(db: Database, account_id: int) -> int:
    async with db.read() as tx:
        return await ledger.balance(tx, account_id)


async def differences(db: Database) -> list[tuple[int, int, int]]:
    async with db.read() as tx:
        return await ledger.differences(tx)


def single(
    account_id: int,
    text: str | None = "Hello",
    number: str = "27821234567",
    *,
    template_id: int | None = None,
    variables: dict[str, object] | None = None,
    media: Attached | None = None,
    options: Options = PLAIN,
    repeatable: Repeatable | None = None,
) -> Submission:
    """One message to one number."""
    said = text if template_id is None else None
    content = Content(said, template_id, variables or {}, media)
    recipients = (Recipient(number, {}),)
    return Submission(
        account_id, 1, Class.SINGLE, content, recipients, options, repeatable=repeatable
    )


def bulk(
    account_id: int,
    size: int,
    text: str = "Hello",
    *,
    options: Options = PLAIN,
    repeatable: Repeatable | None = None,
) -> Submission:
    """The same text to many numbers, to which nothing was sent before."""
    recipients = [Recipient(f"2782{next(_NEW):07}", {}) for _ in range(size)]
    content = Content(text, None, {})
    return Submission(
        account_id, 1, Class.BULK, content, recipients, options, repeatable=repeatable
    )


def accept() -> Accept:
    return Accept(CLOCK, Ids(CLOCK), DAY)


@asynccontextmanager
async def group_commit(
    db: Database, committers: int = 2, backlog: Backlog | None = None
) -> AsyncIterator[GroupCommit]:
    """A group commit at work; at the end it commits what is left."""
    backlog = backlog or Backlog(db, CLOCK, per_account=10**9, per_pool=10**9)
    commit = GroupCommit(db, accept(), backlog, Bell(db), most=256, committers=committers)
    running = asyncio.create_task(commit.run())
    try:
        yield commit
    finally:
        commit.close()
        await running


async def gathered(commit: GroupCommit, submissions: Sequence[Submission]) -> list[object]:
    """All at once; an answer or an exception for each."""
    sends = [commit.submit(submission) for submission in submissions]
    return list(await asyncio.gather(*sends, return_exceptions=True))
