"""A message of an official number, and the one file that it may carry."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from waypost.drivers.outgoing import Media, Outgoing, Ref
from waypost.drivers.port import KeptFile

TO, OTHER = "27821234567", "27821230000"
PDF = b"%PDF-1.7 a receipt"
MEDIA_ID = UUID(int=9)


@dataclass
class OneFile:
    """Keeps one document, and what was noted of it."""

    given: dict[UUID | None, str] = field(default_factory=dict)

    async def provider_id(self, ref: Ref, media: Media) -> str | None:
        return self.given.get(media.media_id)

    async def open(self, ref: Ref, media: Media) -> KeptFile | None:
        async def chunks() -> AsyncIterator[bytes]:
            yield PDF[:5]
            yield PDF[5:]

        if media.media_id != MEDIA_ID:
            return None
        return KeptFile("application/pdf", "receipt.pdf", len(PDF), chunks())

    async def note(self, ref: Ref, media: Media, provider_id: str) -> None:
        self.given[media.media_id] = provider_id

    async def forget(self, ref: Ref, media: Media, provider_id: str) -> bool:
        self.given.pop(media.media_id, None)
        return True


def outgoing(to: str = TO, text: str = "Hello", **more: Any) -> Outgoing:
    """A message to a recipient."""
    return replace(Outgoing(Ref(7, uuid4(), 1), to, text, "3EB0", 1), **more)
