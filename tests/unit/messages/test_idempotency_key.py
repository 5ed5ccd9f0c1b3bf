"""The header by which a request may come again, and what tells one request from another."""

import pytest

from waypost.kit.errors import Invalid, Problem
from waypost.messages.idempotency import repeatable

SEND, BULK = "/api/messages/send-message", "/api/messages/send-bulk-message"
BODY = b'{"number": "27821234567", "message": "Hello"}'
UNFIT = Problem("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
VISIBLE = bytes(range(0x21, 0x7F))


def test_a_request_without_the_header_cannot_be_repeated() -> None:
    assert repeatable([], SEND, BODY) is None


@pytest.mark.parametrize("key", [b"1", b"x" * 255, VISIBLE, b"0192f0c1-a2b3-7c4d-8e5f-6071"])
def test_a_key_is_kept_as_it_is(key: bytes) -> None:
    read = repeatable([key], SEND, BODY)

    assert read is not None
    assert read.key == key.decode()


@pytest.mark.parametrize(
    "key", [b"", b"x" * 256, b"a b", b" ", b"a\t", b"\0", b"\x7f", b"\x80", "é".encode()]
)
def test_a_key_is_1_to_255_visible_characters(key: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        repeatable([key], SEND, BODY)

    assert refused.value.details == (UNFIT,)


def test_two_keys_are_none() -> None:
    with pytest.raises(Invalid) as refused:
        repeatable([b"a", b"a"], SEND, BODY)

    assert [problem.field for problem in refused.value.details] == ["Idempotency-Key"]


def test_a_fingerprint_tells_routes_and_bodies_apart_to_the_byte() -> None:
    asked = [(SEND, BODY), (BULK, BODY), (SEND, BODY + b" "), (SEND, b""), (SEND + "\n", BODY[1:])]
    fingerprints = {read.fingerprint for each in asked if (read := repeatable([b"k"], *each))}

    assert len(fingerprints) == len(asked)
    assert repeatable([b"k"], SEND, BODY) == repeatable([b"k"], SEND, BODY)
