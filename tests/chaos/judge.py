"""Whether the promises were kept: rules over the evidence of a round, each of which can convict."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.evidence import SILENCED, Evidence, Message

AT_REST = {"Sent", "Delivered", "Read", "Failed"}
ARRIVED = {"Sent", "Delivered", "Read"}
ENDS = {"sent", "delivered", "read", "failed", "expired", "cancelled"}
GIVEN_BACK = {"Failed", "Expired", "Cancelled"}


@dataclass(frozen=True)
class Breach:
    """A promise that was broken, and the message that shows it."""

    promise: str
    story: str

    def __str__(self) -> str:
        return f"{self.promise}\n{self.story}"


def judge(evidence: Evidence) -> list[Breach]:
    """Every breach there is."""
    breaches = [*_accepted(evidence), *_order(evidence), *_remains(evidence)]
    for message in evidence.messages:
        breaches += [Breach(promise, message.story) for promise in _faults(message, evidence)]
    return breaches


def _accepted(evidence: Evidence) -> Iterator[Breach]:
    """What was answered is there, as it was answered; what was not is there once, or not at all."""
    there: dict[tuple[int, str, str], list[Message]] = defaultdict(list)
    for message in evidence.messages:
        there[message.account_id, message.text, message.to].append(message)
    for asked in evidence.asked:
        found = [there.pop((asked.account_id, asked.text, to), []) for to in asked.numbers]
        ids = tuple(",".join(message.id for message in each) for each in found)
        stories = "\n".join(message.story for each in found for message in each)
        if any(message.kind != asked.kind for each in found for message in each):
            yield Breach("a message is of another class than it was asked for", stories)
        if asked.answered is not None and ids != asked.answered:
            yield Breach(f"{asked} is not what there is", stories)
        if asked.answered is None and {len(each) for each in found} not in ({0}, {1}):
            yield Breach(f"{asked} was accepted in part, or twice", stories)
    for unasked in there.values():
        yield Breach("nobody asked for it", "\n".join(message.story for message in unasked))


def _order(evidence: Evidence) -> Iterator[Breach]:
    """Of an account, a class and a recipient, what arrives does so as it was accepted.

    `Uncertain` frees its chain: a message that was it may be overtaken.
    """
    chains: dict[tuple[int, str, str], list[Message]] = defaultdict(list)
    for message in sorted(evidence.messages, key=lambda message: message.number):
        if message.arrivals and "uncertain" not in message.types:
            chains[message.account_id, message.kind, message.to].append(message)
    for chain in chains.values():
        for earlier, later in pairwise(chain):
            if earlier.arrivals[0] > later.arrivals[0]:
                yield Breach("a later message arrived first", f"{earlier.story}\n{later.story}")


def _remains(evidence: Evidence) -> Iterator[Breach]:
    for sight in evidence.strangers:
        yield Breach("the transport was given what is no message", str(sight))
    if evidence.jobs or evidence.parked:
        yield Breach("work is left for nobody", f"{evidence.jobs} jobs, {evidence.parked} parked")
    for note in evidence.notes:
        yield Breach("something said so", note)


def _faults(message: Message, evidence: Evidence) -> Iterator[str]:
    """What is wrong with one message."""
    rests = AT_REST | ({"Uncertain"} if evidence.manner == "hold" else set())
    if message.status not in rests:
        yield "a message was lost on its way"
    yield from _of_facts(message)
    yield from _of_money(message)
    yield from _of_sights(message, evidence.is_official)
    yield from _of_truth(message, evidence)
    if evidence.is_official:
        yield from _of_callbacks(message)
    if evidence.manner != "repeats":
        yield from _of_repeats(message, evidence.manner)


def _of_facts(message: Message) -> Iterator[str]:
    numbers = [fact.number for fact in message.facts]
    if numbers != list(range(1, message.fact_count + 1)):
        yield "its facts have gaps"
    if message.types[:1] != ["queued"]:
        yield "its facts do not begin with its acceptance"
    if message.types.count("sending") != message.marks:
        yield "its marks are not its facts"
    repeatable = ("queued", "sending", "requeued", "uncertain")
    twice = Counter(type for type in message.types if type not in repeatable)
    if any(count > 1 for count in twice.values()):
        yield "a fact is told twice"
    ends = [index for index, type in enumerate(message.types) if type in ENDS]
    if ends and {"sending", "requeued"} & set(message.types[ends[0] :]):
        yield "it went on after it was sent, or had ended"
    if _standing(message) != message.status.lower():
        yield "its last fact is not its status"


def _of_money(message: Message) -> Iterator[str]:
    entries = Counter((entry.kind, entry.delta) for entry in message.entries)
    due = {("charge", -1): 1}
    if message.status in GIVEN_BACK:
        due["refund", 1] = 1
    if entries != due:
        yield f"its ledger entries are not {due}"


def _of_sights(message: Message, is_official: bool) -> Iterator[str]:
    for _, sight in message.sights:
        if (sight.account_id, sight.to, sight.text) != (
            message.account_id,
            message.to,
            message.text,
        ):
            yield "another message was sent than was accepted"
    called = {sight.id for _, sight in message.sights}
    strange = set(message.known_as) - called if is_official else called - set(message.known_as)
    if strange:
        yield "it is known under another id than it was sent"
    attempts = Counter(sight.attempt for _, sight in message.sights)
    if any(count > 1 for count in attempts.values()):
        yield "one attempt was sent twice"
    if len(message.sights) > message.marks:
        yield "it was sent without a mark"


def _standing(message: Message) -> str:
    """Where its facts leave it: what comes after a refund is kept as news, and changes nothing."""
    over = (type for type in message.types if type.capitalize() in GIVEN_BACK)
    return next(over, message.types[-1] if message.types else "")


def _of_truth(message: Message, evidence: Evidence) -> Iterator[str]:
    """What the status claims is what the transport knows."""
    if message.status in ARRIVED and not message.arrivals:
        yield "it is said to be sent, and never arrived"
    if message.status != "Failed" or message.error_code == "UNCERTAIN":
        return
    told = [sight for _, sight in message.sights if sight.code == message.error_code]
    # An official number that is to repeat can have the second refused when the first arrived.
    may_differ = evidence.is_official and evidence.manner == "resend"
    if not told and message.error_code != "NOT_SENT":
        yield f"it failed by {message.error_code}, which nothing here did to it"
    elif message.arrivals and not may_differ and not any(sight.taken for sight in told):
        yield "it is said not to have gone, and arrived"


def _of_callbacks(message: Message) -> Iterator[str]:
    """Of what arrived the provider told to its end, whatever became of its answer."""
    read = [sight for _, sight in message.sights if sight.taken and sight.fault != "failed"]
    if read and message.status not in ("Read", "Failed"):
        yield "the provider told that it was read, and nobody noted it"


def _of_repeats(message: Message, manner: str) -> Iterator[str]:
    """On a transport that does not deduplicate, a repeat needs its `Uncertain` first."""
    doubtful = [sight for _, sight in message.sights if sight.fault in SILENCED]
    uncertain = message.types.count("uncertain")
    repeats = len(doubtful) - 1
    if repeats > 0 and manner != "resend":
        yield "it was sent again, blindly"
    if repeats > uncertain:
        yield "it was sent again before it was `Uncertain`"
    if manner != "resend" and len(message.arrivals) > 1:
        yield "it arrived twice"
    marks = [index for index, type in enumerate(message.types) if type == "sending"]
    for begun, again in pairwise(marks):
        if not {"requeued", "uncertain"} & set(message.types[begun:again]):
            yield "it was marked again with no word between"
