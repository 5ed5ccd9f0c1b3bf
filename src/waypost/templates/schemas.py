"""What the template routes take."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from waypost.drivers.outgoing import Media, MediaKind
from waypost.kit import files
from waypost.kit.routing import Body
from waypost.kit.texts import Name, Text
from waypost.templates.model import MAX_TEXT, Button, Draft, Format, Header, Provider
from waypost.templates.render import NAME

MAX_BUTTONS = 10


def _link(given: str) -> str:
    return _without(files.link_problem(given), given)


def _filename(given: str) -> str:
    return _without(files.filename_problem(given), given)


def _media_id(given: str) -> str:
    return _without(None if files.parse_id(given) else "is not the id of a file", given)


def _without(problem: str | None, given: str) -> str:
    if problem is not None:
        raise ValueError(problem)
    return given


Variable = Annotated[str, StringConstraints(pattern=f"^{NAME}$", max_length=100)]
Variables = Annotated[list[Variable], Field(max_length=100)]
ProviderName = Annotated[
    Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)
]


class FileBody(Body):
    """A file in the header; where it names none, each send brings its own."""

    type: Literal["image", "video", "document"]
    url: Annotated[str, AfterValidator(_link)] | None = None
    media_id: Annotated[str, AfterValidator(_media_id)] | None = None
    filename: Annotated[str, AfterValidator(_filename)] | None = None

    @model_validator(mode="after")
    def _names_one(self) -> "FileBody":
        if self.url is not None and self.media_id is not None:
            raise ValueError("cannot name both url and media_id")
        if self.filename is not None and self.url is None and self.media_id is None:
            raise ValueError("names a filename, and no file")
        return self

    def header(self) -> Header:
        kind = MediaKind(self.type)
        if self.url is None and self.media_id is None:
            return Header(media=kind)
        id = None if self.media_id is None else files.parse_id(self.media_id)
        return Header(media=kind, file=Media(kind, self.url, id, self.filename))


class HeaderBody(Body):
    """What fills the header: variables, or a file."""

    variables: Variables | None = None
    media: FileBody | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "HeaderBody":
        if bool(self.variables) is (self.media is not None):
            raise ValueError("must have either variables or media")
        return self

    def header(self) -> Header:
        return Header(tuple(self.variables or ())) if self.media is None else self.media.header()


class ButtonBody(Body):
    """A button with a place; `index` counts all buttons of the approved template, from 0."""

    index: int = Field(ge=0, lt=MAX_BUTTONS)
    kind: Literal["url", "quick_reply", "copy_code"]
    variable: Variable

    def button(self) -> Button:
        return Button(self.index, self.kind, self.variable)


class ProviderBody(Body):
    """The approved WhatsApp template behind ours, for official numbers."""

    name: ProviderName
    language: Name
    variables: Variables | None = None
    parameter_format: Literal["positional", "named"] | None = None
    header: HeaderBody | None = None
    buttons: list[ButtonBody] | None = Field(None, max_length=MAX_BUTTONS)

    def provider(self) -> Provider:
        return Provider(
            self.name,
            self.language,
            tuple(self.variables or ()),
            Format(self.parameter_format or Format.POSITIONAL),
            None if self.header is None else self.header.header(),
            tuple(button.button() for button in self.buttons or ()),
        )


class TemplateBody(Body):
    """A template as its owner writes it."""

    name: Name
    body: Annotated[Text, StringConstraints(min_length=1, max_length=MAX_TEXT)]
    language: Name | None = None
    category: Name | None = None
    provider: ProviderBody | None = None

    def draft(self) -> Draft:
        provider = None if self.provider is None else self.provider.provider()
        return Draft(self.name, self.body, self.language, self.category, provider)


class PreviewBody(Body):
    """Values to try a template with."""

    variables: dict[str, Any] | None = None
