"""Keep, change and forget an account's templates; try one out."""

from collections.abc import Mapping
from datetime import datetime

from waypost.kit.db import Tx
from waypost.kit.errors import Invalid, Problem
from waypost.kit.page import PageAsk
from waypost.templates import store
from waypost.templates.errors import NoSuchTemplate
from waypost.templates.fill import texts_of
from waypost.templates.model import Draft, Template
from waypost.templates.render import names_in, render


async def create(tx: Tx, account_id: int, draft: Draft, at: datetime) -> Template:
    """Keep a new template."""
    _check(draft)
    return await store.insert(tx, account_id, draft, at)


async def change(tx: Tx, account_id: int, id: int, draft: Draft, at: datetime) -> Template:
    """Replace a template; messages that were accepted keep their text."""
    _check(draft)
    return _found(await store.replace(tx, account_id, id, draft, at))


async def delete(tx: Tx, account_id: int, id: int) -> None:
    """Forget a template."""
    if not await store.delete(tx, account_id, id):
        raise NoSuchTemplate


async def get(tx: Tx, account_id: int, id: int) -> Template:
    """One template."""
    return _found(await store.get(tx, account_id, id))


async def page(tx: Tx, account_id: int, ask: PageAsk) -> tuple[list[Template], int]:
    """A page of templates, newest first, and how many there are."""
    skip = (ask.page - 1) * ask.per_page
    rows = await store.page(tx, account_id, ask.per_page, skip)
    return rows, await store.count(tx, account_id)


async def preview(tx: Tx, account_id: int, id: int, variables: Mapping[str, object]) -> str:
    """The text that a send with these variables would have."""
    draft = (await get(tx, account_id, id)).draft
    if draft.provider is not None:
        texts_of(draft.provider, variables)
    return render(draft.body, variables)


def _found(template: Template | None) -> Template:
    if template is None:
        raise NoSuchTemplate
    return template


def _check(draft: Draft) -> None:
    """An approved body can take only what ours asks for, and each of its buttons one text."""
    if draft.provider is None:
        return
    asked = names_in(draft.body)
    problems = [
        Problem(f"provider.variables.{place}", f"{name!r} is not a variable of the body")
        for place, name in enumerate(draft.provider.variables)
        if name not in asked
    ]
    indexes = [button.index for button in draft.provider.buttons]
    problems += [
        Problem(f"provider.buttons.{place}.index", "is that of a button before it")
        for place, index in enumerate(indexes)
        if index in indexes[:place]
    ]
    if problems:
        raise Invalid.fields(*problems)
