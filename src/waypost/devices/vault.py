"""The secrets of official numbers: kept sealed, opened for those who check or send with them."""

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from waypost.devices import store_secrets as store
from waypost.drivers import secrets
from waypost.kit.db import Tx
from waypost.kit.seal import Sealer

APP_SECRET = "app_secret"
VERIFY_TOKEN = "verify_token"


@dataclass(frozen=True, slots=True)
class Mates:
    """The devices behind the same app of the provider as another: who signs for it, signs for them.

    `devices` by their numbers' ids; `business_accounts` are those that they belong to. What is
    `strange` belongs to devices that now have another secret, or one that cannot be opened here.
    """

    devices: Mapping[str, int]
    business_accounts: frozenset[str]
    strange_numbers: frozenset[str] = frozenset()
    strange_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Holding:
    """How many secrets the present key sealed, a former one, and none that is known here."""

    current: int
    former: int
    lost: int


async def keep(tx: Tx, sealer: Sealer, device_id: int, given: Mapping[str, str]) -> None:
    """Seal these in place of the former ones of the same names; the others stay."""
    if given:
        await store.keep(tx, device_id, secrets.seal(sealer, device_id, given))


async def sealed_of(tx: Tx, device_ids: Sequence[int]) -> dict[int, store.Sealed]:
    """The sealed secrets of those of these devices that have some."""
    return await store.of_devices(tx, device_ids) if device_ids else {}


async def opened(tx: Tx, sealer: Sealer, device_id: int) -> Mapping[str, str] | None:
    """A device's secrets by their names; None where it has none, or they cannot be opened here."""
    sealed = (await store.of_devices(tx, [device_id])).get(device_id)
    return None if sealed is None else secrets.unseal(sealer, device_id, sealed)


async def mates(
    tx: Tx,
    sealer: Sealer,
    device_id: int,
    phone_number_ids: Collection[str],
    business_account_ids: Collection[str],
) -> Mates:
    """Which devices with these numbers, or of these business accounts, share this one's app."""
    sealed = (await store.of_devices(tx, [device_id])).get(device_id)
    if sealed is None:
        return Mates({}, frozenset())
    secret = (secrets.unseal(sealer, device_id, sealed) or {}).get(APP_SECRET)
    rows = await store.of_numbers(
        tx, APP_SECRET, sorted(phone_number_ids), sorted(business_account_ids)
    )
    same = [row for row in rows if _is(sealer, row["id"], row["sealed"], secret)]
    known = {row["id"] for row in same}
    strange = [row for row in rows if row["id"] not in known]
    return Mates(
        {row["phone_number_id"]: row["id"] for row in same},
        frozenset(row["business_account_id"] for row in same),
        frozenset(row["phone_number_id"] for row in strange),
        frozenset(row["business_account_id"] for row in strange),
    )


async def renew(tx: Tx, sealer: Sealer) -> int:
    """Seal with the present key what a former one sealed; how many that were."""
    renewed = 0
    for device_id, sealed in (await store.locked(tx)).items():
        stale = {name: kept for name, kept in sealed.items() if not sealer.is_current(kept)}
        known = secrets.unseal(sealer, device_id, stale)
        if known:
            await keep(tx, sealer, device_id, known)
            renewed += len(known)
    return renewed


async def holding(tx: Tx, sealer: Sealer) -> Holding:
    """Which keys the secrets need."""
    current = former = lost = 0
    for device_id, sealed in (await store.every(tx)).items():
        for name, kept in sealed.items():
            if secrets.unseal(sealer, device_id, {name: kept}) is None:
                lost += 1
            elif sealer.is_current(kept):
                current += 1
            else:
                former += 1
    return Holding(current, former, lost)


def _is(sealer: Sealer, device_id: int, sealed: bytes, secret: str | None) -> bool:
    if secret is None:
        return False
    theirs = secrets.unseal(sealer, device_id, {APP_SECRET: sealed})
    return theirs is not None and hmac.compare_digest(theirs[APP_SECRET].encode(), secret.encode())
