"""Requests that come again: a key's first answer is kept for a day, and given again."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from waypost.kit.db import Tx
from waypost.kit.errors import Invalid
from waypost.messages import store_idempotency as store
from waypost.messages.plan import First
from waypost.messages.store_idempotency import Record
from waypost.messages.submission import Acceptance, Answer, Key, Repeatable, Submission

HEADER = "Idempotency-Key"
REPLAY = "Idempotent-Replay"
MAX_KEY = 255
KEPT = timedelta(hours=24)
AT_ONCE = 50_000

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Acceptance).decode


def repeatable(keys: Sequence[bytes], route: str, body: bytes) -> Repeatable | None:
    """What the request's Idempotency-Key headers make of it; None where there is none."""
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1:
        raise Invalid.field(HEADER, "is given more than once")
    if not 1 <= len(key) <= MAX_KEY or not all(0x21 <= byte <= 0x7E for byte in key):
        raise Invalid.field(HEADER, f"must be 1 to {MAX_KEY} visible ASCII characters")
    return Repeatable(key.decode("ascii"), sha256(route.encode() + b"\n" + body).digest())


async def firsts(tx: Tx, submissions: Sequence[Submission], now: datetime) -> dict[Key, First]:
    """What was accepted with these submissions' keys before.

    The accounts are locked: whoever else uses such a key has committed, or comes after us.
    """
    keys = sorted({s.key for s in submissions if s.key is not None})
    records = await store.find(tx, keys, now - KEPT) if keys else []
    return {(r.account_id, r.key): First(r.fingerprint, _decode(r.answer)) for r in records}


async def remember(tx: Tx, answered: Iterable[tuple[Submission, Answer]], now: datetime) -> None:
    """Keep what was accepted with a key, in the commit that accepts it."""
    records = [
        Record(submission.account_id, given.key, given.fingerprint, _encode(answer))
        for submission, answer in answered
        if (given := submission.repeatable) is not None
        and isinstance(answer, Acceptance)
        and not answer.is_replay
    ]
    if records:
        await store.remember(tx, records, now)


async def prune(tx: Tx, now: datetime) -> None:
    """Forget requests whose day is over, so many of them at once."""
    await store.prune(tx, now - KEPT, AT_ONCE)
