"""A verified token is believed for a short time, and not a moment after a revocation."""

from datetime import UTC, datetime
from uuid import UUID

from waypost.accounts.cache import TokenCache
from waypost.accounts.model import Principal


def principal(account_id: int) -> Principal:
    return Principal(account_id, "demo", UUID(int=1), False, 1, 1, {}, datetime.now(UTC))


def test_a_token_is_believed_until_its_time_is_over() -> None:
    cache = TokenCache(10)
    who = principal(1)
    cache.put(b"a", who, 30.0, cache.generation)

    assert cache.get(b"a", 29.9) is who
    assert cache.get(b"a", 30.0) is None
    assert cache.get(b"b", 0.0) is None


def test_all_tokens_of_an_account_are_forgotten_and_only_those() -> None:
    cache = TokenCache(10)
    for header, account_id in ((b"a", 1), (b"b", 1), (b"c", 2)):
        cache.put(header, principal(account_id), 30.0, cache.generation)

    cache.forget(1)

    assert [cache.get(header, 0.0) is not None for header in (b"a", b"b", b"c")] == [0, 0, 1]


def test_what_was_read_before_a_revocation_is_not_put_after_it() -> None:
    cache = TokenCache(10)
    before = cache.generation

    cache.forget(1)
    cache.put(b"a", principal(1), 30.0, before)

    assert cache.get(b"a", 0.0) is None


def test_a_full_cache_drops_the_oldest() -> None:
    cache = TokenCache(2)
    for header in (b"a", b"b", b"a", b"c"):
        cache.put(header, principal(1), 30.0, cache.generation)

    assert [cache.get(header, 0.0) is not None for header in (b"a", b"b", b"c")] == [1, 0, 1]


def test_an_account_can_be_forgotten_after_its_tokens_were_dropped() -> None:
    cache = TokenCache(1)
    cache.put(b"a", principal(1), 30.0, cache.generation)
    cache.put(b"b", principal(2), 30.0, cache.generation)

    cache.forget(1)

    assert cache.get(b"b", 0.0) is not None


def test_a_cleared_cache_believes_nobody() -> None:
    cache = TokenCache(10)
    before = cache.generation
    cache.put(b"a", principal(1), 30.0, before)

    cache.clear()
    cache.put(b"b", principal(1), 30.0, before)

    assert cache.get(b"a", 0.0) is None
    assert cache.get(b"b", 0.0) is None
