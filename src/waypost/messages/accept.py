"""THE transaction: a batch of submissions is debited, stored and queued together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from waypost.credits import ledger
from waypost.credits.errors import InsufficientCredits
from waypost.credits.model import PRICE, Kind, Move
from waypost.devices import find as devices
from waypost.devices import pools
from waypost.events import log as facts
from waypost.events.model import Event, Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.kit.errors import Refusal
from waypost.kit.ids import Ids
from waypost.media import find as files
from waypost.media.find import Key as FileKey
from waypost.media.model import Sendable
from waypost.messages import alarms, attached, idempotency
from waypost.messages import store_accept as store
from waypost.messages.errors import IdempotencyMismatch
from waypost.messages.plan import First, Plan, World, file_of, plan_of
from waypost.messages.reference import reference
from waypost.messages.store_accept import BatchDraft, Draft
from waypost.messages.submission import Acceptance, Answer, Key, Skipped, Submission
from waypost.queue import lanes
from waypost.queue.lanes import Pushed
from waypost.queue.model import Entry, lane_of
from waypost.queue.model import Kind as Flow
from waypost.templates import find as templates
from waypost.templates.find import Key as TemplateKey
from waypost.templates.model import Wording

NOT_QUEUED = 0

Clocks = Mapping[tuple[int, Flow], tuple[int, int]]


class Accept:
    """Accepts batches; one submission's refusal never touches its neighbours."""

    def __init__(self, clock: Clock, ids: Ids, lifetime: timedelta) -> None:
        self._clock = clock
        self._ids = ids
        self._lifetime = lifetime

    async def __call__(self, tx: Tx, submissions: Sequence[Submission]) -> list[Answer]:
        """Accept what can be; an answer for each submission, in their order."""
        world = await self._world(tx, submissions)
        plans = [plan_of(each, world, self._ids, self._lifetime) for each in submissions]
        # From the first lock on, time counts: the moment is taken under it, so that a ledger's
        # entries are in the order of their times; and a twin's record is there, or never will be.
        wallets = await ledger.lock(tx, {s.account_id for s in submissions})
        now = self._clock.now()
        firsts = await idempotency.firsts(tx, submissions, now)
        _decide(plans, {id: wallet.credits for id, wallet in wallets.items()}, firsts)
        new = [plan for plan in plans if plan.is_new]
        await ledger.move(tx, wallets, [move for plan in new for move in _charges(plan)], now)
        places = await _write(tx, new, now) if new else {}
        answers = [_answer(plan, places, world) for plan in plans]
        await idempotency.remember(tx, zip(submissions, answers, strict=True), now)
        return answers

    async def _world(self, tx: Tx, submissions: Sequence[Submission]) -> World:
        named = {
            (s.pool_id, s.options.device_id) for s in submissions if s.options.device_id is not None
        }
        wordings = await _wordings(tx, submissions)
        return World(
            templates=wordings,
            files=await self._files(tx, submissions, wordings),
            pools=await pools.counts(tx, sorted({s.pool_id for s in submissions})),
            devices=await devices.present(tx, named) if named else frozenset(),
        )

    async def _files(
        self, tx: Tx, submissions: Sequence[Submission], wordings: Mapping[TemplateKey, Wording]
    ) -> Mapping[FileKey, Sendable]:
        wanted: dict[FileKey, datetime] = {}
        now = self._clock.now()
        for submission in submissions:
            account_id, content = submission.account_id, submission.content
            wording = wordings.get((account_id, content.template_id or 0))
            if key := attached.key(account_id, file_of(content, wording)):
                options = submission.options
                over = (options.send_at or now) + (options.expires_in or self._lifetime)
                wanted[key] = max(over, wanted.get(key, over))
        return await files.sendable(tx, wanted, now) if wanted else {}


async def look_up(tx: Tx, answers: Sequence[Answer], accounts: set[int]) -> set[UUID]:
    """Which ids of a batch whose COMMIT got no answer are really there.

    The accounts' locks come first: they wait until the lost transaction has ended.
    """
    await ledger.lock(tx, accounts)
    ids = [id for answer in answers if isinstance(answer, Acceptance) for id in answer.ids]
    return await store.existing(tx, sorted(accounts), ids) if ids else set()


async def _wordings(tx: Tx, submissions: Sequence[Submission]) -> Mapping[TemplateKey, Wording]:
    wanted = [
        (s.account_id, s.content.template_id)
        for s in submissions
        if s.content.template_id is not None
    ]
    return await templates.wordings(tx, wanted) if wanted else {}


def _decide(plans: Sequence[Plan], credits: dict[int, int], firsts: dict[Key, First]) -> None:
    """In order: who repeats an earlier request, who is refused, who pays what."""
    for plan in plans:
        submission = plan.submission
        if first := submission.key and firsts.get(submission.key):
            _repeat(plan, first)
            continue
        left = credits.get(submission.account_id, 0)
        plan.refusal = plan.refusal or submission.barred or _unpaid(plan, left)
        if plan.refusal is None:
            plan.remaining = credits[submission.account_id] = left - plan.cost
            if submission.key and submission.repeatable:
                firsts[submission.key] = First(submission.repeatable.fingerprint, plan)


def _repeat(plan: Plan, first: First) -> None:
    """Give the plan the first one's answer, where it asks for the same."""
    repeatable = plan.submission.repeatable
    if repeatable is None or repeatable.fingerprint != first.fingerprint:
        plan.refusal = IdempotencyMismatch()
    else:
        plan.refusal, plan.repeats = None, first.answer


def _unpaid(plan: Plan, left: int) -> Refusal | None:
    """All or nothing: a bulk is not sent to some of its numbers for want of credits."""
    return InsufficientCredits(required=plan.cost, available=left) if left < plan.cost else None


def _charges(plan: Plan) -> list[Move]:
    return [Move(d.account_id, -PRICE, Kind.CHARGE, d.id) for d in plan.drafts]


async def _write(tx: Tx, plans: Sequence[Plan], now: datetime) -> dict[UUID, int]:
    """Store the messages with all that belongs to them; the places of those that are queued."""
    drafts = [draft for plan in plans for draft in plan.drafts]
    await store.insert(tx, drafts, now)
    await facts.append(tx, [Event(d.account_id, d.id, 1, _fact(d), now) for d in drafts])
    if timers := [timer for plan in plans for timer in _timers(plan, now)]:
        await alarms.set(tx, timers)
    entries = [entry for plan in plans for entry in _entries(plan)]
    pushed = await lanes.push(tx, entries) if entries else Pushed([], {})
    if batches := _batches(plans, pushed.clocks):
        await store.insert_batches(tx, batches, now)
    ids = (entry.about.message_id for entry in entries)
    return dict(zip(ids, pushed.places, strict=True))


def _fact(draft: Draft) -> Type:
    return Type.QUEUED if draft.send_at is None else Type.SCHEDULED


def _timers(plan: Plan, now: datetime) -> list[tuple[int, UUID, datetime]]:
    """When its messages are first to be looked at; most are found without an alarm."""
    at = alarms.first(now, plan.submission.options.send_at, plan.drafts[0].expires_at(now))
    return [] if at is None else [(d.account_id, d.id, at) for d in plan.drafts]


def _entries(plan: Plan) -> list[Entry]:
    """What goes into the queue now; what is scheduled goes when it is due."""
    submission = plan.submission
    if submission.is_scheduled:
        return []
    lane, weight = lane_of(submission.pool_id), submission.weight
    return [
        Entry(lane, reference(d.account_id, d.kind, d.recipient, d.id), weight) for d in plan.drafts
    ]


def _batches(plans: Sequence[Plan], clocks: Clocks) -> list[BatchDraft]:
    """The bulks, each with how far it moved its flow's clock.

    Where several of an account share the transaction, nobody can tell whose part was what.
    """
    bulks = [plan for plan in plans if plan.batch_id is not None]
    sharing = Counter(p.submission.account_id for p in bulks if not p.submission.is_scheduled)
    return [
        BatchDraft(
            plan.submission.account_id,
            plan.batch_id,
            len(plan.drafts),
            plan.submission.options.reference,
            *_moved(plan.submission, sharing, clocks),
        )
        for plan in bulks
        if plan.batch_id is not None
    ]


def _moved(
    submission: Submission, sharing: Counter[int], clocks: Clocks
) -> tuple[int, int] | tuple[None, None]:
    account_id = submission.account_id
    if submission.is_scheduled or sharing[account_id] > 1:
        return None, None
    return clocks[account_id, Flow.BULK]


def _answer(plan: Plan, places: Mapping[UUID, int], world: World) -> Answer:
    if plan.refusal is not None:
        return plan.refusal
    if plan.repeats is not None:
        first = plan.repeats
        answer = _answer(first, places, world) if isinstance(first, Plan) else first
        return answer if isinstance(answer, Refusal) else replace(answer, is_replay=True)
    available, total = world.pools[plan.submission.pool_id]
    return Acceptance(
        [_outcome(outcome) for outcome in plan.outcomes],
        plan.remaining,
        places.get(plan.drafts[0].id, NOT_QUEUED),
        available,
        total,
        plan.batch_id,
    )


def _outcome(outcome: UUID | Refusal) -> UUID | Skipped:
    if isinstance(outcome, Refusal):
        return Skipped(outcome.code, outcome.message)
    return outcome
