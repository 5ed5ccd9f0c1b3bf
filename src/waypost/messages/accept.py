"""THE transaction: a batch of submissions is debited, stored and queued together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from waypost.credits import ledger
from waypost.credits.errors import InsufficientCredits
from waypost.credits.model import PRICE, Kind, Move
from waypost.devices import pools
from waypost.devices.model import Counts
from waypost.events import log as facts
from waypost.events.model import Event, Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.kit.errors import Refusal, Unavailable
from waypost.kit.ids import Ids
from waypost.messages import store_accept as store
from waypost.messages.model import Class
from waypost.messages.schemas import Content, Recipient
from waypost.messages.store_accept import Draft
from waypost.queue import lanes
from waypost.queue.model import Reference, lane_of
from waypost.templates import find as templates
from waypost.templates.errors import NoSuchTemplate
from waypost.templates.render import render

POOL_GONE = "Your account has just been moved to another pool of senders. Try again."


@dataclass(frozen=True, slots=True)
class Submission:
    """One request to send: parsed, its sender known, its rate limit passed."""

    account_id: int
    pool_id: int
    kind: Class
    content: Content
    recipients: Sequence[Recipient]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of each recipient (an id, or why not), and what the answer tells."""

    outcomes: Sequence[UUID | Refusal]
    remaining_credits: int
    queue_position: int
    available_devices: int
    total_devices: int


Answer = Acceptance | Refusal


@dataclass(slots=True)
class _Plan:
    """One submission on its way through the batch."""

    submission: Submission
    outcomes: list[UUID | Refusal] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    remaining: int = 0
    refusal: Refusal | None = None


class Accept:
    """Accepts batches; one submission's refusal never touches its neighbours."""

    def __init__(self, clock: Clock, ids: Ids, lifetime: timedelta) -> None:
        self._clock = clock
        self._ids = ids
        self._lifetime = lifetime

    async def __call__(self, tx: Tx, submissions: Sequence[Submission]) -> list[Answer]:
        """Accept what can be; an answer for each submission, in their order."""
        bodies = await _bodies(tx, submissions)
        devices = await pools.counts(tx, sorted({s.pool_id for s in submissions}))
        plans = [self._plan(submission, bodies, devices) for submission in submissions]
        # From the first lock on, time counts: the moment is taken under it, so that a ledger's
        # entries are in the order of their times.
        wallets = await ledger.lock(tx, {s.account_id for s in submissions})
        now = self._clock.now()
        moves = _charge(plans, {id: wallet.credits for id, wallet in wallets.items()})
        await ledger.move(tx, wallets, moves, now)
        drafts = [draft for plan in plans if plan.refusal is None for draft in plan.drafts]
        places = await self._queue(tx, drafts, now) if drafts else {}
        return [_answer(plan, places, devices) for plan in plans]

    def _plan(
        self,
        submission: Submission,
        bodies: dict[tuple[int, int], str],
        devices: dict[int, Counts],
    ) -> _Plan:
        plan = _Plan(submission)
        if submission.pool_id not in devices:
            plan.refusal = Unavailable(POOL_GONE, retry_after=1)
            return plan
        try:
            template = _template(submission, bodies)
        except Refusal as refusal:
            plan.refusal = refusal
            return plan
        for recipient in submission.recipients:
            self._draft(plan, recipient, template)
        if not plan.drafts:
            plan.refusal = next(o for o in plan.outcomes if isinstance(o, Refusal))
        return plan

    def _draft(self, plan: _Plan, recipient: Recipient, template: str | None) -> None:
        submission = plan.submission
        try:
            text = _text(submission.content, recipient, template)
        except Refusal as refusal:
            plan.outcomes.append(refusal)
            return
        id = self._ids.new()
        plan.outcomes.append(id)
        plan.drafts.append(
            Draft(
                submission.account_id,
                id,
                submission.kind,
                recipient.number,
                text,
                submission.content.template_id,
                submission.pool_id,
            )
        )

    async def _queue(self, tx: Tx, drafts: list[Draft], now: datetime) -> dict[UUID, int]:
        await store.insert(tx, drafts, now, now + self._lifetime)
        await facts.append(tx, [Event(d.account_id, d.id, 1, Type.QUEUED, now) for d in drafts])
        about = [Reference(d.account_id, d.id) for d in drafts]
        places = await lanes.push(tx, [lane_of(d.pool_id) for d in drafts], about)
        return {draft.id: place for draft, place in zip(drafts, places, strict=True)}


async def look_up(tx: Tx, answers: Sequence[Answer], accounts: set[int]) -> set[UUID]:
    """Which ids of a batch whose COMMIT got no answer are really there.

    The accounts' locks come first: they wait until the lost transaction has ended.
    """
    await ledger.lock(tx, accounts)
    ids = [id for answer in answers for id in accepted_ids(answer)]
    return await store.existing(tx, sorted(accounts), ids) if ids else set()


def accepted_ids(answer: Answer) -> list[UUID]:
    """The messages that an answer tells of."""
    if isinstance(answer, Refusal):
        return []
    return [outcome for outcome in answer.outcomes if isinstance(outcome, UUID)]


async def _bodies(tx: Tx, submissions: Sequence[Submission]) -> dict[tuple[int, int], str]:
    wanted = [
        (s.account_id, s.content.template_id)
        for s in submissions
        if s.content.template_id is not None
    ]
    return await templates.bodies(tx, wanted) if wanted else {}


def _template(submission: Submission, bodies: dict[tuple[int, int], str]) -> str | None:
    template_id = submission.content.template_id
    if template_id is None:
        return None
    body = bodies.get((submission.account_id, template_id))
    if body is None:
        raise NoSuchTemplate
    return body


def _text(content: Content, recipient: Recipient, template: str | None) -> str:
    if template is None:
        return content.text or ""
    return render(template, {**content.variables, **recipient.variables})


def _charge(plans: Sequence[_Plan], credits: dict[int, int]) -> list[Move]:
    """Take each submission's price from what its account has left, in order; all or nothing."""
    moves = []
    for plan in plans:
        account_id, cost = plan.submission.account_id, PRICE * len(plan.drafts)
        left = credits.get(account_id, 0)
        if plan.refusal is None and left < cost:
            plan.refusal = InsufficientCredits(required=cost, available=left)
        if plan.refusal is None:
            left -= cost
            moves += [Move(account_id, -PRICE, Kind.CHARGE, d.id) for d in plan.drafts]
        credits[account_id] = plan.remaining = left
    return moves


def _answer(plan: _Plan, places: dict[UUID, int], devices: dict[int, Counts]) -> Answer:
    if plan.refusal is not None:
        return plan.refusal
    available, total = devices[plan.submission.pool_id]
    place = places[plan.drafts[0].id]
    return Acceptance(plan.outcomes, plan.remaining, place, available, total)
