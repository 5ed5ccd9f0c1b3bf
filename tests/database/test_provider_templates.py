"""What the provider tells of templates is kept, the newest word last, and shown to their owners."""

from datetime import timedelta

import asyncpg
import pytest

from tests.support.approved import AT, listed, news
from tests.support.official import Number
from waypost.drivers.news import TemplateNews, TemplatesNews
from waypost.kit.db import Database
from waypost.templates import provider
from waypost.templates.model import Approval

ORDER = ("order", "en_US")
SECOND = timedelta(seconds=1)


def changed(
    *,
    status: str | None = None,
    category: str | None = None,
    quality: str | None = None,
    reason: str | None = None,
    at: timedelta = SECOND,
    name: str = "order",
) -> TemplateNews:
    return TemplateNews("b1", AT + at, name, "en_US", status, category, quality, reason)


async def told(db: Database, *all_news: TemplatesNews | TemplateNews) -> None:
    for each in all_news:
        await db.transact(lambda tx, each=each: provider.note(tx, each))  # type: ignore[misc]


async def stands(db: Database, name: str = "order", pool_id: int = 1) -> Approval | None:
    """How it stands for those who send through the pool."""
    async with db.read() as tx:
        return (await provider.approvals(tx, pool_id, [(name, "en_US")])).get((name, "en_US"))


@pytest.fixture(autouse=True)
async def official(db: Database) -> None:
    """An official number in the default pool."""
    await Number(business_account_id="b1").make(db)


async def test_a_listed_template_is_known_with_its_state(db: Database) -> None:
    await told(db, news(listed("order", quality="GREEN"), listed("other", status="PAUSED")))

    assert await stands(db) == Approval("APPROVED", "UTILITY", "GREEN", None)
    assert await stands(db, "other") == Approval("PAUSED", "UTILITY", None, None)
    assert await stands(db, "third") is None


async def test_a_later_list_replaces_all_and_forgets_what_is_gone(db: Database) -> None:
    await told(
        db,
        news(listed("order"), listed("gone")),
        news(listed("order", status="REJECTED", category="MARKETING"), at=AT + SECOND),
    )

    assert await stands(db) == Approval("REJECTED", "MARKETING")
    assert await stands(db, "gone") is None


async def test_an_older_list_changes_nothing(db: Database) -> None:
    await told(
        db,
        news(listed("order"), listed("new")),
        news(listed("order", status="PENDING"), at=AT - SECOND),
    )

    assert await stands(db) == Approval("APPROVED", "UTILITY")
    assert await stands(db, "new") is not None


async def test_an_empty_list_forgets_all_of_its_business_account_alone(
    db: Database, connection: asyncpg.Connection
) -> None:
    await Number("2", "b2").make(db, "n2")
    await told(db, news(listed("order")), news(listed("other"), business_account_id="b2"))

    await told(db, news(at=AT + SECOND))

    assert await stands(db) is None
    assert await stands(db, "other") is not None


async def test_a_list_that_names_one_twice_is_kept(db: Database) -> None:
    await told(db, news(listed("order", status="PENDING"), listed("order")))

    assert await stands(db) == Approval("APPROVED", "UTILITY")


async def test_a_change_tells_only_what_is_different(db: Database) -> None:
    await told(db, news(listed("order", quality="GREEN")))

    await told(db, changed(status="PAUSED", reason="LOW_QUALITY"))
    assert await stands(db) == Approval("PAUSED", "UTILITY", "GREEN", "LOW_QUALITY")

    await told(db, changed(quality="RED", at=2 * SECOND))
    assert await stands(db) == Approval("PAUSED", "UTILITY", "RED", "LOW_QUALITY")

    await told(db, changed(category="MARKETING", at=3 * SECOND))
    assert await stands(db) == Approval("PAUSED", "MARKETING", "RED", "LOW_QUALITY")

    await told(db, changed(status="APPROVED", at=4 * SECOND))
    assert await stands(db) == Approval("APPROVED", "MARKETING", "RED", None)


async def test_changes_out_of_order_leave_the_last_one(db: Database) -> None:
    await told(
        db,
        news(listed("order")),
        changed(status="DISABLED", at=5 * SECOND),
        changed(status="PAUSED", at=2 * SECOND),
    )

    assert await stands(db) == Approval("DISABLED", "UTILITY")


async def test_a_change_within_the_second_of_the_list_counts(db: Database) -> None:
    """The provider's times are whole seconds: it may have come after the list all the same."""
    await told(
        db, news(listed("order")), changed(status="PAUSED", at=-timedelta(microseconds=250_000))
    )

    assert await stands(db) == Approval("PAUSED", "UTILITY")


async def test_a_reason_stays_while_the_list_says_the_same(db: Database) -> None:
    await told(
        db,
        news(listed("order")),
        changed(status="PAUSED", quality="RED", reason="LOW_QUALITY"),
        news(listed("order", status="PAUSED"), at=AT + 2 * SECOND),
    )
    assert await stands(db) == Approval("PAUSED", "UTILITY", "RED", "LOW_QUALITY")

    await told(db, news(listed("order"), at=AT + 3 * SECOND))
    assert await stands(db) == Approval("APPROVED", "UTILITY", "RED", None)


async def test_a_change_of_what_was_never_listed_is_nothing_yet(db: Database) -> None:
    await told(db, changed(status="APPROVED"), changed(status="APPROVED", name="new"))

    assert await stands(db) is None


async def test_only_the_numbers_of_a_pool_tell_how_its_templates_stand(
    db: Database, connection: asyncpg.Connection
) -> None:
    other: int = await connection.fetchval(
        "insert into pools (name, created_at) values ('other', now()) returning id"
    )
    await told(db, news(listed("order")))
    assert await stands(db, pool_id=other) is None

    await Number("2", "b1", pool_id=other).make(db, "n2")
    assert await stands(db, pool_id=other) == Approval("APPROVED", "UTILITY")


async def test_of_several_business_accounts_the_one_that_stands_in_the_way_is_shown(
    db: Database, connection: asyncpg.Connection
) -> None:
    for place in range(2, 5):
        await Number(str(place), f"b{place}").make(db, f"n{place}")
    await told(
        db,
        news(listed("order")),
        news(listed("order", status="REJECTED"), business_account_id="b2"),
        news(listed("order"), business_account_id="b3"),
    )

    assert await stands(db) == Approval("REJECTED", "UTILITY")
