"""A file that a send names is one that its account keeps, shown as what it can be shown as."""

from uuid import UUID

import pytest

from waypost.drivers.outgoing import Media, MediaKind
from waypost.kit.errors import Invalid
from waypost.media.model import Sendable
from waypost.messages.attached import MAX_CAPTION, Attached, caption_problem, media

FILE = UUID(int=5)
KEPT = {(7, FILE): Sendable(MediaKind.IMAGE, "cat.png")}
LINK = "https://example.com/a"


def test_a_link_is_shown_as_its_sender_says() -> None:
    named = Attached(MediaKind.VIDEO, LINK, filename="a.mp4")

    assert media(7, named, {}) == Media(MediaKind.VIDEO, LINK, None, "a.mp4")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (None, MediaKind.IMAGE),
        (MediaKind.IMAGE, MediaKind.IMAGE),
        (MediaKind.DOCUMENT, MediaKind.DOCUMENT),
    ],
)
def test_a_kept_file_is_shown_as_itself_or_as_a_document(
    wanted: MediaKind | None, shown: MediaKind
) -> None:
    assert media(7, Attached(wanted, media_id=FILE), KEPT) == Media(shown, None, FILE, "cat.png")


def test_a_kept_file_has_the_name_that_its_send_gives_it() -> None:
    named = Attached(None, media_id=FILE, filename="dog.png")

    assert media(7, named, KEPT).filename == "dog.png"


@pytest.mark.parametrize(
    ("account_id", "named", "field"),
    [
        pytest.param(7, Attached(MediaKind.VIDEO, media_id=FILE), "media.type", id="another kind"),
        pytest.param(8, Attached(None, media_id=FILE), "media.media_id", id="another's"),
        pytest.param(7, Attached(None, media_id=UUID(int=6)), "media.media_id", id="none"),
        pytest.param(7, Attached(None, LINK), "media.type", id="a link to something"),
    ],
)
def test_what_cannot_be_shown_is_refused(account_id: int, named: Attached, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        media(account_id, named, KEPT)

    assert [problem.field for problem in refused.value.details] == [field]


@pytest.mark.parametrize("kind", list(MediaKind))
@pytest.mark.parametrize(
    ("text", "stands"), [("", True), ("a", True), ("a" * MAX_CAPTION, True), ("a" * 1025, False)]
)
def test_a_text_stands_beside_all_but_audio_up_to_its_length(
    kind: MediaKind, text: str, stands: bool
) -> None:
    is_taken = caption_problem(kind, text) is None

    assert is_taken is (stands and (kind is not MediaKind.AUDIO or not text))
