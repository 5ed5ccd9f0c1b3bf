"""Approved templates become an account's own, once; what it chose about them stays."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from tests.support.approved import AT, listed, news
from tests.support.official import Number
from waypost.drivers.news import ApprovedTemplate
from waypost.kit.db import Database
from waypost.templates import manage, provider
from waypost.templates.adopt import NAME_TAKEN, Adopted, adopt
from waypost.templates.model import Draft, Provider, Template

LATER = AT + timedelta(hours=1)


@pytest.fixture(autouse=True)
async def official(db: Database) -> None:
    """An official number in the default pool."""
    await Number(business_account_id="b1").make(db)


async def told(db: Database, *templates: ApprovedTemplate, business: str = "b1") -> None:
    at = AT + timedelta(seconds=1)
    listed_now = news(*templates, business_account_id=business, at=at)
    await db.transact(lambda tx: provider.note(tx, listed_now))


async def adopted(db: Database, account_id: int = 7) -> Adopted:
    return await db.transact(lambda tx: adopt(tx, account_id, 1, LATER))


async def mine(db: Database, adopted_id: int) -> Template:
    async with db.read() as tx:
        return await manage.get(tx, 7, adopted_id)


def names(found: Adopted) -> tuple[list[str], list[str], list[str], list[str]]:
    """What came of each: created, updated, unchanged, skipped."""
    return (
        [each.name for each in found.created],
        [each.name for each in found.updated],
        [each.name for each in found.unchanged],
        [each.name for each in found.skipped],
    )


async def test_an_approved_template_becomes_one_of_the_accounts(db: Database) -> None:
    await told(db, listed("order", "Hi {{1}}, {{2}} is due."))

    (made,) = (await adopted(db)).created

    assert await mine(db, made.id) == Template(
        made.id,
        Draft(
            "order",
            "Hi {{body_1}}, {{body_2}} is due.",
            "en_US",
            "utility",
            Provider("order", "en_US", ("body_1", "body_2")),
        ),
        LATER,
        LATER,
    )


async def test_what_is_not_approved_or_cannot_be_filled_is_skipped_and_told_why(
    db: Database,
) -> None:
    cards = replace(listed("cards"), components=[{"type": "CAROUSEL"}])
    await told(db, listed("paused", status="PAUSED"), cards)

    found = await adopted(db)

    assert names(found) == ([], [], [], ["cards", "paused"])
    assert "CAROUSEL" in found.skipped[0].why
    assert found.skipped[1].why == "It is PAUSED at the provider."


async def test_a_second_time_changes_nothing(db: Database) -> None:
    await told(db, listed("order"), listed("order", "Hallo {{1}}.", language="de"))
    first = await adopted(db)

    second = await adopted(db)

    assert names(second) == ([], [], [each.name for each in first.created], [])


async def test_two_at_once_make_each_once(db: Database, connection: asyncpg.Connection) -> None:
    await told(db, *(listed(f"t{place}") for place in range(50)))

    await asyncio.gather(*(adopted(db) for _ in range(6)))

    assert await connection.fetchval("select count(*) from templates") == 50


async def test_what_its_owner_changes_meanwhile_comes_after(
    db: Database, connection: asyncpg.Connection
) -> None:
    await told(db, listed("order", "Hi {{1}}."))
    (made,) = (await adopted(db)).created
    await connection.execute("set lock_timeout = '50ms'")

    async with db.tx() as tx:
        await adopt(tx, 7, 1, LATER)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await connection.execute("update templates set body = 'x' where id = $1", made.id)

    await connection.execute("update templates set body = 'x' where id = $1", made.id)


async def test_a_change_at_the_provider_is_taken_over_in_the_owners_words(db: Database) -> None:
    await told(db, listed("order", "Hi {{1}}."))
    (made,) = (await adopted(db)).created
    theirs = Draft("welcome", "Hi {{ name }}.", "en", "x", Provider("order", "en_US", ("name",)))
    await db.transact(lambda tx: manage.change(tx, 7, made.id, theirs, AT))
    await told(db, listed("order", "Good day, {{1}}."))

    found = await adopted(db)

    assert names(found) == ([], ["welcome"], [], [])
    changed = await mine(db, made.id)
    assert changed.draft == replace(theirs, body="Good day, {{name}}.")
    assert changed.updated_at == LATER


async def test_one_of_the_accounts_own_making_is_found_by_what_is_behind_it(db: Database) -> None:
    own = Draft("mine", "Hi {{who}}.", provider=Provider("order", "en_US", ("who",)))
    made = await db.transact(lambda tx: manage.create(tx, 7, own, AT))
    await told(db, listed("order", "Hi {{1}}."))

    assert names(await adopted(db)) == ([], [], ["mine"], [])
    assert await mine(db, made.id) == made


async def test_languages_of_one_name_have_names_of_their_own(db: Database) -> None:
    await told(db, listed("order", language="de"), listed("order", language="en_US"))

    found = await adopted(db)

    assert names(found)[0] == ["order", "order (en_US)"]


async def test_a_name_that_is_taken_gets_its_language_and_one_without_any_is_told(
    db: Database,
) -> None:
    for name in ("Order", "bill", "bill (EN_us)"):
        await db.transact(lambda tx, name=name: manage.create(tx, 7, Draft(name, "x"), AT))  # type: ignore[misc]
    await told(db, listed("order"), listed("bill"))

    found = await adopted(db)

    assert names(found) == (["order (en_US)"], [], [], ["bill"])
    assert found.skipped[0].why == NAME_TAKEN


async def test_a_long_name_is_cut_so_that_languages_still_differ(db: Database) -> None:
    long = "n" * 300
    await told(db, listed(long, language="de"), listed(long, language="en_US"))

    found = await adopted(db)

    assert names(found)[0] == ["n" * 100, "n" * 92 + " (en_US)"]
    assert [each.provider.name for each in found.created] == [long, long]


async def test_of_two_business_accounts_the_one_that_approved_it_counts(
    db: Database, connection: asyncpg.Connection
) -> None:
    await Number("2", "b2").make(db, "n2")
    await told(db, listed("order", "Old {{1}}.", status="REJECTED"))
    await told(db, listed("order", "New {{1}}."), business="b2")

    (made,) = (await adopted(db)).created

    assert made.body == "New {{body_1}}."


async def test_accounts_have_each_their_own(db: Database) -> None:
    await told(db, listed("order"))
    await adopted(db, 7)

    assert names(await adopted(db, 8)) == (["order"], [], [], [])


async def test_without_an_official_number_there_is_nothing_to_adopt(
    db: Database, connection: asyncpg.Connection
) -> None:
    await told(db, listed("order"))
    await connection.execute("delete from devices where kind = 'cloud'")

    assert await adopted(db) == Adopted([], [], [], [])
