"""Our own words come back as they went, and nobody else's are taken for them."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.drivers.cloud import opaque
from waypost.drivers.outgoing import Ref

ID = UUID("01990000-0000-7000-8000-000000000001")
REFS = st.builds(Ref, st.integers(0, 2**63 - 1), st.uuids(), st.integers(0, 2**31 - 1))


@given(REFS)
def test_what_was_written_is_read(ref: Ref) -> None:
    assert opaque.read(opaque.write(ref)) == ref
    assert len(opaque.write(ref)) <= 512


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    ref = opaque.read(text)
    assert ref is None or opaque.write(ref).split(":")[1] in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"7:{ID.hex}",
        f"7:{ID}:1",
        f"7:{ID.hex}:1:2",
        f"7:{ID.hex}:1\n",
        f"-7:{ID.hex}:1",
        f"\u0667:{ID.hex}:1",
        f"7:{'A' * 32}:1",
        f"{2**63}:{ID.hex}:1",
        f"7:{ID.hex}:{2**31}",
        f"{'9' * 10_000}:{ID.hex}:1",
    ],
    ids=[
        "empty",
        "no mark",
        "hyphens",
        "more",
        "a line",
        "negative",
        "other digits",
        "capitals",
        "account too large",
        "mark too large",
        "endless",
    ],
)
def test_what_is_not_ours_is_nothing(text: str) -> None:
    assert opaque.read(text) is None
