"""An approved template, as its provider describes it, becomes one of ours that would send it."""

from collections.abc import Mapping, Sequence

import pytest

from waypost.drivers.news import ApprovedTemplate
from waypost.drivers.outgoing import MediaKind
from waypost.templates.model import Button, Draft, Format, Header, Provider
from waypost.templates.read import Unusable, draft_of

Part = Mapping[str, object]
BODY = {"type": "BODY", "text": "Good day."}


def told(
    *parts: Part, format: str | None = "POSITIONAL", category: str = "UTILITY"
) -> ApprovedTemplate:
    return ApprovedTemplate("1", "order", "en_US", "APPROVED", category, format, parts)


def provider(
    *parts: Part, format: str | None = "POSITIONAL", category: str = "UTILITY"
) -> Provider:
    draft = draft_of(told(*parts, format=format, category=category))
    assert isinstance(draft, Draft)
    assert draft.provider is not None
    return draft.provider


def buttons(*given: Part) -> Part:
    return {"type": "BUTTONS", "buttons": given and list(given)}


def header(format: str, **more: object) -> Part:
    return {"type": "HEADER", "format": format, **more}


def test_its_text_is_ours_and_places_are_called_by_where_they_stand() -> None:
    draft = draft_of(told({"type": "BODY", "text": "Hi {{1}}, {{ 2 }} is due, {{1}}."}))

    assert draft == Draft(
        "order",
        "Hi {{body_1}}, {{body_2}} is due, {{body_1}}.",
        "en_US",
        "utility",
        Provider("order", "en_US", ("body_1", "body_2")),
    )


def test_places_are_filled_in_the_order_of_their_numbers() -> None:
    places = " ".join(f"{{{{{number}}}}}" for number in (10, 2, 1, 3, 4, 5, 6, 7, 8, 9))

    read = provider({"type": "BODY", "text": f"x {places} x"})

    assert read.variables == tuple(f"body_{number}" for number in range(1, 11))


def test_named_places_keep_their_names() -> None:
    read = provider(
        header("TEXT", text="{{shop}}"),
        {"type": "BODY", "text": "Hi {{first_name}}."},
        format="NAMED",
    )

    assert (read.parameter_format, read.variables) == (Format.NAMED, ("first_name",))
    assert read.header == Header(("shop",))


@pytest.mark.parametrize("format", [None, "POSITIONAL", "positional"])
def test_places_without_names_are_usual(format: str | None) -> None:
    read = provider({"type": "BODY", "text": "Hi {{1}}."}, format=format)

    assert (read.parameter_format, read.variables) == (Format.POSITIONAL, ("body_1",))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (header("TEXT", text="News"), None),
        (header("TEXT", text="News of {{1}}"), Header(("header_1",))),
        (header("IMAGE"), Header(media=MediaKind.IMAGE)),
        (header("VIDEO", example={"header_handle": ["https://x"]}), Header(media=MediaKind.VIDEO)),
        (header("DOCUMENT"), Header(media=MediaKind.DOCUMENT)),
        ({"type": "FOOTER", "text": "Bye"}, None),
    ],
)
def test_a_header_is_filled_by_what_it_shows(part: Part, expected: Header | None) -> None:
    assert provider(part, BODY).header == expected


def test_only_buttons_with_a_place_are_filled_and_all_are_counted() -> None:
    read = provider(
        BODY,
        buttons(
            {"type": "QUICK_REPLY", "text": "Stop"},
            {"type": "URL", "text": "Shop", "url": "https://example.com"},
            {"type": "URL", "text": "Order", "url": "https://example.com/{{1}}"},
            {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+27821234567"},
            {"type": "COPY_CODE", "example": "SAVE25"},
        ),
    )

    assert read.buttons == (Button(2, "url", "button_2"), Button(4, "copy_code", "button_4"))


@pytest.mark.parametrize(
    "button",
    [
        {"type": "OTP", "otp_type": "COPY_CODE"},
        {"type": "URL", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"},
    ],
    ids=["as made", "as listed"],
)
def test_a_code_that_signs_in_is_one_variable_for_body_and_button(button: Part) -> None:
    draft = draft_of(
        told(
            {"type": "BODY", "text": "*{{1}}* is your code."},
            buttons(button),
            category="AUTHENTICATION",
        )
    )

    assert isinstance(draft, Draft)
    assert draft.body == "*{{code}}* is your code."
    assert draft.provider == Provider(
        "order", "en_US", ("code",), buttons=(Button(0, "url", "code"),)
    )


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        pytest.param([header("TEXT", text="x")], "no text", id="no body"),
        pytest.param([{"type": "BODY", "text": 7}, {}], "part of type", id="a part of no type"),
        pytest.param([BODY, header("LOCATION")], "LOCATION", id="a place on the map"),
        pytest.param([BODY, header("GIF")], "GIF", id="an animation"),
        pytest.param([BODY, {"type": "CAROUSEL", "cards": []}], "CAROUSEL", id="cards"),
        pytest.param([BODY, buttons({"type": "FLOW"})], "FLOW", id="a form"),
        pytest.param([BODY, buttons({"type": "CATALOG"})], "CATALOG", id="a catalogue"),
        pytest.param([BODY, buttons({"text": "x"})], "button 0", id="a button of no type"),
        pytest.param([{"type": "BODY", "text": "{{a}}"}], "'a' has no number", id="a name"),
        pytest.param([{"type": "BODY", "text": "x" * 4097}], "4097", id="too long"),
    ],
)
def test_what_could_not_be_filled_here_is_told(parts: Sequence[Part], why: str) -> None:
    read = draft_of(told(*parts))

    assert isinstance(read, Unusable)
    assert (read.name, read.language) == ("order", "en_US")
    assert why in read.why


def test_a_name_that_no_variable_can_have_is_told() -> None:
    read = draft_of(told({"type": "BODY", "text": "Hi {{1st}}"}, format="NAMED"))

    assert isinstance(read, Unusable)
    assert "'1st'" in read.why


def test_a_name_longer_than_ours_is_cut_for_us_alone() -> None:
    draft = draft_of(ApprovedTemplate("1", "n" * 300, "en", "APPROVED", components=[BODY]))

    assert isinstance(draft, Draft)
    assert draft.provider is not None
    assert (len(draft.name), len(draft.provider.name)) == (100, 300)
