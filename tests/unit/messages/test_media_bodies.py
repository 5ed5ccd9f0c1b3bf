"""The file of a send: at a link or kept, with a text or without."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from waypost.drivers.outgoing import MediaKind
from waypost.kit.errors import Invalid
from waypost.kit.files import show_id
from waypost.messages.attached import Attached
from waypost.messages.schemas import Content, read_bulk, read_send

NOW = datetime(2025, 6, 3, 10, 30, tzinfo=UTC)
FILE = UUID("01920000-0000-7000-8000-000000000005")
LINK = "https://example.com/a.png"
AT_LINK: dict[str, Any] = {"url": LINK, "type": "image"}
KEPT = {"media_id": show_id(FILE)}
SHOWN = Attached(MediaKind.IMAGE, LINK)


def content(**fields: Any) -> Content:
    return read_send(json.dumps({"number": "27821234567", **fields}).encode(), NOW).content


def problems(**fields: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        content(**fields)
    return [problem.field for problem in refused.value.details]


def test_a_file_needs_no_text() -> None:
    assert content(media=AT_LINK) == Content(None, None, {}, SHOWN)


def test_a_kept_file_needs_no_type() -> None:
    named = {**KEPT, "filename": "Bill.pdf"}

    assert content(media=named).media == Attached(None, None, FILE, "Bill.pdf")


def test_its_text_is_its_caption_or_the_message() -> None:
    of_file = content(media=AT_LINK | {"caption": "Look"})

    assert of_file == content(message="Look", media=AT_LINK)
    assert of_file.text == "Look"


def test_an_empty_caption_is_none() -> None:
    assert content(media=AT_LINK | {"caption": ""}).text == ""


def test_a_file_goes_with_a_template() -> None:
    assert content(template_id=7, media=AT_LINK) == Content(None, 7, {}, SHOWN)


def test_null_is_absent() -> None:
    nothing = dict.fromkeys(["media_id", "caption", "filename"])

    assert content(media=AT_LINK | nothing) == content(media=AT_LINK)
    assert content(message="Hi", media=None) == content(message="Hi")


def test_a_bulk_has_one_file_for_all() -> None:
    body = {"numbers": ["27821234567"], "media": AT_LINK}

    assert read_bulk(json.dumps(body).encode(), NOW).content.media == SHOWN


@pytest.mark.parametrize(
    ("media", "fields"),
    [
        ({}, ["media.url"]),
        ({"type": "image"}, ["media.url"]),
        ({"url": LINK}, ["media.type"]),
        (AT_LINK | KEPT, ["media.url"]),
        (AT_LINK | {"type": "sticker"}, ["media.type"]),
        (AT_LINK | {"type": 7}, ["media.type"]),
        ({"url": "file:///etc/passwd", "type": "image"}, ["media.url"]),
        ({"media_id": "med_1"}, ["media.media_id"]),
        (KEPT | {"filename": "a/b"}, ["media.filename"]),
        (KEPT | {"caption": "\0"}, ["media.caption"]),
        (KEPT | {"name": "x"}, ["media.name"]),
        ("x", ["media"]),
        ([AT_LINK], ["media"]),
        (
            {"url": "x", "type": "y", "caption": "\0", "filename": ""},
            ["media.url", "media.type", "media.caption", "media.filename"],
        ),
    ],
    ids=lambda value: None if isinstance(value, list) else json.dumps(value),
)
def test_what_is_no_file_is_refused_by_its_fields(media: Any, fields: list[str]) -> None:
    assert problems(media=media) == fields


def test_one_text_is_enough() -> None:
    caption = AT_LINK | {"caption": "Look"}

    assert problems(message="Hi", media=caption) == ["media.caption"]
    assert problems(template_id=7, media=caption) == ["media.caption"]
