"""The judge can convict: each promise, broken once in an invented round, is found broken."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.chaos.evidence import Asked, Entry, Evidence, Fact, Message
from tests.chaos.judge import judge
from tests.chaos.official import sight
from tests.support.graph.notes import Post
from tests.support.transport import Sight

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
CHARGE, REFUND = Entry("charge", -1), Entry("refund", 1)


def told(*types: str) -> tuple[Fact, ...]:
    return tuple(Fact(n, f"message.{type}", BEGUN) for n, type in enumerate(types, 1))


def seen(id: str, attempt: int = 1, fault: str = "", order: int = 0) -> tuple[int, Sight]:
    taken = fault not in ("refused", "busy", "limited", "lost")
    code = "REFUSED" if fault == "refused" else ""
    return order, Sight(0.0, f"3EB{id}", "27", "Hello", 1, id, attempt, 1, fault, taken, code)


def message(id: str, status: str, *types: str, **changes: object) -> Message:
    """A message of account 1 with these facts after its acceptance."""
    facts = told("queued", *types)
    made = Message(
        id=id,
        account_id=1,
        number=1,
        kind="single",
        to="27",
        text="Hello",
        status=status,
        known_as=(f"3EB{id}",),
        marks=types.count("sending"),
        facts=facts,
        fact_count=len(facts),
        entries=(CHARGE,),
        sights=(seen(id),) if "sending" in types else (),
    )
    return replace(made, **changes)


SENT = message("a", "Sent", "sending", "sent")
ASKED = Asked(1, "single", "Hello", ("27",), ("a",))
SECOND = message("b", "Sent", "sending", "sent", number=2, text="Two", sights=())
SECOND = replace(SECOND, sights=((1, replace(seen("b")[1], text="Two")),))
ASKED_SECOND = Asked(1, "single", "Two", ("27",), None)


def promises(evidence: Evidence) -> set[str]:
    return {breach.promise for breach in judge(evidence)}


def of(manner: str, only: Message, asked: Asked = ASKED) -> set[str]:
    return promises(Evidence(manner, (only,), (asked,)))


@pytest.mark.parametrize("manner", ["repeats", "hold", "resend", "fail"])
def test_a_round_in_which_all_went_well_is_acquitted(manner: str) -> None:
    refused = message(
        "c",
        "Failed",
        "sending",
        "requeued",
        "sending",
        "failed",
        number=3,
        error_code="REFUSED",
        entries=(CHARGE, REFUND),
        text="Three",
        sights=tuple(
            (n, replace(seen("c", n, fault)[1], text="Three"))
            for n, fault in ((1, "busy"), (2, "refused"))
        ),
    )
    asked = (ASKED, ASKED_SECOND, Asked(1, "single", "Three", ("27",), ("c",)))
    asked += (Asked(1, "bulk", "Four", ("27", "28"), None),)

    assert judge(Evidence(manner, (SENT, SECOND, refused), asked)) == []


def test_an_answered_message_that_is_not_there() -> None:
    assert len(judge(Evidence("hold", (), (ASKED,)))) == 1


def test_a_message_that_is_there_twice_or_that_nobody_asked_for() -> None:
    twin = replace(SENT, id="t", known_as=("3EBt",), number=2, sights=(seen("t", order=5),))

    assert len(judge(Evidence("hold", (SENT, twin), (ASKED,)))) == 1
    assert promises(Evidence("hold", (SENT,))) == {"nobody asked for it"}


def test_a_bulk_of_which_one_half_was_accepted() -> None:
    asked = Asked(1, "single", "Hello", ("27", "28"), None)

    assert len(judge(Evidence("hold", (SENT,), (asked,)))) == 1


def test_a_message_of_another_class() -> None:
    assert of("hold", replace(SENT, kind="bulk")) == {
        "a message is of another class than it was asked for"
    }


@pytest.mark.parametrize("status", ["Queued", "Sending", "Expired"])
def test_a_message_that_is_not_at_rest(status: str) -> None:
    assert "a message was lost on its way" in of("hold", message("a", status))


def test_uncertain_is_rest_under_hold_alone() -> None:
    held = message("a", "Uncertain", "sending", "uncertain")

    assert of("hold", held) == set()
    assert of("resend", held) == {"a message was lost on its way"}


def test_a_later_message_that_arrived_first_unless_the_earlier_was_uncertain() -> None:
    late = replace(SENT, sights=(seen("a", order=2),))
    doubtful = message(
        "a", "Sent", "sending", "uncertain", "requeued", "sending", "sent", sights=late.sights
    )
    asked = (ASKED, ASKED_SECOND)

    assert promises(Evidence("resend", (late, SECOND), asked)) == {"a later message arrived first"}
    assert promises(Evidence("resend", (doubtful, SECOND), asked)) == set()


def test_what_is_left_over() -> None:
    stranger = seen("x")[1]

    assert len(judge(Evidence("hold", strangers=(stranger,), parked=1, notes=("It ended.",)))) == 3


FAILED = message(
    "a", "Failed", "sending", "failed", error_code="REFUSED", entries=(CHARGE, REFUND), sights=()
)


def test_news_of_what_was_given_back_is_kept_and_changes_nothing() -> None:
    known = replace(FAILED, facts=told("queued", "sending", "failed", "read"), fact_count=4)
    sights = (seen("a", fault="refused"),)

    assert of("resend", replace(known, sights=sights)) == set()
    assert of("resend", replace(known, sights=sights, status="Read")) != set()


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (replace(SENT, fact_count=4), "its facts have gaps"),
        (replace(SENT, facts=told("sending", "sent"), fact_count=2), "its facts do not begin"),
        (replace(SENT, marks=2), "its marks are not its facts"),
        (message("a", "Sent", "sending", "sent", "sent"), "a fact is told twice"),
        (message("a", "Sent", "sending", "sent", "sending"), "it went on after it was sent"),
        (replace(SENT, status="Read"), "its last fact is not its status"),
        (replace(SENT, entries=()), "its ledger entries"),
        (replace(SENT, entries=(CHARGE, REFUND)), "its ledger entries"),
        (replace(FAILED, entries=(CHARGE,)), "its ledger entries"),
        (replace(SENT, sights=(seen("z"),)), "it is known under another id"),
        (replace(SENT, text="Other"), "another message was sent"),
        (replace(SENT, sights=(seen("a"), seen("a"))), "one attempt was sent twice"),
        (replace(SENT, sights=(seen("a"), seen("a", 2))), "it was sent without a mark"),
        (replace(SENT, sights=(seen("a", fault="lost"),)), "it is said to be sent"),
        (
            replace(FAILED, marks=2, sights=(seen("a"), seen("a", 2, "refused"))),
            "it is said not to have gone",
        ),
        (replace(FAILED, error_code="UNDELIVERABLE"), "it failed by UNDELIVERABLE"),
    ],
)
def test_what_is_wrong_with_a_message_whatever_the_transport(broken: Message, promise: str) -> None:
    for manner in ("repeats", "fail"):
        found = of(manner, broken, replace(ASKED, text=broken.text))
        assert any(each.startswith(promise) for each in found), found


AGAIN = ("sending", "requeued", "sending", "sent")
AFTER_DOUBT = ("sending", "uncertain", "requeued", "sending", "sent")


@pytest.mark.parametrize(
    ("manner", "types", "first", "promise"),
    [
        ("repeats", ("sending", "sending", "sent"), "dropped", None),
        ("hold", AGAIN, "busy", None),
        ("hold", AGAIN, "lost", "it was sent again, blindly"),
        ("fail", AGAIN, "silent", "it arrived twice"),
        ("hold", ("sending", "sending", "sent"), "busy", "it was marked again with no word"),
        ("resend", AGAIN, "dropped", "it was sent again before it was `Uncertain`"),
        ("resend", AFTER_DOUBT, "dropped", None),
    ],
)
def test_a_second_send_needs_its_reason(
    manner: str, types: tuple[str, ...], first: str, promise: str | None
) -> None:
    sights = (seen("a", 1, first), seen("a", 2, order=1))
    found = of(manner, message("a", "Sent", *types, sights=sights))

    assert (found == set()) if promise is None else any(f.startswith(promise) for f in found)


READ = message("a", "Read", "sending", "read", known_as=("wamid.1",))
READ = replace(READ, sights=((0, replace(seen("a")[1], id="wamid.1")),))
FAILED_LATER = replace(FAILED, error_code="131053", known_as=("wamid.1",))
FAILED_LATER = replace(
    FAILED_LATER,
    sights=((0, replace(seen("a", fault="failed")[1], id="wamid.1", code="131053")),),
)


@pytest.mark.parametrize(
    ("manner", "only", "promise"),
    [
        ("hold", READ, None),
        ("hold", replace(READ, known_as=()), None),
        ("hold", FAILED_LATER, None),
        ("hold", replace(READ, known_as=("wamid.2",)), "it is known under another id"),
        ("hold", replace(FAILED_LATER, error_code="131047"), "it failed by 131047"),
        ("hold", message("a", "Sent", "sending", "sent", known_as=()), "the provider told"),
        ("hold", message("a", "Uncertain", "sending", "uncertain", known_as=()), "the provider"),
        ("resend", replace(FAILED, known_as=(), marks=2), "it failed by REFUSED"),
    ],
)
def test_what_is_wrong_with_a_message_of_an_official_number(
    manner: str, only: Message, promise: str | None
) -> None:
    found = promises(Evidence(manner, (only,), (ASKED,), is_official=True))

    assert (found == set()) if promise is None else any(f.startswith(promise) for f in found)


def post(fault: str = "", code: int = 0, wamid: str = "wamid.1", details: str = "") -> Post:
    opaque = "1:0199000000007000800000000000000a:3"
    taken = bool(wamid)
    return Post(
        0.0, "5", "27", "text", "Hello", opaque, taken, wamid, fault, code, details, body={}
    )


@pytest.mark.parametrize(
    ("posted", "fault", "code"),
    [
        (post(), "", ""),
        (post("early"), "", ""),
        (post("failed/131053"), "failed", "131053"),
        (post("taken/close"), "dropped", ""),
        (post("taken/slow"), "slow", ""),
        (post("close", wamid=""), "lost", ""),
        (post("131026", 131026, wamid=""), "refused", "131026"),
        (post("bare/131016", 131016, wamid=""), "busy", "131016"),
        (post("http/503", wamid=""), "busy", ""),
        (post("", 131056, wamid=""), "limited", "131056"),
    ],
)
def test_a_post_in_the_words_of_the_judge(posted: Post, fault: str, code: str) -> None:
    seen_so = sight(posted)

    assert (seen_so.fault, seen_so.code, seen_so.taken) == (fault, code, posted.taken)
    assert (seen_so.account_id, seen_so.attempt, seen_so.device) == (1, 3, 5)
    assert seen_so.message_id == "0199000000007000800000000000000a"
