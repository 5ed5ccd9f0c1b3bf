"""SQL of templates as providers have them."""

import json
from collections.abc import Sequence

import asyncpg

from waypost.drivers.news import ApprovedTemplate, TemplateNews, TemplatesNews
from waypost.kit.db import Tx
from waypost.templates.model import Approval, Known

# A list does not say why a template stands as it does: that stays true while it stands so.
KEEP = """
insert into provider_templates as kept
    (business_account_id, name, language, provider_id, status, category, format, components,
     quality, told_at)
select $1, listed.*, $2
  from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
              $10::text[])
    as listed (name, language, provider_id, status, category, format, components, quality)
 order by name, language
    on conflict (business_account_id, name, language) do update
   set provider_id = excluded.provider_id, status = excluded.status, category = excluded.category,
       format = excluded.format, components = excluded.components,
       quality = coalesce(excluded.quality, kept.quality),
       reason = case when kept.status = excluded.status then kept.reason end,
       told_at = excluded.told_at
 where kept.told_at <= excluded.told_at
"""

FORGET_OTHERS = """
delete from provider_templates
 where business_account_id = $1 and told_at <= $2
   and (name, language) not in (select * from unnest($3::text[], $4::text[]))
"""

# Its news are timed by the second, ours to the microsecond.
CHANGE = """
update provider_templates
   set status = coalesce($4, status), category = coalesce($5, category),
       quality = coalesce($6, quality), reason = case when $4 is null then reason else $7 end,
       told_at = greatest(told_at, $8)
 where business_account_id = $1 and name = $2 and language = $3
   and date_trunc('second', told_at) <= $8
"""

_OURS = """
with ours as materialized (
    select distinct config->>'business_account_id' as business_account_id
      from devices where pool_id = $1 and kind = 'cloud'
)
"""

APPROVALS = f"""
{_OURS}
select distinct on (name, language) name, language, status, category, quality, reason
  from ours cross join unnest($2::text[], $3::text[]) as wanted (name, language)
  join provider_templates using (business_account_id, name, language)
 order by name, language, status = 'APPROVED', business_account_id
"""

LISTED = f"""
{_OURS}
select distinct on (name, language)
       provider_id, name, language, status, category, format, components, quality
  from ours join provider_templates using (business_account_id)
 order by name, language, status <> 'APPROVED', business_account_id
"""


async def replace_all(tx: Tx, news: TemplatesNews) -> None:
    """Keep what is listed, forget what is not; nothing of what was told later."""
    listed = list({(each.name, each.language): each for each in news.templates}.values())
    names, languages = [t.name for t in listed], [t.language for t in listed]
    await tx.execute(
        KEEP,
        news.business_account_id,
        news.at,
        names,
        languages,
        [t.id for t in listed],
        [t.status for t in listed],
        [t.category for t in listed],
        [t.format for t in listed],
        [json.dumps(list(t.components)) for t in listed],
        [t.quality for t in listed],
    )
    await tx.execute(FORGET_OTHERS, news.business_account_id, news.at, names, languages)


async def change(tx: Tx, news: TemplateNews) -> None:
    """Keep what became of a template, if it is kept and nothing was told later."""
    await tx.execute(
        CHANGE,
        news.business_account_id,
        news.name,
        news.language,
        news.status,
        news.category,
        news.quality,
        news.reason,
        news.at,
    )


async def approvals(tx: Tx, pool_id: int, wanted: Sequence[Known]) -> dict[Known, Approval]:
    """How these stand with the business accounts of the pool's numbers, those that are kept."""
    names, languages = [name for name, _ in wanted], [language for _, language in wanted]
    rows = await tx.fetch(APPROVALS, pool_id, names, languages)
    return {(name, language): Approval(*rest) for name, language, *rest in rows}


async def listed(tx: Tx, pool_id: int) -> list[ApprovedTemplate]:
    """The templates of the pool's business accounts, by name and language, approved ones first."""
    return [_listed(row) for row in await tx.fetch(LISTED, pool_id)]


def _listed(row: asyncpg.Record) -> ApprovedTemplate:
    id, name, language, status, category, format, components, quality = row
    components = json.loads(components)
    return ApprovedTemplate(id, name, language, status, category, format, components, quality)
