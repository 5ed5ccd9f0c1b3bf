"""The provider's list of templates is read as it is, and nothing in it can break the reader."""

import pytest

from waypost.drivers.cloud.templates import templates
from waypost.drivers.news import ApprovedTemplate

LISTED = {
    "id": "594425479261596",
    "name": "order_update",
    "language": "en_US",
    "status": "APPROVED",
    "category": "UTILITY",
    "parameter_format": "NAMED",
    "components": [{"type": "BODY", "text": "Hi {{name}}", "example": {}}],
    "quality_score": {"score": "GREEN", "date": 1750030073},
}
LEAST = {"id": 5, "name": "a", "language": "en", "status": "PENDING"}


def test_a_listed_template_is_read_whole() -> None:
    assert templates([LISTED]) == [
        ApprovedTemplate(
            "594425479261596",
            "order_update",
            "en_US",
            "APPROVED",
            "UTILITY",
            "NAMED",
            [{"type": "BODY", "text": "Hi {{name}}", "example": {}}],
            "GREEN",
        )
    ]


def test_what_is_not_told_is_not_known() -> None:
    assert templates([LEAST]) == [ApprovedTemplate("5", "a", "en", "PENDING", components=[])]


@pytest.mark.parametrize("field", ["id", "name", "language", "status"])
@pytest.mark.parametrize("value", [None, "", [], {}, True])
def test_what_cannot_be_told_apart_is_left_out(field: str, value: object) -> None:
    assert templates([LEAST | {field: value}]) == []


@pytest.mark.parametrize("told", [None, 7, "x", [], {"name": "a"}])
def test_what_is_no_template_is_left_out(told: object) -> None:
    assert [each.name for each in templates([told, LEAST])] == ["a"]


@pytest.mark.parametrize(
    "strange",
    [{"components": "x"}, {"components": [7, None]}, {"quality_score": "GREEN"}, {"category": {}}],
)
def test_a_part_that_is_strange_counts_as_absent(strange: dict[str, object]) -> None:
    assert templates([LEAST | strange]) == templates([LEAST])


def test_texts_are_cleaned_of_what_cannot_be_kept() -> None:
    body = {"type": "BODY", "text": "a\0b\ud800"}

    (read,) = templates([LEAST | {"components": [body]}])

    assert read.components == [{"type": "BODY", "text": "a\ufffdb?"}]
