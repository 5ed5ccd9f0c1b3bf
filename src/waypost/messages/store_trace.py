"""SQL of which message a provider's news means."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from waypost.drivers.outgoing import Ref
from waypost.kit.db import Tx
from waypost.messages.store_progress import Key

PRESENT = """
select m.account_id, m.id
  from unnest($1::bigint[], $2::uuid[]) as named (account_id, id)
  join messages m on m.account_id = named.account_id and m.id = named.id
"""

TEMPLATES = """
select m.account_id, m.id, m.content->'approved'->>'name' as name,
       m.content->'approved'->>'language' as language
  from unnest($1::bigint[], $2::uuid[]) as named (account_id, id)
  join messages m on m.account_id = named.account_id and m.id = named.id
 where m.content ? 'approved'
"""

KNOWN = """
select provider_id, device_id, account_id, message_id, mark
  from unnest($1::text[], $2::bigint[]) as told (provider_id, device_id)
  join provider_ids using (provider_id, device_id)
"""

# In one order everywhere, as others may tell of the same at once. What is new to us has left: it
# was written to its recipient.
REMEMBER = """
with new as (
    insert into provider_ids (provider_id, device_id, account_id, message_id, mark, created_at)
    select told.*, $6
      from unnest($1::text[], $2::bigint[], $3::bigint[], $4::uuid[], $5::integer[])
        as told (provider_id, device_id, account_id, message_id, mark)
     order by provider_id, device_id
        on conflict (provider_id, device_id) do nothing
    returning device_id, account_id, message_id
)
insert into chats as c (recipient, device_id, account_id, wrote_at)
select distinct m.recipient, new.device_id, new.account_id, $6::timestamptz
  from new join messages m on m.account_id = new.account_id and m.id = new.message_id
 order by 1, 2, 3
    on conflict (recipient, device_id, account_id) do update
   set wrote_at = greatest(c.wrote_at, excluded.wrote_at)
"""

PRUNE = """
delete from provider_ids where ctid = any(array(
    select ctid from provider_ids where created_at < $1 order by created_at limit $2))
"""

ProviderKey = tuple[str, int]
"""A message's id at the provider, and the device whose it is."""


async def present(tx: Tx, keys: Sequence[Key]) -> set[Key]:
    """Which of these messages there are."""
    ids: list[UUID] = [id for _, id in keys]
    rows = await tx.fetch(PRESENT, [account_id for account_id, _ in keys], ids)
    return {(row["account_id"], row["id"]) for row in rows}


async def templates(tx: Tx, keys: Sequence[Key]) -> dict[Key, tuple[str, str]]:
    """Name and language of the approved templates of those that carry one."""
    ids: list[UUID] = [id for _, id in keys]
    rows = await tx.fetch(TEMPLATES, [account_id for account_id, _ in keys], ids)
    return {(row["account_id"], row["id"]): (row["name"], row["language"]) for row in rows}


async def known(tx: Tx, provider_keys: Sequence[ProviderKey]) -> dict[ProviderKey, Ref]:
    """Which messages they are, of those that are known."""
    ids, device_ids = [id for id, _ in provider_keys], [device for _, device in provider_keys]
    return {
        (row["provider_id"], row["device_id"]): Ref(
            row["account_id"], row["message_id"], row["mark"]
        )
        for row in await tx.fetch(KNOWN, ids, device_ids)
    }


async def remember(tx: Tx, messages: Mapping[ProviderKey, Ref], at: datetime) -> None:
    """From now on these are known, and who wrote to whom; what was known before stays as it was."""
    await tx.execute(
        REMEMBER,
        [provider_id for provider_id, _ in messages],
        [device_id for _, device_id in messages],
        [ref.account_id for ref in messages.values()],
        [ref.message_id for ref in messages.values()],
        [ref.mark for ref in messages.values()],
        at,
    )


async def prune(tx: Tx, before: datetime, most: int) -> int:
    """Forget what became known before this moment, at most so many; returns how many went."""
    gone: str = await tx.execute(PRUNE, before, most)
    return int(gone.removeprefix("DELETE "))
