"""The table of the sandbox's numbers."""

from pathlib import Path

import pytest

from waypost.drivers.fates import FATES, ORDINARY, fate_of, table

PAGE = Path(__file__).parents[3] / "docs" / "sandbox.md"


def test_the_page_has_the_table_that_the_code_follows() -> None:
    assert table() in PAGE.read_text("utf-8")


@pytest.mark.parametrize("number", ["27821234567", "27829876543", "27823456789"])
def test_the_numbers_of_the_api_page_are_plain_successes(number: str) -> None:
    assert fate_of(number) is ORDINARY


def test_the_last_four_digits_decide() -> None:
    assert fate_of("27821230001") is FATES["0001"]
    assert fate_of("27820001000") is ORDINARY


def test_a_fate_without_delivery_has_no_receipts_of_one() -> None:
    for fate in FATES.values():
        assert fate.delivered or not fate.read
