"""SQL of which files a provider has from which device."""

from datetime import datetime
from uuid import UUID

from waypost.kit.db import Tx

# A file belongs to the number that it was given to: a device may get another one.
PROVIDER_ID = """
select u.provider_id
  from media_uploads u
  join devices d on d.id = u.device_id and d.config->>'phone_number_id' = u.phone_number_id
 where u.account_id = $1 and u.media_id = $2 and u.device_id = $3 and u.uploaded_at > $4
"""

# Of what is deleted meanwhile, file or device, there is nothing to note.
NOTE = """
insert into media_uploads
    (account_id, media_id, device_id, phone_number_id, provider_id, uploaded_at)
select m.account_id, m.id, d.id, d.config->>'phone_number_id', $4, $5
  from media m, devices d
 where m.account_id = $1 and m.id = $2 and d.id = $3
   for key share
    on conflict (account_id, media_id, device_id) do update
   set phone_number_id = excluded.phone_number_id,
       provider_id = excluded.provider_id,
       uploaded_at = excluded.uploaded_at
"""

FORGET = """
with forgotten as (
    delete from media_uploads
     where account_id = $1 and media_id = $2 and device_id = $3 and provider_id = $4
       and uploaded_at <= $5)
select not exists (
    select from media_uploads
     where account_id = $1 and media_id = $2 and device_id = $3 and provider_id = $4
       and uploaded_at > $5)
"""


async def provider_id(
    tx: Tx, account_id: int, id: UUID, device_id: int, since: datetime
) -> str | None:
    """The provider's id of a file that this device gave it after that time."""
    found: str | None = await tx.fetchval(PROVIDER_ID, account_id, id, device_id, since)
    return found


async def note(
    tx: Tx, account_id: int, id: UUID, device_id: int, provider_id: str, at: datetime
) -> None:
    """The device has given the file to the provider."""
    await tx.execute(NOTE, account_id, id, device_id, provider_id, at)


async def forget(
    tx: Tx, account_id: int, id: UUID, device_id: int, provider_id: str, before: datetime
) -> bool:
    """The device has it there under this id no more, where it was given before that time; whether
    it was not given later. Under another id it has."""
    is_old: bool = await tx.fetchval(FORGET, account_id, id, device_id, provider_id, before)
    return is_old
