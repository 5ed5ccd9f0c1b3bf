"""How a send names its file, and the step from that to what is looked for."""

from typing import Annotated

from msgspec import Meta, Struct

from waypost.drivers.outgoing import MediaKind
from waypost.kit import files
from waypost.kit.errors import Problem
from waypost.kit.texts import problem_of
from waypost.messages.attached import MAX_CAPTION, NOT_KEPT, Attached

Link = Annotated[
    str,
    Meta(
        description="Where the provider fetches it.",
        extra_json_schema={"format": "uri", "maxLength": files.MAX_LINK},
    ),
]
MediaId = Annotated[
    str,
    Meta(
        description="What `POST /api/media` or the inbox told of it.",
        examples=["med_0192f0c1a2b37c4d8e5f60718293a4b5"],
    ),
]
Type = Annotated[
    str,
    Meta(
        description="What it is shown as. Needed with `url`; a kept file is shown as what it is,"
        " or as a document.",
        extra_json_schema={"enum": list(MediaKind)},
    ),
]
Caption = Annotated[
    str,
    Meta(
        description="The text beside it, which may stand in `message` as well; audio has none.",
        extra_json_schema={"maxLength": MAX_CAPTION},
    ),
]
Filename = Annotated[
    str,
    Meta(
        description="What a document is shown as; else a kept one has its own name.",
        extra_json_schema={"maxLength": files.MAX_FILENAME},
    ),
]


class MediaBody(Struct, forbid_unknown_fields=True, frozen=True):
    """A file: at a `url`, or kept here under `media_id`."""

    url: Link | None = None
    media_id: MediaId | None = None
    type: Type | None = None
    caption: Caption | None = None
    filename: Filename | None = None


def read_media(given: MediaBody) -> tuple[Attached, list[Problem]]:
    """The file, and what is wrong with it."""
    id = None if given.media_id is None else files.parse_id(given.media_id)
    problems = [
        Problem(f"media.{field}", said)
        for field, said in (
            ("url", _place_problem(given)),
            ("media_id", NOT_KEPT if given.media_id is not None and id is None else None),
            ("type", _type_problem(given)),
            ("caption", problem_of(given.caption or "")),
            (
                "filename",
                None if given.filename is None else files.filename_problem(given.filename),
            ),
        )
        if said is not None
    ]
    kind = None if problems or given.type is None else MediaKind(given.type)
    return Attached(kind, given.url, id, given.filename), problems


def _place_problem(given: MediaBody) -> str | None:
    if given.url is None:
        return "is required where media_id is not given" if given.media_id is None else None
    if given.media_id is not None:
        return "cannot be given together with media_id"
    return files.link_problem(given.url)


def _type_problem(given: MediaBody) -> str | None:
    if given.type is None:
        return "is required with url" if given.url is not None else None
    return None if given.type in list(MediaKind) else f"must be one of {', '.join(MediaKind)}"
