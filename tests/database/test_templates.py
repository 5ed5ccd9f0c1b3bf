"""What an account keeps as a template is its own, and found again in one look."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from waypost.drivers.outgoing import Media, MediaKind
from waypost.kit.db import Database
from waypost.kit.errors import Invalid
from waypost.kit.page import PageAsk
from waypost.templates import find, manage
from waypost.templates.errors import NameTaken, NoSuchTemplate
from waypost.templates.model import Button, Draft, Format, Header, Provider, Wording

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FILE = Media(MediaKind.DOCUMENT, media_id=UUID(int=7), filename="bill.pdf")
HELLO = Draft("hello", "Hello {{name}}")
FULL = Draft(
    "order", "{{what}} for {{name}}", "en", "utility", Provider("order_v1", "en_US", ("name",))
)


async def test_a_template_is_kept_as_it_was_given(db: Database) -> None:
    async with db.tx() as tx:
        made = await manage.create(tx, 1, FULL, NOW)

    async with db.read() as tx:
        found = await manage.get(tx, 1, made.id)

    assert found == made
    assert found.draft == FULL
    assert found.created_at == found.updated_at == NOW


async def test_a_change_replaces_everything_but_the_id_and_the_beginning(db: Database) -> None:
    later = NOW + timedelta(hours=1)
    async with db.tx() as tx:
        made = await manage.create(tx, 1, FULL, NOW)
        changed = await manage.change(tx, 1, made.id, HELLO, later)

    assert changed.draft == HELLO
    assert (changed.id, changed.created_at, changed.updated_at) == (made.id, NOW, later)


@pytest.mark.parametrize("name", ["hello", "HELLO", "Hello"])
async def test_a_name_is_taken_once_in_an_account_whatever_its_case(
    db: Database, name: str
) -> None:
    async with db.tx() as tx:
        await manage.create(tx, 1, HELLO, NOW)

    with pytest.raises(NameTaken):
        async with db.tx() as tx:
            await manage.create(tx, 1, Draft(name, "x"), NOW)
    async with db.tx() as tx:
        await manage.create(tx, 2, Draft(name, "x"), NOW)


async def test_a_change_to_a_taken_name_is_refused_and_to_its_own_is_not(db: Database) -> None:
    async with db.tx() as tx:
        await manage.create(tx, 1, HELLO, NOW)
        made = await manage.create(tx, 1, Draft("other", "x"), NOW)
        await manage.change(tx, 1, made.id, Draft("OTHER", "x"), NOW)

    with pytest.raises(NameTaken):
        async with db.tx() as tx:
            await manage.change(tx, 1, made.id, Draft("HELLO", "x"), NOW)


async def test_another_account_sees_changes_and_deletes_nothing(db: Database) -> None:
    async with db.tx() as tx:
        made = await manage.create(tx, 1, HELLO, NOW)

    for work in (
        lambda tx: manage.get(tx, 2, made.id),
        lambda tx: manage.change(tx, 2, made.id, FULL, NOW),
        lambda tx: manage.delete(tx, 2, made.id),
        lambda tx: manage.preview(tx, 2, made.id, {"name": "x"}),
    ):
        with pytest.raises(NoSuchTemplate):
            await db.transact(work)
    async with db.read() as tx:
        assert await manage.page(tx, 2, PageAsk()) == ([], 0)
        assert await manage.get(tx, 1, made.id) == made


async def test_pages_are_newest_first_and_tell_the_total(db: Database) -> None:
    async with db.tx() as tx:
        made = [await manage.create(tx, 1, Draft(f"t{n}", "x"), NOW) for n in range(5)]

    async with db.read() as tx:
        first, total = await manage.page(tx, 1, PageAsk(page=1, per_page=2))
        last, _ = await manage.page(tx, 1, PageAsk(page=3, per_page=2))
        beyond, _ = await manage.page(tx, 1, PageAsk(page=4, per_page=2))

    assert (first, last, beyond) == ([made[4], made[3]], [made[0]], [])
    assert total == 5


async def test_a_deleted_template_is_gone(db: Database) -> None:
    async with db.tx() as tx:
        made = await manage.create(tx, 1, HELLO, NOW)
        await manage.delete(tx, 1, made.id)

    with pytest.raises(NoSuchTemplate):
        await db.transact(lambda tx: manage.delete(tx, 1, made.id))


async def test_an_approved_template_takes_only_variables_of_the_body(db: Database) -> None:
    wrong = Draft("a", "Hello {{name}}", provider=Provider("p", "en", ("name", "company")))

    with pytest.raises(Invalid) as refused:
        await db.transact(lambda tx: manage.create(tx, 1, wrong, NOW))

    assert [problem.field for problem in refused.value.details] == ["provider.variables.1"]


async def test_an_approved_template_fills_a_button_once(db: Database) -> None:
    buttons = (Button(0, "url", "a"), Button(1, "url", "a"), Button(0, "copy_code", "b"))
    wrong = Draft("a", "Hello", provider=Provider("p", "en", buttons=buttons))

    with pytest.raises(Invalid) as refused:
        await db.transact(lambda tx: manage.create(tx, 1, wrong, NOW))

    assert [problem.field for problem in refused.value.details] == ["provider.buttons.2.index"]


async def test_a_preview_asks_for_what_a_send_has_to_bring(db: Database) -> None:
    draft = Draft("a", "Hello {{name}}", provider=Provider("p", "en", header=Header(("shop",))))
    async with db.tx() as tx:
        made = await manage.create(tx, 1, draft, NOW)

    with pytest.raises(Invalid) as refused:
        await db.transact(lambda tx: manage.preview(tx, 1, made.id, {"name": "Ann"}))
    async with db.read() as tx:
        text = await manage.preview(tx, 1, made.id, {"name": "Ann", "shop": "Acme"})

    assert [problem.field for problem in refused.value.details] == ["variables.shop"]
    assert text == "Hello Ann"


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param(Provider("p", "en", ("name",), Format.NAMED, Header(("shop",))), id="named"),
        pytest.param(
            Provider(
                "p",
                "en",
                header=Header(media=MediaKind.DOCUMENT, file=FILE),
                buttons=(Button(0, "url", "path"), Button(3, "copy_code", "code")),
            ),
            id="file and buttons",
        ),
    ],
)
async def test_every_part_of_an_approved_template_is_kept(db: Database, provider: Provider) -> None:
    async with db.tx() as tx:
        made = await manage.create(tx, 1, Draft("a", "Hello {{name}}", provider=provider), NOW)

    async with db.read() as tx:
        found = await manage.get(tx, 1, made.id)
        wordings = await find.wordings(tx, [(1, made.id)])

    assert found.draft.provider == provider
    assert wordings == {(1, made.id): Wording("Hello {{name}}", provider)}


async def test_an_approved_template_that_was_kept_with_less_is_still_read(
    db: Database, connection: asyncpg.Connection
) -> None:
    async with db.tx() as tx:
        made = await manage.create(tx, 1, FULL, NOW)
    await connection.execute(
        """update templates
              set provider = '{"name": "order_v1", "language": "en_US", "variables": ["name"]}'"""
    )

    async with db.read() as tx:
        assert await manage.get(tx, 1, made.id) == made


async def test_wordings_of_a_batch_are_the_accounts_own(db: Database) -> None:
    async with db.tx() as tx:
        mine = await manage.create(tx, 1, HELLO, NOW)
        theirs = await manage.create(tx, 2, FULL, NOW)
        asked = [(1, mine.id), (1, theirs.id), (2, theirs.id), (1, 0), (1, -1), (1, 2**70)]
        found = await find.wordings(tx, [*asked, (1, mine.id)])
        foreign = await find.wordings(tx, [(1, theirs.id)])

    assert found == {
        (1, mine.id): Wording(HELLO.body),
        (2, theirs.id): Wording(FULL.body, FULL.provider),
    }
    assert foreign == {}


async def test_nothing_is_asked_for_a_batch_without_templates(db: Database) -> None:
    async with db.read() as tx:
        assert await find.wordings(tx, []) == {}
