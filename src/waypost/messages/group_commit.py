"""Sends that arrive together are committed together; each caller gets its own answer."""

import asyncio
from collections import Counter as Counts
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from prometheus_client import Counter, Histogram

from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.errors import Refusal, Unavailable
from waypost.kit.log import get
from waypost.kit.web import STOPPING
from waypost.messages.accept import Accept, look_up
from waypost.messages.backlog import Backlog
from waypost.messages.errors import BacklogFull
from waypost.messages.submission import Acceptance, Answer, Submission
from waypost.queue.bell import Bell
from waypost.queue.model import lane_of

LOOK_SECONDS = 15.0
LOOK_EVERY = 0.25

SIZE = Histogram(
    "waypost_group_commit_size",
    "Sends that shared a transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
ACCEPTED = Counter("waypost_messages_accepted_total", "Messages accepted", ["kind"])
REFUSED = Counter("waypost_sends_refused_total", "Sends refused", ["error"])

log = get(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    submission: Submission
    answer: asyncio.Future[Acceptance]


class GroupCommit:
    """Collects this process's concurrent sends; `committers` batches are under way at once."""

    def __init__(
        self,
        db: Database,
        accept: Accept,
        backlog: Backlog,
        bell: Bell,
        most: int,
        committers: int,
    ) -> None:
        self._db = db
        self._accept = accept
        self._backlog = backlog
        self._bell = bell
        self._most = most
        self._committers = committers
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    async def submit(self, submission: Submission) -> Acceptance:
        """Wait for the commit that holds the submission; raises its refusal."""
        room = await self._backlog.enter(submission)
        if isinstance(room, BacklogFull):
            if submission.repeatable is None:
                raise room
            return await self._next_commit(replace(submission, barred=room))
        queued = 0
        try:
            accepted = await self._next_commit(submission)
            queued = accepted.queued
            return accepted
        except CommitUnknown:
            queued = room.messages
            raise
        finally:
            room.leave(queued)

    async def _next_commit(self, submission: Submission) -> Acceptance:
        if self._closed:
            raise Unavailable(STOPPING, retry_after=1)
        waiting = _Waiting(submission, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            if waiting not in self._waiting:
                raise CommitUnknown from None  # it may be committed: "try again" would be a lie
            self._waiting.remove(waiting)
            raise

    async def run(self) -> None:
        """Commit until closed, then what is left, and return."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._committers):
                group.create_task(self._commit_batches())

    def close(self) -> None:
        """Take no more; `run` returns when all that came has its answer."""
        self._closed = True
        self._arrived.set()

    async def _commit_batches(self) -> None:
        while True:
            await self._arrived.wait()
            # Let what has reached this process already come along.
            await asyncio.sleep(0)
            batch = self._next_batch()
            if batch:
                await self._commit(batch)
            elif self._closed:
                return
            else:
                self._arrived.clear()

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        messages = 0
        while self._waiting and messages < self._most:
            waiting = self._waiting.popleft()
            messages += len(waiting.submission.recipients)
            batch.append(waiting)
        return batch

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._answers([waiting.submission for waiting in batch])
        except Refusal as refusal:
            answers = [refusal] * len(batch)
        except Exception as error:
            # One bad send must fail alone: each is tried by itself.
            if len(batch) > 1:
                log.exception("group_commit.split", sends=len(batch))
                for waiting in batch:
                    await self._commit([waiting])
                return
            _set(batch[0], error)
            return
        self._hand_over(batch, answers)

    async def _answers(self, submissions: Sequence[Submission]) -> Sequence[Answer]:
        answers: Sequence[Answer] = []

        async def accept(tx: Tx) -> None:
            nonlocal answers
            answers = await self._accept(tx, submissions)

        try:
            await self._db.transact(accept)
        except CommitUnknown:
            return await self._found(submissions, answers)
        return answers

    async def _found(
        self, submissions: Sequence[Submission], answers: Sequence[Answer]
    ) -> Sequence[Answer]:
        """After a COMMIT without an answer: look before anyone is told anything."""
        accounts = {submission.account_id for submission in submissions}
        deadline = asyncio.get_running_loop().time() + LOOK_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with self._db.tx() as tx:
                    there = await look_up(tx, answers, accounts)
                return [_truth(answer, there) for answer in answers]
            except (DatabaseAway, CommitUnknown):
                await asyncio.sleep(LOOK_EVERY)
        log.error("group_commit.unconfirmed", sends=len(submissions))
        raise CommitUnknown

    def _hand_over(self, batch: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
        SIZE.observe(len(batch))
        accepted, refused = Counts[str](), Counts[str]()
        for waiting, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Refusal):
                refused[answer.code] += 1
                _set(waiting, answer)
                continue
            if not answer.is_replay:
                accepted[waiting.submission.kind] += len(answer.ids)
                self._bell.ring(lane_of(waiting.submission.pool_id))
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        for kind, messages in accepted.items():
            ACCEPTED.labels(kind).inc(messages)
        for code, sends in refused.items():
            REFUSED.labels(code).inc(sends)


def _truth(answer: Answer, there: set[UUID]) -> Answer:
    """An answer stands where its messages do: those of a replay may have been there before."""
    if isinstance(answer, Refusal) or answer.ids[0] in there:
        return answer
    return DatabaseAway()


def _set(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
