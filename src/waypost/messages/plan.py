"""What each submission of a batch would come to, before a lock is taken: its texts and ids."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from waypost.credits.model import PRICE
from waypost.devices.model import Counts
from waypost.drivers.outgoing import Media
from waypost.kit.errors import Invalid, Refusal, Unavailable
from waypost.kit.ids import Ids
from waypost.media.find import Key as FileKey
from waypost.media.model import Sendable
from waypost.messages import attached
from waypost.messages.attached import Attached
from waypost.messages.content import Carried, kept
from waypost.messages.model import Class
from waypost.messages.schemas import Content, Recipient
from waypost.messages.store_accept import Draft
from waypost.messages.submission import Acceptance, Submission
from waypost.templates.errors import NoSuchTemplate
from waypost.templates.fill import approved
from waypost.templates.find import Key as TemplateKey
from waypost.templates.model import Wording
from waypost.templates.render import render

POOL_GONE = "Your account has just been moved to another pool of senders. Try again."
NOT_YOURS = "is not a device of your pool"


@dataclass(frozen=True, slots=True)
class World:
    """What was found for a batch: templates, kept files, pools' devices, (pool, device) pairs."""

    templates: Mapping[TemplateKey, Wording]
    files: Mapping[FileKey, Sendable]
    pools: Mapping[int, Counts]
    devices: AbstractSet[tuple[int, int]]


@dataclass(slots=True)
class Plan:
    """One submission on its way through the batch; `repeats` is whose answer it gets."""

    submission: Submission
    outcomes: list[UUID | Refusal] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    batch_id: UUID | None = None
    remaining: int = 0
    refusal: Refusal | None = None
    repeats: "Acceptance | Plan | None" = None

    @property
    def cost(self) -> int:
        return PRICE * len(self.drafts)

    @property
    def is_new(self) -> bool:
        """Whether it is to be written."""
        return self.refusal is None and self.repeats is None


@dataclass(frozen=True, slots=True)
class First:
    """What came first with its key: its fingerprint, and its answer or what leads to it."""

    fingerprint: bytes
    answer: Acceptance | Plan


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all recipients of a submission get alike."""

    wording: Wording | None
    file: Media | None


def plan_of(submission: Submission, world: World, ids: Ids, lifetime: timedelta) -> Plan:
    """The submission's messages, or why there are none."""
    made = Plan(submission)
    if submission.kind is Class.BULK:
        made.batch_id = ids.new()
    try:
        shared = _shared(submission, world)
    except Refusal as refusal:
        made.refusal = refusal
        return made
    for recipient in submission.recipients:
        _draft(made, recipient, shared, ids, lifetime)
    if not made.drafts:
        made.refusal = next(o for o in made.outcomes if isinstance(o, Refusal))
    return made


def file_of(content: Content, wording: Wording | None) -> Attached | Media | None:
    """The file that a send shows: its own, else the one of its approved template."""
    if content.media is not None or wording is None or wording.provider is None:
        return content.media
    return wording.provider.file


def _shared(submission: Submission, world: World) -> _Shared:
    """What all get alike; raises what refuses the whole submission."""
    if submission.pool_id not in world.pools:
        raise Unavailable(POOL_GONE, retry_after=1)
    device_id, content = submission.options.device_id, submission.content
    if device_id is not None and (submission.pool_id, device_id) not in world.devices:
        raise Invalid.field("device_id", NOT_YOURS)
    wording = _wording(submission, world)
    named = file_of(content, wording)
    file = None if named is None else attached.media(submission.account_id, named, world.files)
    return _Shared(wording, file)


def _wording(submission: Submission, world: World) -> Wording | None:
    template_id = submission.content.template_id
    if template_id is None:
        return None
    wording = world.templates.get((submission.account_id, template_id))
    if wording is None:
        raise NoSuchTemplate
    return wording


def _draft(
    made: Plan, recipient: Recipient, shared: _Shared, ids: Ids, lifetime: timedelta
) -> None:
    submission, options = made.submission, made.submission.options
    try:
        text, carried = _said(submission.content, recipient, shared)
    except Refusal as refusal:
        made.outcomes.append(refusal)
        return
    id = ids.new()
    made.outcomes.append(id)
    made.drafts.append(
        Draft(
            submission.account_id,
            id,
            submission.kind,
            recipient.number,
            text,
            submission.content.template_id,
            submission.pool_id,
            made.batch_id,
            options.reference,
            options.device_id,
            options.send_at,
            options.expires_in or lifetime,
            kept(carried),
        )
    )


def _said(content: Content, recipient: Recipient, shared: _Shared) -> tuple[str, Carried]:
    """A recipient's text, and what goes with it."""
    wording, file = shared.wording, shared.file
    if wording is None:
        return _beside(file, content.text or ""), Carried(file)
    variables = {**content.variables, **recipient.variables}
    if wording.provider is None:
        return _beside(file, render(wording.body, variables)), Carried(file)
    filled = approved(wording.provider, variables, file)
    return render(wording.body, variables), Carried(approved=filled)


def _beside(file: Media | None, text: str) -> str:
    """The text, where it may be the caption of the file."""
    problem = None if file is None else attached.caption_problem(file.kind, text)
    if problem is not None:
        raise Invalid.field("media.caption", problem)
    return text
