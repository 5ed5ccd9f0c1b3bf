"""Routes of templates."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Query as FromQuery

from waypost.accounts.guard import Member
from waypost.accounts.model import Principal
from waypost.kit.answers import Pagination, Said
from waypost.kit.asks import PageQuery
from waypost.kit.db import Tx
from waypost.kit.page import pagination
from waypost.kit.routing import Db, Id, Time, contract_router
from waypost.templates import answers, manage, provider
from waypost.templates.adopt import adopt
from waypost.templates.answers import (
    ImportAnswer,
    PreviewAnswer,
    TemplateAnswer,
    TemplatesAnswer,
)
from waypost.templates.model import Approval, Known, Template
from waypost.templates.schemas import PreviewBody, TemplateBody

router = contract_router("/api/templates", "Templates")


@router.get("")
async def list_templates(
    who: Member, db: Db, query: Annotated[PageQuery, FromQuery()]
) -> TemplatesAnswer:
    """Your templates, newest first."""
    ask = query.ask()
    async with db.read() as tx:
        templates, total = await manage.page(tx, who.account_id, ask)
        shown = await _shown(tx, who, templates)
    return TemplatesAnswer(templates=shown, pagination=Pagination(**pagination(ask, total)))


@router.post("", status_code=201)
async def create_template(who: Member, db: Db, time: Time, body: TemplateBody) -> TemplateAnswer:
    """Keep a text with places for variables."""
    async with db.tx() as tx:
        made = await manage.create(tx, who.account_id, body.draft(), time.now())
        return await _one(tx, who, made)


@router.post("/import")
async def import_templates(who: Member, db: Db, time: Time) -> ImportAnswer:
    """Take over the approved templates of your pool's official numbers, and their changes.

    What you chose stays: a template's name, what its variables are called, its header's file.
    """
    adopted = await db.transact(lambda tx: adopt(tx, who.account_id, who.pool_id, time.now()))
    return answers.imported(adopted)


@router.get("/{id}")
async def get_template(who: Member, db: Db, id: Id) -> TemplateAnswer:
    """One of your templates."""
    async with db.read() as tx:
        return await _one(tx, who, await manage.get(tx, who.account_id, id))


@router.put("/{id}")
async def change_template(
    who: Member, db: Db, time: Time, id: Id, body: TemplateBody
) -> TemplateAnswer:
    """Replace a template; messages that were accepted keep their text."""
    async with db.tx() as tx:
        changed = await manage.change(tx, who.account_id, id, body.draft(), time.now())
        return await _one(tx, who, changed)


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


async def _one(tx: Tx, who: Principal, template: Template) -> TemplateAnswer:
    (shown,) = await _shown(tx, who, [template])
    return shown


async def _shown(tx: Tx, who: Principal, templates: Sequence[Template]) -> list[TemplateAnswer]:
    """The templates, with how the approved ones behind them stand."""
    known = [t.draft.provider.known for t in templates if t.draft.provider is not None]
    approvals = await provider.approvals(tx, who.pool_id, known)
    return [answers.template(t, _approval(t, approvals)) for t in templates]


def _approval(template: Template, approvals: Mapping[Known, Approval]) -> Approval:
    behind = template.draft.provider
    return Approval() if behind is None else approvals.get(behind.known, Approval())
