"""What the template routes answer."""

from dataclasses import asdict

from pydantic import BaseModel

from waypost.drivers.outgoing import Media, MediaKind
from waypost.kit import files
from waypost.kit.answers import Pagination
from waypost.kit.routing import zulu
from waypost.templates.adopt import Adopted
from waypost.templates.fill import wanted
from waypost.templates.model import Approval, Header, Mine, Provider, Template


class FileAnswer(BaseModel):
    """A file in the header; where it names none, each send brings its own."""

    type: str
    url: str | None
    media_id: str | None
    filename: str | None


class HeaderAnswer(BaseModel):
    """What fills the header."""

    variables: list[str]
    media: FileAnswer | None


class ButtonAnswer(BaseModel):
    """A button with a place."""

    index: int
    kind: str
    variable: str


class ProviderAnswer(BaseModel):
    """The approved template, as it was given, and how it stands at the provider.

    `status`, `category`, `quality` and `reason` are the provider's own words; null where it did not
    tell any.
    """

    name: str
    language: str
    variables: list[str]
    parameter_format: str
    header: HeaderAnswer | None
    buttons: list[ButtonAnswer]
    status: str | None
    category: str | None
    quality: str | None
    reason: str | None


class TemplateAnswer(BaseModel):
    """A template as its owner sees it; `variables` are the names that a send has to bring."""

    id: int
    name: str
    body: str
    language: str | None
    category: str | None
    provider: ProviderAnswer | None
    variables: list[str]
    created_at: str
    updated_at: str


class TemplatesAnswer(BaseModel):
    """A page of templates, newest first."""

    templates: list[TemplateAnswer]
    pagination: Pagination


class PreviewAnswer(BaseModel):
    """The text that a send would have."""

    message: str


class AdoptedAnswer(BaseModel):
    """One of your templates, and which approved one stands behind it."""

    id: int
    name: str
    provider_name: str
    language: str


class SkippedAnswer(BaseModel):
    """A template of the provider's that was left alone, and why."""

    provider_name: str
    language: str
    reason: str


class ImportAnswer(BaseModel):
    """What came of each template that the provider of your pool's numbers has."""

    created: list[AdoptedAnswer]
    updated: list[AdoptedAnswer]
    unchanged: list[AdoptedAnswer]
    skipped: list[SkippedAnswer]


def template(found: Template, approval: Approval) -> TemplateAnswer:
    """A template, and how the approved one behind it stands."""
    draft = found.draft
    return TemplateAnswer(
        id=found.id,
        name=draft.name,
        body=draft.body,
        language=draft.language,
        category=draft.category,
        provider=draft.provider and _provider(draft.provider, approval),
        variables=wanted(draft.body, draft.provider),
        created_at=zulu(found.created_at),
        updated_at=zulu(found.updated_at),
    )


def imported(adopted: Adopted) -> ImportAnswer:
    """What came of an import."""
    return ImportAnswer(
        created=[_adopted(each) for each in adopted.created],
        updated=[_adopted(each) for each in adopted.updated],
        unchanged=[_adopted(each) for each in adopted.unchanged],
        skipped=[
            SkippedAnswer(provider_name=each.name, language=each.language, reason=each.why)
            for each in adopted.skipped
        ],
    )


def _provider(given: Provider, approval: Approval) -> ProviderAnswer:
    return ProviderAnswer(
        name=given.name,
        language=given.language,
        variables=list(given.variables),
        parameter_format=given.parameter_format,
        header=given.header and _header(given.header),
        buttons=[ButtonAnswer(**asdict(each)) for each in given.buttons],
        **asdict(approval),
    )


def _header(given: Header) -> HeaderAnswer:
    media = None if given.media is None else _file(given.media, given.file)
    return HeaderAnswer(variables=list(given.variables), media=media)


def _file(kind: MediaKind, file: Media | None) -> FileAnswer:
    if file is None:
        return FileAnswer(type=kind, url=None, media_id=None, filename=None)
    media_id = None if file.media_id is None else files.show_id(file.media_id)
    return FileAnswer(type=kind, url=file.link, media_id=media_id, filename=file.filename)


def _adopted(mine: Mine) -> AdoptedAnswer:
    known = mine.provider
    return AdoptedAnswer(
        id=mine.id, name=mine.name, provider_name=known.name, language=known.language
    )
