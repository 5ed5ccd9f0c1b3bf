"""Routes of files."""

from asyncio import Semaphore
from typing import Annotated
from urllib.parse import quote

from fastapi import Query as FromQuery
from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.datastructures import FormData, UploadFile

from waypost.accounts.guard import Member
from waypost.drivers.outgoing import MediaKind
from waypost.kit import files
from waypost.kit.answers import Said
from waypost.kit.asks import CursorQuery
from waypost.kit.config import Settings
from waypost.kit.errors import Invalid, Problem
from waypost.kit.ids import Ids
from waypost.kit.page import MAX_PER_PAGE
from waypost.kit.routing import Db, Time, contract_router, zulu
from waypost.kit.web import Bodies
from waypost.media import find, manage
from waypost.media.keep import Loose, examine, keep
from waypost.media.model import MOST_BYTES, File

PATH = "/api/media"
_FORM_BYTES = 1 << 16

UPLOADS_AT_ONCE = 2
"""Each has a connection for as long as it takes: the others are for those who send."""

BODIES = Bodies(
    max(MOST_BYTES.values()) + _FORM_BYTES,
    (b"multipart/form-data",),
    "The body must be a form with a file: set Content-Type: multipart/form-data.",
)
"""As large as the largest file, and the form around it."""

FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "type": {
                        "type": "string",
                        "enum": list(MediaKind),
                        "description": "What it is to be shown as; without it, as what it is.",
                    },
                },
            }
        }
    },
}
CONTENT = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

# A file was written by who knows whom: no browser is to show it, or to take it for a page of ours.
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}

router = contract_router(PATH, "Media")


class FileAnswer(BaseModel):
    """A kept file. It is kept until `keep_until`, and longer by each send that names it."""

    media_id: str = Field(examples=["med_0192f0c1a2b37c4d8e5f60718293a4b5"])
    type: MediaKind
    mime: str = Field(examples=["image/jpeg"])
    filename: str
    size: int = Field(description="In bytes.")
    sha256: str
    created_at: str
    keep_until: str


class FilesAnswer(BaseModel):
    """Files, newest first; `next_cursor` leads to the next page. All have `total_size` bytes."""

    files: list[FileAnswer]
    total_size: int
    next_cursor: str | None


@router.post("", status_code=201, openapi_extra={"requestBody": FORM})
async def keep_file(request: Request, who: Member, db: Db, time: Time) -> FileAnswer:
    """Keep a file for messages; the same file again has the same `media_id`.

    Images are JPEG or PNG of up to 5 MB, audio is AAC, AMR, MP3, M4A or OGG with Opus in mono and
    video MP4 or 3GP of up to 16 MB, documents are anything of up to 100 MB.
    """
    settings: Settings = request.app.state.settings
    writing: Semaphore = request.app.state.uploads
    ids, most = Ids(time), settings.media_bytes_per_account
    # Read here and not by FastAPI, which would read the form of somebody unknown too.
    async with request.form(max_files=1, max_fields=10, max_part_size=_FORM_BYTES) as form:
        loose = await _loose(form)
        async with writing:
            kept = await db.transact(
                lambda tx: keep(tx, who.account_id, loose, ids, time.now(), most)
            )
    return _shown(kept)


@router.get("")
async def list_files(
    who: Member, db: Db, query: Annotated[CursorQuery, FromQuery()]
) -> FilesAnswer:
    """Your files, those that people sent you too; `cursor` goes on from a page's `next_cursor`."""
    most = min(query.per_page, MAX_PER_PAGE)
    async with db.read() as tx:
        found, after = await find.newest(tx, who.account_id, query.cursor, most)
        total = await find.size_of_all(tx, who.account_id)
    return FilesAnswer(files=[_shown(each) for each in found], total_size=total, next_cursor=after)


@router.get("/{media_id}", response_class=StreamingResponse, responses={200: {"content": CONTENT}})
async def download_file(who: Member, db: Db, media_id: str) -> StreamingResponse:
    """One of your files, as it came."""
    async with db.read() as tx:
        file = await find.one(tx, who.account_id, media_id)
    headers = {
        "Content-Length": str(file.size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
    }
    chunks = find.chunks(db, who.account_id, file)
    return StreamingResponse(chunks, headers=headers | SAFE, media_type=file.mime)


@router.delete("/{media_id}")
async def delete_file(who: Member, db: Db, media_id: str) -> Said:
    """Forget a file; a message that is still to go with it fails, and is refunded."""
    async with db.tx() as tx:
        await manage.delete(tx, who.account_id, media_id)
    return Said(message="File deleted successfully")


async def _loose(form: FormData) -> Loose:
    file, kind = form.get("file"), form.get("type")
    unknown = [name for name, _ in form.multi_items() if name not in ("file", "type")]
    problems = [Problem(name, "is not a field here") for name in unknown]
    if not isinstance(file, UploadFile):
        said = "is required" if file is None else "must be a file"
        raise Invalid.fields(*problems, Problem("file", said))
    if kind is not None and kind not in list(MediaKind):
        problems.append(Problem("type", f"must be one of {', '.join(MediaKind)}"))
    if not file.size:
        problems.append(Problem("file", "must not be empty"))
    if problems:
        raise Invalid.fields(*problems)
    wanted = None if kind is None else MediaKind(str(kind))
    return await examine(file.file, file.content_type, file.filename, wanted)


def _shown(file: File) -> FileAnswer:
    return FileAnswer(
        media_id=files.show_id(file.id),
        type=file.kind,
        mime=file.mime,
        filename=file.filename,
        size=file.size,
        sha256=file.sha256.hex(),
        created_at=zulu(file.created_at),
        keep_until=zulu(file.keep_until),
    )
