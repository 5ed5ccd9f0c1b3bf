"""SQL of templates."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from waypost.kit.db import Tx
from waypost.templates.errors import NameTaken
from waypost.templates.model import Draft, Mine, Provider, Template, Wording

_COLUMNS = "id, name, body, language, category, provider, created_at, updated_at"

_reader = msgspec.json.Decoder(Provider)

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

WORDINGS = """
select t.account_id, t.id, t.body, t.provider
  from unnest($1::bigint[], $2::bigint[]) as wanted(account_id, id)
  join templates t using (account_id, id)
"""

NAMES = "select lower(name) from templates where account_id = $1"

MINE = """
select id, name, body, provider from templates
 where account_id = $1 and provider is not null order by id for no key update
"""

INSERT_ALL = """
insert into templates
    (account_id, name, body, language, category, provider, created_at, updated_at)
select $1, new.*, $2, $2
  from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
    as new (name, body, language, category, provider)
    on conflict do nothing
returning id, name, body, provider
"""

FOLLOW = """
update templates t set body = now.body, provider = now.provider, updated_at = $2
  from unnest($3::bigint[], $4::text[], $5::jsonb[]) as now (id, body, provider)
 where t.account_id = $1 and t.id = now.id
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


async def wordings(tx: Tx, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Wording]:
    """What these (account, template) pairs say, those that exist."""
    rows = await tx.fetch(WORDINGS, [account for account, _ in keys], [id for _, id in keys])
    return {
        (account_id, id): Wording(body, _provider(provider))
        for account_id, id, body, provider in rows
    }


async def names(tx: Tx, account_id: int) -> set[str]:
    """What the account's templates are called, in lower case."""
    return {name for (name,) in await tx.fetch(NAMES, account_id)}


async def mine(tx: Tx, account_id: int) -> list[Mine]:
    """The account's templates that have an approved one behind them, held."""
    return [_mine(row) for row in await tx.fetch(MINE, account_id)]


async def insert_all(tx: Tx, account_id: int, drafts: Sequence[Draft], at: datetime) -> list[Mine]:
    """Keep these, each with an approved one behind it; not those whose name is taken."""
    if not drafts:
        return []
    columns = zip(*map(_values, drafts), strict=True)
    return [_mine(row) for row in await tx.fetch(INSERT_ALL, account_id, at, *columns)]


async def follow(tx: Tx, account_id: int, mine: Sequence[Mine], at: datetime) -> None:
    """These have another body and another approved one behind them."""
    ids, bodies = [each.id for each in mine], [each.body for each in mine]
    providers = [_kept(each.provider) for each in mine]
    await tx.execute(FOLLOW, account_id, at, ids, bodies, providers)


def _values(draft: Draft) -> tuple[str | None, ...]:
    provider = None if draft.provider is None else _kept(draft.provider)
    return draft.name, draft.body, draft.language, draft.category, provider


def _template(row: asyncpg.Record) -> Template:
    id, name, body, language, category, provider, created_at, updated_at = row
    draft = Draft(name, body, language, category, _provider(provider))
    return Template(id, draft, created_at, updated_at)


def _mine(row: asyncpg.Record) -> Mine:
    id, name, body, provider = row
    return Mine(id, name, body, _reader.decode(provider))


def _kept(provider: Provider) -> str:
    return msgspec.json.encode(provider).decode()


def _provider(kept: str | None) -> Provider | None:
    return None if kept is None else _reader.decode(kept)
