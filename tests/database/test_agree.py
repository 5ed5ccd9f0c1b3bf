"""Machines of one database agree on their keys before they serve."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest

from waypost.accounts.agree import OtherKey, on_seal_key, on_token_key
from waypost.kit.db import Database, Tx

AT = datetime(2025, 6, 3, tzinfo=UTC)
OLD, NEW, OTHER = "o" * 40, "n" * 40, "x" * 40

Agree = Callable[[Tx, str, Sequence[str], datetime], Awaitable[None]]


@pytest.fixture(params=[on_token_key, on_seal_key], ids=["tokens", "secrets"])
def agree(request: pytest.FixtureRequest) -> Agree:
    """For either of the keys that machines share."""
    verb: Agree = request.param
    return verb


async def start(db: Database, agree: Agree, key: str, *previous: str) -> None:
    await db.transact(lambda tx: agree(tx, key, previous, AT))


async def test_the_first_machine_says_which_key_is_in_use_and_others_must_have_it(
    db: Database, agree: Agree
) -> None:
    await start(db, agree, OLD)
    await start(db, agree, OLD)
    with pytest.raises(OtherKey):
        await start(db, agree, OTHER)
    await start(db, agree, OLD)


async def test_a_machine_that_names_the_former_key_changes_it_for_all(
    db: Database, agree: Agree
) -> None:
    await start(db, agree, OLD)
    await start(db, agree, NEW, OTHER, OLD)
    await start(db, agree, NEW)
    with pytest.raises(OtherKey):
        await start(db, agree, OLD)


async def test_of_two_that_start_at_once_with_different_keys_one_is_refused(
    db: Database, agree: Agree
) -> None:
    ends = await asyncio.gather(
        start(db, agree, OLD), start(db, agree, NEW), return_exceptions=True
    )
    assert {type(end) for end in ends} == {OtherKey, type(None)}


async def test_the_two_keys_have_nothing_to_do_with_each_other(db: Database) -> None:
    await start(db, on_token_key, OLD)
    await start(db, on_seal_key, NEW)
    with pytest.raises(OtherKey, match="WAYPOST_JWT_SECRET"):
        await start(db, on_token_key, NEW)
    with pytest.raises(OtherKey, match="WAYPOST_SEAL_KEY"):
        await start(db, on_seal_key, OLD)


async def test_the_keys_themselves_are_not_stored(db: Database) -> None:
    await start(db, on_token_key, OLD)
    await start(db, on_seal_key, OLD)
    async with db.read() as tx:
        rows = await tx.fetch("select name, fingerprint from keys_in_use order by name")
    assert [row["name"] for row in rows] == ["secrets", "tokens"]
    assert rows[0]["fingerprint"] != rows[1]["fingerprint"]
    assert not any(OLD[:8] in row["fingerprint"] for row in rows)
