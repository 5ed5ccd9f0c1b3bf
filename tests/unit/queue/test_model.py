"""A job names its message, and its chain by a key that only its account can have."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from waypost.queue.model import Kind, Reference, chain_of, keys_of

ACCOUNTS = st.integers(1, 2**62)
NUMBERS = st.integers(1, 10**15 - 1).map(str)
KINDS = st.sampled_from(Kind)


@given(ACCOUNTS, KINDS, NUMBERS, st.uuids())
def test_what_a_job_names_is_read_as_it_was_written(
    account_id: int, kind: Kind, number: str, id: UUID
) -> None:
    reference = Reference(account_id, chain_of(kind, number), id)

    assert Reference.unpack(reference.pack()) == reference
    assert reference.kind is kind


@given(ACCOUNTS, KINDS, NUMBERS, ACCOUNTS, KINDS, NUMBERS)
def test_a_key_is_an_accounts_class_and_recipient_and_nothing_else(
    account_id: int, kind: Kind, number: str, other_id: int, other_kind: Kind, other: str
) -> None:
    one = Reference(account_id, chain_of(kind, number), UUID(int=1))
    two = Reference(other_id, chain_of(other_kind, other), UUID(int=2))

    same = (account_id, kind, number) == (other_id, other_kind, other)
    assert (one.key == two.key) == same


@given(ACCOUNTS, KINDS, NUMBERS, ACCOUNTS)
def test_an_accounts_keys_lie_between_its_first_and_its_last(
    account_id: int, kind: Kind, number: str, other_id: int
) -> None:
    first, last = keys_of(account_id)
    key = Reference(other_id, chain_of(kind, number), UUID(int=1)).key

    assert (first <= key <= last) == (other_id == account_id)
