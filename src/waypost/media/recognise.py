"""What a file is: by how its bytes begin, and only beyond that by what is said of it."""

import re
from mimetypes import MimeTypes

from waypost.drivers.outgoing import MediaKind
from waypost.kit.errors import Invalid
from waypost.kit.files import MAX_FILENAME
from waypost.media.model import MOST_BYTES

HEAD = 64
"""So many of its first bytes tell."""

UNKNOWN = "application/octet-stream"

# An Ogg file is taken with one channel of Opus: its first page says both.
_BEGINNINGS = tuple(
    (types, re.compile(pattern, re.DOTALL))
    for types, pattern in (
        (("image/jpeg",), rb"\xff\xd8\xff"),
        (("image/png",), rb"\x89PNG\r\n\x1a\n"),
        (("audio/amr",), rb"#!AMR\n"),
        (("audio/aac",), rb"\xff[\xf0\xf1\xf8\xf9]"),
        (("audio/mpeg",), rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"),
        (("audio/ogg",), rb"OggS.{24}OpusHead.\x01"),
        (("audio/mp4",), rb".{4}ftypM4[AB] "),
        (("video/3gpp",), rb".{4}ftyp3g"),
        (("video/mp4", "audio/mp4"), rb".{4}ftyp(iso[m2-9]|mp4[12]|avc1|dash|mmp4|M4V |MSNV)"),
    )
)
_TAKEN = {
    MediaKind.IMAGE: "JPEG or PNG",
    MediaKind.AUDIO: "AAC, AMR, MP3, M4A, or OGG with Opus in mono",
    MediaKind.VIDEO: "MP4 or 3GP",
}
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_SLASH = re.compile(r"[/\\]")

_OFFICE = "application/vnd.openxmlformats-officedocument."
_BY_NAME = MimeTypes()  # Python's own table: what a machine adds to it differs
_BY_NAME.add_type(_OFFICE + "wordprocessingml.document", ".docx")
_BY_NAME.add_type(_OFFICE + "spreadsheetml.sheet", ".xlsx")
_BY_NAME.add_type(_OFFICE + "presentationml.presentation", ".pptx")


def recognised(
    head: bytes, size: int, said: str | None, filename: str, wanted: MediaKind | None
) -> tuple[MediaKind, str]:
    """The kind and MIME type of a file; refused where it cannot be shown as `wanted`, or as what
    is `said` of it, or where it is too large for that."""
    able, claimed = types_of(head), _claimed(said)
    likely = next((each for each in able if _part(each) == _part(claimed)), (*able, claimed)[0])
    kind = wanted or _kind(likely)
    mime = likely
    if kind is not MediaKind.DOCUMENT:
        fitting = [each for each in able if _kind(each) is kind]
        if not fitting:
            raise Invalid.field("file", f"is not what {kind} can be: {_TAKEN[kind]}")
        mime = likely if likely in fitting else fitting[0]
    if size > MOST_BYTES[kind]:
        most = MOST_BYTES[kind] >> 20
        raise Invalid.field("file", f"has {size} bytes; {most} MB is the most of type {kind}")
    return kind, _by_name(filename) if mime == UNKNOWN else mime


def types_of(head: bytes) -> tuple[str, ...]:
    """The MIME types of images, audio and video that bytes which begin so can have."""
    found = (types for types, pattern in _BEGINNINGS if pattern.match(head))
    return next(found, ())


def cleaned(filename: str | None) -> str:
    """A file's name as it can be kept and shown: without a path; empty where nothing is left."""
    name = _SLASH.split(filename or "")[-1]
    return "".join(each for each in name if each.isprintable()).strip()[-MAX_FILENAME:]


def usual_name(kind: MediaKind, mime: str) -> str:
    """What a file is called that came without a name."""
    return f"{kind}{_BY_NAME.guess_extension(mime) or ''}"


def _claimed(said: str | None) -> str:
    name = (said or "").partition(";")[0].strip().lower()
    return name if _TYPE.fullmatch(name) else UNKNOWN


def _part(mime: str) -> str:
    return mime.partition("/")[0]


def _kind(mime: str) -> MediaKind:
    part = _part(mime)
    return MediaKind(part) if part in ("image", "audio", "video") else MediaKind.DOCUMENT


def _by_name(filename: str) -> str:
    return _BY_NAME.guess_type(filename)[0] or UNKNOWN
