"""SQL of devices."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime

import asyncpg

from waypost.devices.errors import NameTaken, NumberTaken, UnknownPool
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice, State
from waypost.kit.db import Tx
from waypost.kit.errors import Conflict

NUMBER_INDEX = "devices_phone_number_id"

# Its secrets stand elsewhere.
_FIELDS = [field.name for field in fields(Device) if field.name not in ("sealed", "stops")]

_COLUMNS = """
id, pool_id, name, kind, state, state_reason, state_at, is_paused, config,
pacing as own_pacing, rests_until, created_at, number_facts, number_at
"""

# Of those that can send now, or as soon as their pace lets them.
IS_AVAILABLE = "state = 'connected' and not is_paused and coalesce(rests_until <= now(), true)"

INSERT = f"""
insert into devices (name, kind, pool_id, config, pacing, state, state_at, created_at)
values ($1, $2, coalesce($3, (select id from pools where is_default)), $4, $5, 'connected', $6, $6)
returning {_COLUMNS}
"""

# What the provider said of a number, it did not say of another one.
_IS_SAME_NUMBER = """
coalesce($4::jsonb->>'phone_number_id' = config->>'phone_number_id', $4::jsonb is null)
"""

CHANGE = f"""
update devices
   set name = coalesce($2, name), pool_id = coalesce($3, pool_id), config = coalesce($4, config),
       pacing = coalesce($5, pacing),
       number_facts = case when {_IS_SAME_NUMBER} then number_facts end,
       number_at = case when {_IS_SAME_NUMBER} then number_at end
 where id = $1
returning {_COLUMNS}
"""

DELETE = f"delete from devices where id = $1 returning {_COLUMNS}"

# The second argument, where it is not null, is the only pool that may be seen.
GET = f"select {_COLUMNS} from devices where id = $1 and pool_id = coalesce($2, pool_id)"

LOCK = f"select {_COLUMNS} from devices where id = $1 for no key update"

LIST = f"select {_COLUMNS} from devices where pool_id = coalesce($1, pool_id) order by id"

OF_POOLS = f"select {_COLUMNS} from devices where pool_id = any($1::bigint[]) order by id"

PRESENT = """
select d.pool_id, d.id from unnest($1::bigint[], $2::bigint[]) as wanted(pool_id, id)
  join devices d using (pool_id, id)
"""

AVAILABLE = f"""
select {_COLUMNS},
       coalesce((select sent from device_days where device_id = id and day = $2), 0) as sent
  from devices
 where pool_id = $1 and {IS_AVAILABLE}
   and exists (select from leases where pool_id = $1 and until > now())
"""

HAS_SIMULATED = f"""
select exists (select from devices where pool_id = $1 and kind = 'sandbox' and {IS_AVAILABLE})
"""

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

NOTE_REST = "update devices set rests_until = $2 where id = $1"

NOTE_NUMBER = """
update devices set number_facts = $2, number_at = $3
 where id = $1 and coalesce(number_at <= $3, true)
"""


async def insert(tx: Tx, new: NewDevice, at: datetime) -> Device:
    """Make a connected device; refused where its name is taken or its pool does not exist."""
    config, pacing = json.dumps(new.config), json.dumps(new.pacing)
    try:
        row = await tx.fetchrow(INSERT, new.name, new.kind, new.pool_id, config, pacing, at)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, new.name) from error
    except asyncpg.ForeignKeyViolationError as error:
        raise UnknownPool.named() from error
    assert row is not None
    return _device(row)


async def change(tx: Tx, id: int, to: DeviceChange) -> Device | None:
    """Set what is given; refused where the name is taken or the pool does not exist."""
    try:
        row = await tx.fetchrow(CHANGE, id, to.name, to.pool_id, _json(to.config), _json(to.pacing))
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, to.name or "") from error
    except asyncpg.ForeignKeyViolationError as error:
        raise UnknownPool.named() from error
    return _device_or_none(row)


async def delete(tx: Tx, id: int) -> Device | None:
    """Forget the device; returns what it was."""
    return _device_or_none(await tx.fetchrow(DELETE, id))


async def get(tx: Tx, id: int, pool_id: int | None) -> Device | None:
    """One device; of the given pool, where one is given."""
    return _device_or_none(await tx.fetchrow(GET, id, pool_id))


async def locked(tx: Tx, id: int) -> Device | None:
    """One device; nobody else changes it before the transaction ends."""
    return _device_or_none(await tx.fetchrow(LOCK, id))


async def listed(tx: Tx, pool_id: int | None) -> list[Device]:
    """The devices of the pool, or of all."""
    return [_device(row) for row in await tx.fetch(LIST, pool_id)]


async def of_pools(tx: Tx, pool_ids: Sequence[int]) -> list[Device]:
    """The devices of these pools."""
    return [_device(row) for row in await tx.fetch(OF_POOLS, pool_ids)]


async def present(tx: Tx, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (pool, device) pairs there are."""
    rows = await tx.fetch(PRESENT, [pool for pool, _ in pairs], [device for _, device in pairs])
    return {(row["pool_id"], row["id"]) for row in rows}


async def available(tx: Tx, pool_id: int, day: date) -> list[tuple[Device, int]]:
    """The pool's devices that can send, and what each has sent on this day."""
    rows = await tx.fetch(AVAILABLE, pool_id, day)
    return [(_device(row), row["sent"]) for row in rows]


async def has_simulated(tx: Tx, pool_id: int) -> bool:
    """Whether one of the devices that can send now is a simulated one."""
    found: bool = await tx.fetchval(HAS_SIMULATED, pool_id)
    return found


async def set_paused(tx: Tx, id: int, is_paused: bool) -> Device | None:
    """Stop or resume handing it messages."""
    return _device_or_none(await tx.fetchrow(SET_PAUSED, id, is_paused))


async def set_state(tx: Tx, id: int, state: State, at: datetime) -> Device | None:
    """Somebody wants the device in this state."""
    return _device_or_none(await tx.fetchrow(SET_STATE, id, state, at))


async def note_rest(tx: Tx, id: int, until: datetime | None) -> None:
    """Its pacing keeps it from sending until then."""
    await tx.execute(NOTE_REST, id, until)


async def note_state(tx: Tx, id: int, state: State, reason: str | None, at: datetime) -> None:
    """Its driver found it in this state."""
    await tx.execute(NOTE_STATE, id, state, reason, at)


async def note_number(tx: Tx, id: int, facts: Mapping[str, object], at: datetime) -> None:
    """The provider said this of its number; nothing is noted where it said something later."""
    await tx.execute(NOTE_NUMBER, id, json.dumps(facts), at)


def _json(value: object | None) -> str | None:
    return None if value is None else json.dumps(value)


def _device_or_none(row: asyncpg.Record | None) -> Device | None:
    return None if row is None else _device(row)


def _device(row: asyncpg.Record) -> Device:
    values = {name: row[name] for name in _FIELDS}
    values["kind"] = Kind(values["kind"])
    values["state"] = State(values["state"])
    values["config"] = json.loads(values["config"])
    values["own_pacing"] = json.loads(values["own_pacing"])
    if (facts := values["number_facts"]) is not None:
        values["number_facts"] = json.loads(facts)
    return Device(**values)


def _taken(error: asyncpg.UniqueViolationError, name: str) -> Conflict:
    is_number = error.constraint_name == NUMBER_INDEX
    return NumberTaken() if is_number else NameTaken("device", name)
