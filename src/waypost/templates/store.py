"""SQL of templates."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import asyncpg

from waypost.kit.db import Tx
from waypost.templates.errors import NameTaken
from waypost.templates.model import Draft, Provider, Template

_COLUMNS = "id, name, body, language, category, provider, created_at, updated_at"

INSERT = f"""
insert into templates
    (account_id, name, body, language, category, provider, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)
returning {_COLUMNS}
"""

REPLACE = f"""
update templates
   set name = $3, body = $4, language = $5, category = $6, provider = $7, updated_at = $8
 where account_id = $1 and id = $2
returning {_COLUMNS}
"""

DELETE = "delete from templates where account_id = $1 and id = $2 returning id"

GET = f"select {_COLUMNS} from templates where account_id = $1 and id = $2"

PAGE = f"""
select {_COLUMNS} from templates
 where account_id = $1 order by id desc limit $2 offset $3
"""

COUNT = "select count(*) from templates where account_id = $1"

BODIES = """
select t.account_id, t.id, t.body
  from unnest($1::bigint[], $2::bigint[]) as wanted(account_id, id)
  join templates t using (account_id, id)
"""


async def insert(tx: Tx, account_id: int, draft: Draft, at: datetime) -> Template:
    """Keep a new template; refused where its name is taken."""
    try:
        row = await tx.fetchrow(INSERT, account_id, *_values(draft), at)
    except asyncpg.UniqueViolationError as error:
        raise NameTaken(draft.name) from error
    assert row is not None
    return _template(row)


async def replace(tx: Tx, account_id: int, id: int, draft: Draft, at: datetime) -> Template | None:
    """Put the draft in the place of what was kept; refused where its name is taken."""
    try:
        row = await tx.fetchrow(REPLACE, account_id, id, *_values(draft), at)
    except asyncpg.UniqueViolationError as error:
        raise NameTaken(draft.name) from error
    return None if row is None else _template(row)


async def delete(tx: Tx, account_id: int, id: int) -> bool:
    """Forget it; says whether there was one."""
    return await tx.fetchval(DELETE, account_id, id) is not None


async def get(tx: Tx, account_id: int, id: int) -> Template | None:
    """One of the account's templates."""
    row = await tx.fetchrow(GET, account_id, id)
    return None if row is None else _template(row)


async def page(tx: Tx, account_id: int, most: int, skip: int) -> list[Template]:
    """The account's templates, newest first."""
    return [_template(row) for row in await tx.fetch(PAGE, account_id, most, skip)]


async def count(tx: Tx, account_id: int) -> int:
    """How many templates the account has."""
    total: int = await tx.fetchval(COUNT, account_id)
    return total


async def bodies(tx: Tx, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """The bodies of these (account, template) pairs, those that exist."""
    rows = await tx.fetch(BODIES, [account for account, _ in keys], [id for _, id in keys])
    return {(row["account_id"], row["id"]): row["body"] for row in rows}


def _values(draft: Draft) -> tuple[str | None, ...]:
    provider = None if draft.provider is None else json.dumps(asdict(draft.provider))
    return draft.name, draft.body, draft.language, draft.category, provider


def _template(row: asyncpg.Record) -> Template:
    id, name, body, language, category, provider, created_at, updated_at = row
    draft = Draft(name, body, language, category, _provider(provider))
    return Template(id, draft, created_at, updated_at)


def _provider(text: str | None) -> Provider | None:
    if text is None:
        return None
    given = json.loads(text)
    return Provider(given["name"], given["language"], tuple(given["variables"]))
