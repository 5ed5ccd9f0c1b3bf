"""Each shape in which the provider tells: read whole, and never refused."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests.support.callbacks import (
    ACCOUNT,
    AT,
    NUMBER_ID,
    PERSON,
    call,
    calls,
    change,
    contact,
    failed,
    messages,
    status,
    written,
)

from waypost.drivers.cloud import inbound, opaque
from waypost.drivers.cloud.inbound import Change, News, Notice, Status
from waypost.drivers.news import (
    Delivered,
    Failed,
    Inbound,
    InboundMedia,
    Left,
    Read,
    Stop,
    TemplateNews,
)
from waypost.drivers.outgoing import Ref

DEVICE = 7
THEN = datetime.fromtimestamp(AT, UTC)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
REF = Ref(3, UUID("0192f0c1-a2b3-7c4d-8e5f-60718293a4b5"), 2)


def changes(body: bytes) -> list[Change]:
    found = inbound.changes(body)
    assert found is not None
    return found


def told(*parts: Any) -> list[News]:
    """What these changes tell, one call long."""
    return [n for c in changes(call(*parts)) for n in inbound.news(c, DEVICE, NOW)]


def one_status(part: Any) -> Status:
    (news,) = told(messages(statuses=[part]))
    assert isinstance(news, Status)
    return news


def one_written(part: Any, **more: Any) -> Inbound:
    (news,) = told(messages(messages=[part], **more))
    assert isinstance(news, Inbound)
    return news


@pytest.mark.parametrize(
    ("name", "receipt"),
    [
        ("sent", Left(REF, THEN, "wamid.A")),
        ("delivered", Delivered(REF, THEN)),
        ("read", Read(REF, THEN)),
        ("played", Read(REF, THEN)),
        ("failed", Failed(REF, THEN, "PROVIDER_ERROR", "The provider refused the message.")),
    ],
)
def test_each_status_becomes_its_receipt(name: str, receipt: Any) -> None:
    assert one_status(status(name)).receipt(REF) == receipt


def test_a_status_brings_back_what_we_gave_along() -> None:
    ours = one_status(status("sent", biz_opaque_callback_data=opaque.write(REF)))
    theirs = one_status(status("sent", biz_opaque_callback_data="campaign-7"))

    assert (ours.ref, theirs.ref) == (REF, None)


def test_a_status_with_all_that_the_provider_may_add_is_read() -> None:
    news = one_status(
        status(
            "delivered",
            recipient_user_id="US.13491208655302741918",
            recipient_type="group",
            recipient_participant_id=PERSON,
            conversation={"id": "c", "origin": {"type": "utility"}},
            pricing={"billable": True, "pricing_model": "PMP", "category": "utility"},
            tomorrow={"is": "unknown"},
        )
    )

    assert news.receipt(REF) == Delivered(REF, THEN)


@pytest.mark.parametrize(
    "timestamp", [None, "", "soon", "-1", "9" * 30, {}, True], ids=lambda t: repr(t)[:12]
)
def test_a_status_without_a_good_time_happened_when_it_came(timestamp: Any) -> None:
    assert one_status(status("read", timestamp=timestamp)).at == NOW


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([{"code": 987654, "title": "T", "error_data": {"details": "D"}}], "D"),
        ([{"code": 987654, "title": "T", "message": "M", "error_data": "S"}], "S"),
        ([{"code": 987654, "title": "T"}], "T"),
    ],
    ids=["details", "a text", "title"],
)
def test_a_code_that_nobody_knows_fails_with_the_providers_own_words(
    errors: Any, said: str
) -> None:
    receipt = one_status(status("failed", errors=errors)).receipt(REF)

    assert isinstance(receipt, Failed)
    assert receipt.code == "987654"
    assert said in receipt.message


@pytest.mark.parametrize("code", ["9" * 5000, 10**9, "one", None, {}], ids=lambda c: repr(c)[:12])
def test_a_code_that_is_none_fails_without_one(code: Any) -> None:
    receipt = one_status(status("failed", errors=[{"code": code, "title": "T"}])).receipt(REF)

    assert isinstance(receipt, Failed)
    assert receipt.code == "PROVIDER_ERROR"


def test_a_closed_window_names_the_way_by_a_template() -> None:
    receipt = one_status(failed(131047, "More than 24 hours have passed.")).receipt(REF)

    assert isinstance(receipt, Failed)
    assert receipt.code == "131047"
    assert "template" in receipt.message


@pytest.mark.parametrize("part", [status("flew"), status("sent", ""), {"status": "sent"}, "sent"])
def test_a_status_that_nobody_knows_is_kept(part: Any) -> None:
    (news,) = told(messages(statuses=[part]))

    assert isinstance(news, Notice)
    assert news.field == inbound.STATUS


FILE = {"id": "900", "mime_type": "image/jpeg", "sha256": "aGFzaA=="}


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("text", {"body": "Hello é 👋"}, "Hello é 👋"),
        ("button", {"payload": "yes", "text": "Yes, please"}, "Yes, please"),
        (
            "interactive",
            {"type": "button_reply", "button_reply": {"id": "1", "title": "Later"}},
            "Later",
        ),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "1", "title": "Blue", "description": "d"}},
            "Blue",
        ),
        (
            "interactive",
            {
                "type": "nfm_reply",
                "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"},
            },
            "Sent",
        ),
        ("interactive", None, None),
        ("reaction", {"message_id": "wamid.OUT", "emoji": "👍"}, "👍"),
        ("reaction", {"message_id": "wamid.OUT"}, None),
        ("location", {"latitude": -33.9, "longitude": 18.4, "name": "Here"}, "Here"),
        ("location", {"latitude": -33.9, "longitude": 18.4, "address": "1 Road"}, "1 Road"),
        ("contacts", [{"name": {"formatted_name": "K"}, "phones": []}], None),
        ("order", {"catalog_id": "1", "text": "Two", "product_items": []}, "Two"),
        ("system", {"type": "user_changed_number", "body": "K changed", "wa_id": "1"}, "K changed"),
        (
            "edit",
            {
                "original_message_id": "wamid.IN0",
                "message": {"type": "text", "text": {"body": "Better"}},
            },
            "Better",
        ),
        ("revoke", {"original_message_id": "wamid.IN0"}, None),
        ("image", {**FILE, "caption": "Look"}, "Look"),
        ("sticker", {**FILE, "animated": False}, None),
        ("hologram", {"caption": "Soon"}, "Soon"),
        ("hologram", None, None),
        ("text", "broken", None),
    ],
)
def test_each_kind_of_message_is_read(kind: str, body: Any, said: str | None) -> None:
    part = written(kind, body)
    news = one_written(part, contacts=[contact("1"), contact()])

    assert (news.kind, news.text, news.at) == (kind, said, THEN)
    assert (news.device_id, news.provider_id, news.sender) == (DEVICE, "wamid.IN", PERSON)
    assert news.content == {"message": part, "contact": contact()}


@pytest.mark.parametrize("kind", ["image", "video", "document", "audio", "sticker"])
def test_a_file_is_told_with_what_it_takes_to_fetch_it(kind: str) -> None:
    news = one_written(written(kind, {**FILE, "filename": "a.jpg", "url": "https://x"}))

    assert news.media == InboundMedia("900", kind, "image/jpeg", "aGFzaA==", "a.jpg")


def test_a_file_without_an_id_cannot_be_fetched() -> None:
    assert one_written(written("image", {"mime_type": "image/jpeg"})).media is None


def test_what_the_provider_could_not_show_is_kept() -> None:
    errors = [{"code": 131051, "title": "Message type unknown"}]

    news = one_written(written("unsupported", errors=errors))

    assert (news.kind, news.text) == ("unsupported", None)
    assert news.content["message"]["errors"] == errors  # type: ignore[index]


@pytest.mark.parametrize(
    ("part", "answers"),
    [
        (written("text", {"body": "x"}, context={"from": "1", "id": "wamid.OUT"}), "wamid.OUT"),
        (written("text", {"body": "x"}, context={"forwarded": True}), None),
        (written("text", {"body": "x"}, context={"from_user_id": "US.1", "id": "w"}), "w"),
        (written("reaction", {"message_id": "wamid.OUT", "emoji": "x"}), "wamid.OUT"),
        (written("revoke", {"original_message_id": "wamid.IN0"}), "wamid.IN0"),
        (written("text", {"body": "x"}), None),
    ],
    ids=["reply", "forwarded", "new field", "reaction", "revoke", "no context"],
)
def test_the_message_that_is_answered_is_named(part: Any, answers: str | None) -> None:
    assert one_written(part).reply_to == answers


def test_somebody_without_a_number_is_known_by_their_id() -> None:
    part = {"id": "wamid.IN", "from_user_id": "US.1349", "type": "text", "text": {"body": "Hi"}}
    who = {"profile": {"name": "K", "username": "kerry"}, "user_id": "US.1349"}

    news = one_written(part, contacts=[who])

    assert (news.sender, news.sender_id, news.at) == (None, "US.1349", NOW)
    assert news.content["contact"] == who


def test_a_message_without_an_id_is_kept_as_a_notice() -> None:
    assert told(messages(messages=[{"type": "text"}])) == [Notice("messages", {"type": "text"})]


def test_every_entry_change_status_and_message_counts() -> None:
    def part(n: int) -> Any:
        return messages(
            statuses=[status("sent", f"s{n}"), status("read", f"r{n}")],
            messages=[written("text", {"body": "a"}, f"a{n}"), written("text", None, f"b{n}")],
        )

    entries = [{"id": ACCOUNT, "changes": [part(n), part(n + 1)]} for n in (0, 2)]
    news = [n for c in changes(calls(*entries)) for n in inbound.news(c, DEVICE, NOW)]

    assert [n.provider_id for n in news if not isinstance(n, Notice)] == [
        f"{name}{n}" for n in range(4) for name in "srab"
    ]


def test_a_fault_of_the_account_and_parts_that_are_new_are_kept() -> None:
    errors = [{"code": 131031, "title": "Locked"}]

    stop, notice = told(messages(errors=errors))

    assert isinstance(stop, Stop)
    assert (stop.level, stop.code) == ("account", "131031")
    assert notice == Notice("messages", {"errors": errors})
    passing = [{"code": 131000}, {"code": 132015}, 7]
    assert told(messages(errors=passing)) == [Notice("messages", {"errors": passing})]
    assert told(messages(statuses=[], calls=[1])) == [Notice("messages", {"calls": [1]})]


def test_a_change_tells_whose_it_is_and_when() -> None:
    first, second = changes(call(messages(), change("account_update", event="X"), at=AT))

    assert (first.business_account_id, first.phone_number_id) == (ACCOUNT, NUMBER_ID)
    assert (second.field, second.phone_number_id, second.at) == ("account_update", None, THEN)


@pytest.mark.parametrize("entry", ["x", None, {}, {"changes": 1}, {"id": 5}], ids=repr)
def test_an_entry_of_another_shape_is_kept(entry: Any) -> None:
    (found,) = changes(calls(entry))

    assert (found.field, found.value) == (inbound.MALFORMED, {"entry": entry})


@pytest.mark.parametrize(
    ("part", "field"),
    [("x", inbound.MALFORMED), ({"field": "messages"}, "messages"), ({"value": {}}, "malformed")],
    ids=repr,
)
def test_a_change_of_another_shape_is_kept(part: Any, field: str) -> None:
    (found,) = changes(call(part))

    assert (found.field, found.value) == (field, {"change": part})
    assert found.phone_number_id is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"object":"page","entry":[]}',
        b'{"object":"whatsapp_business_account"}',
        b'{"object":"whatsapp_business_account","entry":{}}',
        b"[" * 100_000,
        b'{"object":' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:50]),
)
def test_what_is_no_call_is_none(body: bytes) -> None:
    assert inbound.changes(body) is None


def test_what_postgresql_cannot_hold_is_cleaned_away() -> None:
    raw = rb'{"body":"a\u0000b\ud800c\ud83d\udc4b","n":NaN,"far":1e999}'
    body = call(messages(messages=[written("text", "RAW")])).replace(b'"RAW"', raw)

    (found,) = changes(body)
    (news,) = inbound.news(found, DEVICE, NOW)

    assert isinstance(news, Inbound)
    assert news.text == "a\ufffdb?c👋"
    assert news.content["message"]["text"] == {"body": news.text, "n": None, "far": None}  # type: ignore[index]


def test_statuses_can_be_told_again() -> None:
    (first, second) = told(messages(statuses=[status("sent"), failed(131026)]))
    assert isinstance(first, Status)
    assert isinstance(second, Status)

    (again,) = changes(inbound.call(NUMBER_ID, [first, second]))

    assert again.phone_number_id == NUMBER_ID
    assert list(inbound.news(again, DEVICE, NOW)) == [first, second]


def test_changes_can_be_told_again() -> None:
    both = [messages(statuses=[status("sent")]), change("account_update", event="X")]
    first = [*changes(call(*both, at=AT)), *changes(call(messages(), account="5"))]

    assert changes(inbound.call_again(first)) == first


TEMPLATE = {
    "message_template_id": 1,
    "message_template_name": "order_ready",
    "message_template_language": "en-US",
}


def template(field: str, **value: Any) -> TemplateNews | None:
    (found,) = changes(call(change(field, **value), at=AT))
    return inbound.template(found, NOW)


def news_of_template(**news: Any) -> TemplateNews:
    return TemplateNews(ACCOUNT, THEN, "order_ready", "en_US", **news)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("APPROVED", "APPROVED"),
        ("REJECTED", "REJECTED"),
        ("PAUSED", "PAUSED"),
        ("DISABLED", "DISABLED"),
        ("PENDING_DELETION", "PENDING_DELETION"),
        ("REINSTATED", "APPROVED"),
        ("UNARCHIVED", "APPROVED"),
        ("SOMETHING_NEW", "SOMETHING_NEW"),
    ],
)
def test_the_state_of_a_template_is_told(event: str, state: str) -> None:
    news = template("message_template_status_update", **TEMPLATE, event=event, reason="NONE")

    assert news == news_of_template(status=state)


def test_why_a_template_was_rejected_is_told() -> None:
    field = "message_template_status_update"
    plain = template(field, **TEMPLATE, event="REJECTED", reason="INCORRECT_CATEGORY")
    said = template(
        field,
        **TEMPLATE,
        event="REJECTED",
        reason="X",
        message_template_category="UTILITY",
        rejection_info={"reason": "It looks like marketing."},
    )
    paused = template(
        field, **TEMPLATE, event="PAUSED", other_info={"title": "T", "description": "Too many."}
    )

    assert plain == news_of_template(status="REJECTED", reason="INCORRECT_CATEGORY")
    assert said == news_of_template(
        status="REJECTED", category="UTILITY", reason="It looks like marketing."
    )
    assert paused == news_of_template(status="PAUSED", reason="Too many.")


def test_the_category_and_the_quality_of_a_template_are_told() -> None:
    category = template(
        "template_category_update",
        **TEMPLATE,
        previous_category="UTILITY",
        new_category="MARKETING",
    )
    quality = template(
        "message_template_quality_update",
        **TEMPLATE,
        previous_quality_score="GREEN",
        new_quality_score="RED",
    )

    assert category == news_of_template(category="MARKETING")
    assert quality == news_of_template(quality="RED")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_template_status_update", {"event": "APPROVED"}),
        ("message_template_status_update", TEMPLATE),
        ("message_template_components_update", TEMPLATE),
        ("account_update", {**TEMPLATE, "event": "APPROVED"}),
        ("phone_number_quality_update", {"event": "FLAGGED"}),
        ("user_preferences", {"value": "stop"}),
    ],
)
def test_other_fields_say_nothing_of_a_template(field: str, value: Any) -> None:
    assert template(field, **value) is None
