"""What the provider changed is taken over; what the owner chose stays, where it still fits."""

from dataclasses import replace

import pytest

from waypost.drivers.outgoing import Media, MediaKind
from waypost.templates.adopt import followed
from waypost.templates.model import Button, Draft, Format, Header, Mine, Provider

IMAGE = Media(MediaKind.IMAGE, "https://example.com/a.png")
TOLD = Provider(
    "order",
    "en",
    ("body_1", "body_2"),
    header=Header(("header_1",)),
    buttons=(Button(1, "url", "button_1"),),
)
BODY = "{{body_1}} for {{body_2}}"
OURS = replace(
    TOLD,
    variables=("what", "name"),
    header=Header(("name",)),
    buttons=(Button(1, "url", "path"),),
)
MINE = Mine(7, "my order", "{{what}} for {{name}}", OURS)


def told(provider: Provider, body: str = BODY) -> Draft:
    return Draft("order", body, "en", "utility", provider)


def test_nothing_changes_where_only_the_words_are_the_owners() -> None:
    assert followed(MINE, told(TOLD)) == MINE


def test_a_new_text_is_taken_over_with_the_owners_words_in_its_places() -> None:
    changed = followed(MINE, told(TOLD, "For {{body_2}}: {{body_1}}"))

    assert changed == replace(MINE, body="For {{name}}: {{what}}")


def test_words_may_be_swapped() -> None:
    mine = replace(MINE, provider=replace(OURS, variables=("body_2", "body_1")))

    assert followed(mine, told(TOLD)).body == "{{body_2}} for {{body_1}}"


def test_another_number_of_places_brings_new_words() -> None:
    changed = followed(MINE, told(replace(TOLD, variables=("body_1",)), "{{body_1}}"))

    assert (changed.body, changed.provider.variables) == ("{{body_1}}", ("body_1",))
    assert changed.provider.header == OURS.header


def test_named_places_have_the_providers_names() -> None:
    named = replace(TOLD, variables=("item", "person"), parameter_format=Format.NAMED)

    changed = followed(MINE, told(named, "{{item}} for {{person}}"))

    assert changed.provider.variables == ("item", "person")
    assert changed.provider.header == named.header


@pytest.mark.parametrize(
    ("shows", "expected"),
    [
        (Header(media=MediaKind.IMAGE), Header(media=MediaKind.IMAGE, file=IMAGE)),
        (Header(media=MediaKind.VIDEO), Header(media=MediaKind.VIDEO)),
        (Header(("header_1",)), Header(("header_1",))),
        (None, None),
    ],
)
@pytest.mark.parametrize("format", list(Format))
def test_the_owners_file_stays_while_the_header_shows_one_of_its_kind(
    shows: Header | None, expected: Header | None, format: Format
) -> None:
    ours = Provider(
        "p", "en", parameter_format=format, header=Header(media=MediaKind.IMAGE, file=IMAGE)
    )
    theirs = Provider("p", "en", parameter_format=format, header=shows)

    assert followed(Mine(1, "p", "x", ours), told(theirs, "x")).provider.header == expected


def test_a_button_that_is_another_one_now_has_a_new_word() -> None:
    theirs = replace(
        TOLD, buttons=(Button(1, "copy_code", "button_1"), Button(2, "url", "button_2"))
    )

    assert followed(MINE, told(theirs)).provider.buttons == theirs.buttons
