"""Routes of templates."""

from typing import Annotated, Any

from fastapi import Query as FromQuery
from pydantic import BaseModel, Field, StringConstraints

from waypost.accounts.guard import Member
from waypost.kit.answers import Pagination, Said
from waypost.kit.asks import PageQuery
from waypost.kit.page import pagination
from waypost.kit.routing import Body, Db, Id, Time, contract_router, zulu
from waypost.kit.texts import Name, Text
from waypost.templates import manage
from waypost.templates.model import MAX_TEXT, Draft, Provider, Template
from waypost.templates.render import NAME, names_in

router = contract_router("/api/templates", "Templates")

Variable = Annotated[str, StringConstraints(pattern=f"^{NAME}$", max_length=100)]


class ProviderBody(Body):
    """The approved WhatsApp template behind ours, for official numbers."""

    name: Name
    language: Name
    variables: list[Variable] | None = Field(None, max_length=100)

    def provider(self) -> Provider:
        return Provider(self.name, self.language, tuple(self.variables or ()))


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


class ProviderAnswer(BaseModel):
    """The approved template, as it was given."""

    name: str
    language: str
    variables: list[str]


class TemplateAnswer(BaseModel):
    """A template as its owner sees it; `variables` are the names found in the body."""

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


@router.get("")
async def list_templates(
    who: Member, db: Db, query: Annotated[PageQuery, FromQuery()]
) -> TemplatesAnswer:
    """Your templates, newest first."""
    ask = query.ask()
    async with db.read() as tx:
        templates, total = await manage.page(tx, who.account_id, ask)
    page = Pagination(**pagination(ask, total))
    return TemplatesAnswer(templates=[_shown(each) for each in templates], pagination=page)


@router.post("", status_code=201)
async def create_template(who: Member, db: Db, time: Time, body: TemplateBody) -> TemplateAnswer:
    """Keep a text with places for variables."""
    async with db.tx() as tx:
        return _shown(await manage.create(tx, who.account_id, body.draft(), time.now()))


@router.get("/{id}")
async def get_template(who: Member, db: Db, id: Id) -> TemplateAnswer:
    """One of your templates."""
    async with db.read() as tx:
        return _shown(await manage.get(tx, who.account_id, id))


@router.put("/{id}")
async def change_template(
    who: Member, db: Db, time: Time, id: Id, body: TemplateBody
) -> TemplateAnswer:
    """Replace a template; messages that were accepted keep their text."""
    async with db.tx() as tx:
        return _shown(await manage.change(tx, who.account_id, id, body.draft(), time.now()))


@router.delete("/{id}")
async def delete_template(who: Member, db: Db, id: Id) -> Said:
    """Forget a template; messages that were accepted keep their text."""
    async with db.tx() as tx:
        await manage.delete(tx, who.account_id, id)
    return Said(message="Template deleted successfully")


@router.post("/{id}/preview")
async def preview_template(who: Member, db: Db, id: Id, body: PreviewBody) -> PreviewAnswer:
    """The text that a send with these variables would have; nothing is sent."""
    async with db.read() as tx:
        text = await manage.preview(tx, who.account_id, id, body.variables or {})
    return PreviewAnswer(message=text)


def _shown(template: Template) -> TemplateAnswer:
    draft = template.draft
    return TemplateAnswer(
        id=template.id,
        name=draft.name,
        body=draft.body,
        language=draft.language,
        category=draft.category,
        provider=draft.provider and _provider(draft.provider),
        variables=names_in(draft.body),
        created_at=zulu(template.created_at),
        updated_at=zulu(template.updated_at),
    )


def _provider(given: Provider) -> ProviderAnswer:
    return ProviderAnswer(name=given.name, language=given.language, variables=list(given.variables))
