"""What a send carries of an approved template: every place filled, or a refusal that names why."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.drivers.outgoing import Approved, ButtonParameter, Media, MediaKind, Parameter
from waypost.kit.errors import Invalid
from waypost.templates.fill import MAX_HEADER, approved, wanted
from waypost.templates.model import Button, Format, Header, Provider

IMAGE = Media(MediaKind.IMAGE, "https://example.com/a.png")
FILE = Media(MediaKind.DOCUMENT, media_id=UUID(int=7), filename="bill.pdf")
SHOWS_IMAGE = Provider("offer", "en", header=Header(media=MediaKind.IMAGE))

blanks = st.text(st.sampled_from(" \n\t\r"), max_size=12)


def fields(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [problem.field for problem in refused.value.details]


def test_places_by_order_are_filled_in_the_order_of_the_approved_template() -> None:
    provider = Provider("order", "en_US", ("company", "name"))

    assert approved(provider, {"name": "Ann", "company": "Acme"}, None) == Approved(
        "order", "en_US", body=(Parameter("Acme"), Parameter("Ann"))
    )


def test_named_places_bring_their_names() -> None:
    provider = Provider("order", "de", ("name",), Format.NAMED, Header(("shop",)))

    assert approved(provider, {"name": "Ann", "shop": "Acme"}, None) == Approved(
        "order", "de", header=(Parameter("Acme", "shop"),), body=(Parameter("Ann", "name"),)
    )


def test_buttons_are_filled_by_their_index_and_kind() -> None:
    buttons = (Button(0, "url", "path"), Button(2, "copy_code", "code"))
    provider = Provider("offer", "en", buttons=buttons)

    filled = approved(provider, {"path": "a/1", "code": 25}, None)

    assert filled.buttons == (
        ButtonParameter(0, "url", "a/1"),
        ButtonParameter(2, "copy_code", "25"),
    )


def test_a_code_fills_the_body_and_its_button() -> None:
    provider = Provider("login", "en", ("code",), buttons=(Button(0, "url", "code"),))

    filled = approved(provider, {"code": "12345"}, None)

    assert filled.body == (Parameter("12345"),)
    assert filled.buttons == (ButtonParameter(0, "url", "12345"),)


@pytest.mark.parametrize(
    ("value", "carried"), [("a\nb", "a\nb"), (7, "7"), (True, "true"), (12.5, "12.5")]
)
def test_a_value_is_carried_as_it_stands_in_a_text(value: object, carried: str) -> None:
    filled = approved(Provider("p", "en", ("x",)), {"x": value}, None)

    assert filled.body == (Parameter(carried),)


@given(blanks)
def test_a_place_cannot_be_filled_with_nothing(value: str) -> None:
    with pytest.raises(Invalid) as refused:
        approved(Provider("p", "en", ("x",)), {"x": value}, None)

    assert fields(refused) == ["variables.x"]


def test_every_missing_variable_is_named_once_wherever_it_belongs() -> None:
    provider = Provider(
        "p", "en", ("a", "b"), header=Header(("c",)), buttons=(Button(0, "url", "a"),)
    )

    with pytest.raises(Invalid) as refused:
        approved(provider, {"b": [1]}, None)

    assert fields(refused) == ["variables.a", "variables.b", "variables.c"]


@pytest.mark.parametrize(("length", "is_taken"), [(MAX_HEADER, True), (MAX_HEADER + 1, False)])
def test_a_header_takes_so_many_characters_and_a_body_more(length: int, is_taken: bool) -> None:
    in_body = Provider("p", "en", ("x",))
    in_header = Provider("p", "en", header=Header(("x",)))

    assert approved(in_body, {"x": "a" * length}, None).body
    if is_taken:
        assert approved(in_header, {"x": "a" * length}, None).header
    else:
        with pytest.raises(Invalid, match="60"):
            approved(in_header, {"x": "a" * length}, None)


def test_a_file_stands_in_the_header() -> None:
    assert approved(SHOWS_IMAGE, {}, IMAGE).header_media == IMAGE


@pytest.mark.parametrize(
    ("provider", "file", "field"),
    [
        pytest.param(SHOWS_IMAGE, None, "media", id="none where one is shown"),
        pytest.param(SHOWS_IMAGE, FILE, "media.type", id="of another kind"),
        pytest.param(Provider("p", "en"), IMAGE, "media", id="where none is shown"),
        pytest.param(
            Provider("p", "en", header=Header(("x",))), IMAGE, "media", id="where a text is shown"
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    provider: Provider, file: Media | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        approved(provider, {"x": "a"}, file)

    assert fields(refused) == [field]


def test_a_send_brings_the_variables_of_all_parts_each_once() -> None:
    provider = Provider(
        "p",
        "en",
        ("a",),
        header=Header(("b",)),
        buttons=(Button(0, "url", "a"), Button(1, "url", "c")),
    )

    assert wanted("{{x}} {{a}} {{x}}", provider) == ["x", "a", "b", "c"]
    assert wanted("{{x}}", None) == ["x"]
