"""SQL of devices."""

import json
from datetime import datetime

import asyncpg

from waypost.devices.errors import NameTaken, UnknownPool
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice, State
from waypost.kit.db import Tx

_COLUMNS = """
id, pool_id, name, kind, state, state_reason, state_at, is_paused, config, created_at
"""

INSERT = f"""
insert into devices (name, kind, pool_id, config, state, state_at, created_at)
values ($1, $2, coalesce($3, (select id from pools where is_default)), $4, 'connected', $5, $5)
returning {_COLUMNS}
"""

CHANGE = f"""
update devices
   set name = coalesce($2, name), pool_id = coalesce($3, pool_id), config = coalesce($4, config)
 where id = $1
returning {_COLUMNS}
"""

DELETE = f"delete from devices where id = $1 returning {_COLUMNS}"

# The second argument, where it is not null, is the only pool that may be seen.
GET = f"select {_COLUMNS} from devices where id = $1 and pool_id = coalesce($2, pool_id)"

LIST = f"select {_COLUMNS} from devices where pool_id = coalesce($1, pool_id) order by id"

SET_PAUSED = f"update devices set is_paused = $2 where id = $1 returning {_COLUMNS}"

SET_STATE = f"""
update devices
   set state = $2, state_reason = null,
       state_at = case when state = $2 and state_reason is null then state_at else $3 end
 where id = $1
returning {_COLUMNS}
"""

# A device that somebody took down (no reason) stays down, whatever its driver says later.
NOTE_STATE = """
update devices
   set state = $2, state_reason = $3, state_at = case when state = $2 then state_at else $4 end
 where id = $1 and (state = 'connected' or state = 'disconnected' and state_reason is not null)
"""


async def insert(tx: Tx, new: NewDevice, at: datetime) -> Device:
    """Make a connected device; refused where its name is taken or its pool does not exist."""
    config = json.dumps(new.config)
    try:
        row = await tx.fetchrow(INSERT, new.name, new.kind, new.pool_id, config, at)
    except asyncpg.UniqueViolationError as error:
        raise NameTaken("device", new.name) from error
    except asyncpg.ForeignKeyViolationError as error:
        raise UnknownPool.named() from error
    assert row is not None
    return _device(row)


async def change(tx: Tx, id: int, to: DeviceChange) -> Device | None:
    """Set what is given; refused where the name is taken or the pool does not exist."""
    config = None if to.config is None else json.dumps(to.config)
    try:
        row = await tx.fetchrow(CHANGE, id, to.name, to.pool_id, config)
    except asyncpg.UniqueViolationError as error:
        raise NameTaken("device", to.name or "") from error
    except asyncpg.ForeignKeyViolationError as error:
        raise UnknownPool.named() from error
    return _device_or_none(row)


async def delete(tx: Tx, id: int) -> Device | None:
    """Forget the device; returns what it was."""
    return _device_or_none(await tx.fetchrow(DELETE, id))


async def get(tx: Tx, id: int, pool_id: int | None) -> Device | None:
    """One device; of the given pool, where one is given."""
    return _device_or_none(await tx.fetchrow(GET, id, pool_id))


async def listed(tx: Tx, pool_id: int | None) -> list[Device]:
    """The devices of the pool, or of all."""
    return [_device(row) for row in await tx.fetch(LIST, pool_id)]


async def set_paused(tx: Tx, id: int, is_paused: bool) -> Device | None:
    """Stop or resume handing it messages."""
    return _device_or_none(await tx.fetchrow(SET_PAUSED, id, is_paused))


async def set_state(tx: Tx, id: int, state: State, at: datetime) -> Device | None:
    """Somebody wants the device in this state."""
    return _device_or_none(await tx.fetchrow(SET_STATE, id, state, at))


async def note_state(tx: Tx, id: int, state: State, reason: str | None, at: datetime) -> None:
    """Its driver found it in this state."""
    await tx.execute(NOTE_STATE, id, state, reason, at)


def _device_or_none(row: asyncpg.Record | None) -> Device | None:
    return None if row is None else _device(row)


def _device(row: asyncpg.Record) -> Device:
    values = dict(row)
    values["kind"] = Kind(values["kind"])
    values["state"] = State(values["state"])
    values["config"] = json.loads(values["config"])
    return Device(**values)
