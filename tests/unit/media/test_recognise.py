"""A file is what its bytes say, and what is said of it counts only beyond that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.samples import FILES, JPEG, MP4, OPUS, PDF, PNG, WEBP

from waypost.drivers.outgoing import MediaKind
from waypost.kit.errors import Invalid
from waypost.kit.files import filename_problem
from waypost.media.model import MOST_BYTES
from waypost.media.recognise import UNKNOWN, cleaned, recognised, types_of, usual_name

IMAGE, AUDIO, VIDEO, DOCUMENT = (
    MediaKind.IMAGE,
    MediaKind.AUDIO,
    MediaKind.VIDEO,
    MediaKind.DOCUMENT,
)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def what(
    head: bytes,
    said: str | None = None,
    wanted: MediaKind | None = None,
    filename: str = "",
    size: int = 1000,
) -> tuple[MediaKind, str]:
    return recognised(head, size, said, filename, wanted)


@pytest.mark.parametrize("mime", FILES)
@pytest.mark.parametrize("said", [None, UNKNOWN, "text/html", "application/pdf", "not a type"])
def test_it_is_recognised_whatever_is_said(mime: str, said: str | None) -> None:
    assert what(FILES[mime], said) == (MediaKind(mime.partition("/")[0]), mime)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        PDF,
        WEBP,
        b"GIF89a",
        b"<html>",
        b"\xff\xd8",
        b"#!AMR-WB\n",
        OPUS[:-1] + b"\x02",
        b"OggS\x00\x02" + bytes(20) + b"\x01\x1e\x01vorbis\x00",
        b"\x00\x00\x00\x14ftypqt  ",
        b"\x00\x00\x00\x14ftypheic",
        b" " + PNG,
    ],
    ids=lambda head: head[:16].hex() or "nothing",
)
def test_what_whatsapp_does_not_show_is_not_recognised(head: bytes) -> None:
    assert types_of(head) == ()
    assert what(head) == (DOCUMENT, UNKNOWN)


@pytest.mark.parametrize("frame", [b"\xff\xfb\x90", b"\xff\xf3\x40", b"\xff\xe3\x18"])
def test_an_mp3_need_not_begin_with_its_tags(frame: bytes) -> None:
    assert what(frame) == (AUDIO, "audio/mpeg")


@pytest.mark.parametrize(
    ("said", "wanted", "is_"),
    [
        ("video/mp4", None, (VIDEO, "video/mp4")),
        ("audio/x-m4a", None, (AUDIO, "audio/mp4")),
        (None, AUDIO, (AUDIO, "audio/mp4")),
        ("audio/mp4", VIDEO, (VIDEO, "video/mp4")),
        ("audio/mp4", DOCUMENT, (DOCUMENT, "audio/mp4")),
    ],
)
def test_what_can_be_sound_or_film_is_what_is_said_or_wanted(
    said: str | None, wanted: MediaKind | None, is_: tuple[MediaKind, str]
) -> None:
    assert what(MP4, said, wanted) == is_


@pytest.mark.parametrize("mime", FILES)
def test_everything_can_be_a_document_of_its_own_type(mime: str) -> None:
    assert what(FILES[mime], None, DOCUMENT) == (DOCUMENT, mime)


@pytest.mark.parametrize(
    ("said", "filename", "mime"),
    [
        ("application/pdf", "", "application/pdf"),
        ("Application/PDF; name=x", "", "application/pdf"),
        (None, "a.pdf", "application/pdf"),
        (UNKNOWN, "a.XLSX", XLSX),
        (UNKNOWN, "a.unheard-of", UNKNOWN),
        ("a/b\r\nSet-Cookie: x", "", UNKNOWN),
        ("é/é", "", UNKNOWN),
    ],
)
def test_of_a_document_that_counts_which_is_said_then_its_name(
    said: str | None, filename: str, mime: str
) -> None:
    assert what(PDF, said, None, filename) == (DOCUMENT, mime)


@pytest.mark.parametrize(
    ("head", "said", "wanted"),
    [
        pytest.param(PDF, "image/png", None, id="a document said to be an image"),
        pytest.param(WEBP, "image/webp", None, id="an image of another type"),
        pytest.param(PDF, None, IMAGE, id="a document wanted as an image"),
        pytest.param(JPEG, "image/jpeg", AUDIO, id="an image wanted as sound"),
        pytest.param(b"<html>", "video/mp4", VIDEO, id="a page said to be a film"),
    ],
)
def test_what_it_is_not_it_cannot_be_shown_as(
    head: bytes, said: str | None, wanted: MediaKind | None
) -> None:
    with pytest.raises(Invalid) as refused:
        what(head, said, wanted)

    assert [problem.field for problem in refused.value.details] == ["file"]


@pytest.mark.parametrize(
    ("kind", "head"), [(IMAGE, PNG), (AUDIO, OPUS), (VIDEO, MP4), (DOCUMENT, PDF)]
)
def test_each_kind_has_its_largest_size(kind: MediaKind, head: bytes) -> None:
    most = MOST_BYTES[kind]

    assert what(head, size=most)[0] is kind
    with pytest.raises(Invalid, match=f"{most >> 20} MB is the most"):
        what(head, size=most + 1)


def test_a_file_too_large_to_be_shown_can_be_a_document() -> None:
    assert what(PNG, wanted=DOCUMENT, size=MOST_BYTES[IMAGE] + 1) == (DOCUMENT, "image/png")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, ""),
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\a b.pdf", "a b.pdf"),
        ("a\r\nX: y.pdf", "aX: y.pdf"),
        ("\ud800é\0.pdf", "é.pdf"),
        ("/", ""),
        ("a" * 300 + ".pdf", "a" * 236 + ".pdf"),
    ],
)
def test_a_name_is_cleaned(given: str | None, name: str) -> None:
    assert cleaned(given) == name


@given(st.text(st.characters()))
def test_a_cleaned_name_can_be_kept(given: str) -> None:
    name = cleaned(given)

    assert not name or filename_problem(name) is None


def test_who_has_no_name_gets_one() -> None:
    assert usual_name(IMAGE, "image/jpeg") == "image.jpg"
    assert usual_name(DOCUMENT, UNKNOWN) == "document.bin"
    assert usual_name(DOCUMENT, "x/unheard-of") == "document"
