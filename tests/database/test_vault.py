"""Secrets of official numbers in the database: sealed, found by who may use them, renewed."""

import asyncio
from collections.abc import Mapping

import asyncpg
import pytest

from tests.support.messages import until
from tests.support.official import AT, SEALER, Number
from waypost.devices import find, fleet_view, manage, vault
from waypost.devices.model import Device
from waypost.devices.vault import Holding, Mates
from waypost.kit.db import Database
from waypost.kit.seal import Sealer

OLD, NEW = "o" * 32, "n" * 32
ONE = Number("1", "100")


async def opened(db: Database, device: Device, sealer: Sealer = SEALER) -> Mapping[str, str] | None:
    async with db.read() as tx:
        return await vault.opened(tx, sealer, device.id)


async def keep(db: Database, device: Device, **given: str) -> None:
    await db.transact(lambda tx: vault.keep(tx, SEALER, device.id, given))


async def mates(db: Database, device: Device, numbers: str, accounts: str) -> Mates:
    async with db.read() as tx:
        return await vault.mates(tx, SEALER, device.id, numbers.split(), accounts.split())


async def test_secrets_are_opened_by_those_who_have_the_key(db: Database) -> None:
    made = await ONE.make(db)

    assert await opened(db, made) == ONE.secrets
    assert await opened(db, made, Sealer(["x" * 32])) is None


async def test_a_device_without_secrets_has_none_to_open(db: Database) -> None:
    async with db.read() as tx:
        assert await vault.opened(tx, SEALER, 1) is None
        assert await vault.opened(tx, SEALER, 2**40) is None


async def test_no_table_tells_a_secret(db: Database, connection: asyncpg.Connection) -> None:
    await ONE.make(db)

    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    rows = [
        row[0]
        for table in tables
        for row in await connection.fetch(f'select t::text from "{table[0]}" t')
    ]

    for secret in ONE.secrets.values():
        assert not any(secret in row or secret.encode().hex() in row for row in rows)


async def test_a_new_secret_replaces_its_former_one_and_leaves_the_others(db: Database) -> None:
    made = await ONE.make(db)

    await keep(db, made, access_token="another")
    await keep(db, made)

    assert await opened(db, made) == {**ONE.secrets, "access_token": "another"}


async def test_a_deleted_device_takes_its_secrets_along(
    db: Database, connection: asyncpg.Connection
) -> None:
    made = await ONE.make(db)
    await db.transact(lambda tx: manage.delete(tx, made.id))

    assert await connection.fetchval("select count(*) from device_secrets") == 0


async def test_only_those_who_run_drivers_are_given_sealed_secrets(db: Database) -> None:
    made = await ONE.make(db)

    async with db.read() as tx:
        [run] = [
            each
            for each in await fleet_view.load(tx, [made.pool_id], made.created_at)
            if each.id == made.id
        ]
        shown = await find.device(tx, made.id, None)

    assert run.sealed.keys() == ONE.secrets.keys()
    assert shown.sealed == {}
    assert not any(repr(kept) in repr(run) for kept in run.sealed.values())


async def test_one_app_signs_for_its_own_devices_alone(db: Database) -> None:
    ours = await ONE.make(db, "ours")
    mate = await Number("2", "100").make(db, "mate")
    await Number("3", "300", app_secret="another app's").make(db, "stranger")

    assert await mates(db, ours, "1 2 3 4", "") == Mates(
        {"1": ours.id, "2": mate.id},
        frozenset({"100"}),
        strange_numbers=frozenset({"3"}),
        strange_accounts=frozenset({"300"}),
    )
    assert await mates(db, mate, "2", "") == Mates({"2": mate.id}, frozenset({"100"}))


async def test_a_business_account_is_known_by_the_apps_own_devices(db: Database) -> None:
    ours = await ONE.make(db, "ours")
    await Number("3", "300", app_secret="another app's").make(db, "stranger")

    assert (await mates(db, ours, "", "100 300 400")).business_accounts == {"100"}
    assert (await mates(db, ours, "", "300")).business_accounts == set()


async def test_a_device_that_is_gone_has_no_mates(db: Database) -> None:
    await Number("2", "100").make(db, "open")
    gone = await Number("3", "100").make(db, "gone")
    await db.transact(lambda tx: manage.delete(tx, gone.id))

    assert await mates(db, gone, "1 2 3", "100") == Mates({}, frozenset())


async def test_who_cannot_open_a_devices_secret_takes_all_others_for_strange(db: Database) -> None:
    shut = await ONE.make(db, "shut", Sealer(["x" * 32]))
    await Number("2", "200").make(db, "open")

    assert await mates(db, shut, "1 2 3", "200") == Mates(
        {}, frozenset(), frozenset({"1", "2"}), frozenset({"100", "200"})
    )


async def test_a_mate_whose_secret_cannot_be_opened_is_strange(db: Database) -> None:
    ours = await ONE.make(db, "ours")
    await Number("2", "100").make(db, "shut", Sealer(["x" * 32]))

    found = await mates(db, ours, "1 2", "")

    assert (found.devices, found.strange_numbers) == ({"1": ours.id}, {"2"})


async def test_a_new_key_takes_over_what_a_former_one_sealed(db: Database) -> None:
    made = await ONE.make(db, "made", Sealer([OLD]))
    both, new = Sealer([NEW, OLD]), Sealer([NEW])

    renewed = [await db.transact(lambda tx: vault.renew(tx, both)) for _ in range(2)]

    assert renewed == [3, 0]
    assert await opened(db, made, new) == ONE.secrets
    assert await opened(db, made, Sealer([OLD])) is None


async def test_what_no_key_opens_is_left_as_it_is(db: Database) -> None:
    lost = await ONE.make(db, "lost", Sealer(["x" * 32]))
    former = await Number("2").make(db, "former", Sealer([OLD]))

    assert await db.transact(lambda tx: vault.renew(tx, Sealer([NEW, OLD]))) == 3
    assert await opened(db, lost, Sealer(["x" * 32])) == ONE.secrets
    assert await opened(db, former, Sealer([NEW])) == Number("2").secrets


async def test_a_secret_that_is_changed_meanwhile_is_not_put_back(
    db: Database, connection: asyncpg.Connection
) -> None:
    made = await ONE.make(db, sealer=Sealer([OLD]))
    both = Sealer([NEW, OLD])

    async with db.tx() as tx:
        await vault.keep(tx, both, made.id, {"access_token": "another"})
        renewing = asyncio.create_task(db.transact(lambda tx: vault.renew(tx, both)))
        await until(lambda: waits_for_a_lock(connection))

    assert await renewing == 2
    assert await opened(db, made, both) == {**ONE.secrets, "access_token": "another"}


async def waits_for_a_lock(connection: asyncpg.Connection) -> bool:
    waits: bool = await connection.fetchval(
        "select exists (select from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock')"
    )
    return waits


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([NEW, OLD], Holding(current=3, former=3, lost=0)),
        ([NEW], Holding(current=3, former=0, lost=3)),
        ([OLD, NEW], Holding(current=3, former=3, lost=0)),
        (["x" * 32], Holding(current=0, former=0, lost=6)),
    ],
    ids=["new and old", "new", "old and new", "none"],
)
async def test_it_is_known_which_keys_are_still_needed(
    db: Database, keys: list[str], found: Holding
) -> None:
    await ONE.make(db, "one", Sealer([OLD]))
    await Number("2").make(db, "two", Sealer([NEW]))

    async with db.read() as tx:
        assert await vault.holding(tx, Sealer(keys)) == found


async def test_an_official_number_is_connected_at_once_and_paced_as_one(db: Database) -> None:
    made = await ONE.make(db)

    assert (made.state.value, made.state_at, made.is_simulated) == ("connected", AT, False)
    assert (made.pacing.per_second, made.pacing.daily_cap, made.pacing.warm_up) == (70, None, None)
