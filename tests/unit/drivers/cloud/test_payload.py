"""Each sort of message is written as the provider's API wants it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from waypost.drivers.cloud import payload
from waypost.drivers.outgoing import (
    Approved,
    ButtonParameter,
    Media,
    MediaKind,
    Outgoing,
    Parameter,
    Ref,
)

ID = UUID("01990000-0000-7000-8000-000000000001")
PLAIN = Outgoing(Ref(7, ID, 3), "27821234567", "Hello", "3EB0ABC", 1)
LINK = "https://example.org/menu.pdf"


def written(file_id: str | None = None, **changes: Any) -> Any:
    return payload.message(replace(PLAIN, **changes), file_id)


def template(file_id: str | None = None, **parts: Any) -> Any:
    approved = Approved("order", "en_US", **parts)
    said = written(file_id, approved=approved)
    assert said["type"] == "template"
    return said["template"]


def test_a_text_goes_to_a_number_with_its_plus_and_under_our_own_words() -> None:
    assert written() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+27821234567",
        "type": "text",
        "text": {"body": "Hello"},
        "biz_opaque_callback_data": f"7:{ID.hex}:3",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [("See https://example.org/x", True), ("HTTP://EXAMPLE.ORG", True), ("https is fine", None)],
    ids=["a link", "capitals", "none"],
)
def test_a_text_with_a_link_shows_where_it_leads(text: str, shown: bool | None) -> None:
    assert written(text=text)["text"].get("preview_url") is shown


@pytest.mark.parametrize("kind", [MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT])
def test_a_file_at_a_link_carries_the_text_as_its_caption(kind: MediaKind) -> None:
    said = written(media=Media(kind, link=LINK))

    assert said["type"] == kind.value
    assert said[kind.value] == {"link": LINK, "caption": "Hello"}


def test_a_file_that_we_keep_goes_by_the_provider_s_id() -> None:
    assert written("901", media=Media(MediaKind.IMAGE, media_id=ID), text="")["image"] == {
        "id": "901"
    }


def test_a_sound_has_no_caption() -> None:
    assert written(media=Media(MediaKind.AUDIO, link=LINK))["audio"] == {"link": LINK}


def test_only_a_document_has_a_name() -> None:
    document = Media(MediaKind.DOCUMENT, link=LINK, filename="menu.pdf")
    assert written(media=document)["document"]["filename"] == "menu.pdf"
    assert "filename" not in written(media=replace(document, kind=MediaKind.IMAGE))["image"]


def test_a_template_without_places_has_no_components() -> None:
    assert template() == {"name": "order", "language": {"code": "en_US"}}


def test_a_template_s_places_go_by_their_order() -> None:
    said = template(header=(Parameter("Ann"),), body=(Parameter("12"), Parameter("Monday")))

    assert said["components"] == [
        {"type": "header", "parameters": [{"type": "text", "text": "Ann"}]},
        {
            "type": "body",
            "parameters": [{"type": "text", "text": "12"}, {"type": "text", "text": "Monday"}],
        },
    ]


def test_a_template_s_places_go_by_their_names() -> None:
    said = template(body=(Parameter("12", "order_number"),))

    assert said["components"][0]["parameters"] == [
        {"type": "text", "parameter_name": "order_number", "text": "12"}
    ]


@pytest.mark.parametrize(
    ("media", "file_id", "shown"),
    [
        (Media(MediaKind.IMAGE, link=LINK), None, {"link": LINK}),
        (Media(MediaKind.VIDEO, media_id=ID), "901", {"id": "901"}),
        (
            Media(MediaKind.DOCUMENT, media_id=ID, filename="menu.pdf"),
            "901",
            {"id": "901", "filename": "menu.pdf"},
        ),
    ],
    ids=["image", "video", "document"],
)
def test_a_template_s_header_may_be_a_file(media: Media, file_id: str | None, shown: Any) -> None:
    said = template(file_id, header_media=media)

    parameter = {"type": media.kind.value, media.kind.value: shown}
    assert said["components"] == [{"type": "header", "parameters": [parameter]}]


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("url", {"type": "text", "text": "123"}),
        ("quick_reply", {"type": "payload", "payload": "123"}),
        ("copy_code", {"type": "coupon_code", "coupon_code": "123"}),
    ],
)
def test_a_template_s_buttons_take_what_their_kind_takes(kind: str, parameter: Any) -> None:
    said = template(buttons=(ButtonParameter(1, kind, "123"),))

    assert said["components"] == [
        {"type": "button", "sub_type": kind, "index": "1", "parameters": [parameter]}
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("one\r\n\ntwo", "one two"),
        ("one\ttwo", "one two"),
        ("one      two", "one    two"),
        ("one\u2028two", "one two"),
        ("one    two", "one    two"),
    ],
    ids=["lines", "a tab", "six spaces", "a line of Unicode", "four spaces"],
)
def test_a_template_s_place_takes_one_line(given: str, text: str) -> None:
    said = template(body=(Parameter(given),))

    assert said["components"][0]["parameters"][0]["text"] == text


def test_a_template_s_file_is_the_message_s() -> None:
    image = Media(MediaKind.IMAGE, media_id=ID)
    approved = Approved("order", "en_US", header_media=image)

    assert payload.file(replace(PLAIN, approved=approved)) == image
    assert payload.file(replace(PLAIN, media=image)) == image
    assert payload.file(replace(PLAIN, media=image, approved=Approved("order", "en_US"))) is None
