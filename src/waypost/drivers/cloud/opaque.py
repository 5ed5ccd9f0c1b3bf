"""Our own words of a message, which the provider repeats with everything it tells of it."""

import re
from uuid import UUID

from waypost.drivers.outgoing import Ref

_WRITTEN = re.compile(r"([0-9]{1,19}):([0-9a-f]{32}):([0-9]{1,10})")
_MOST_ACCOUNT = 2**63 - 1
_MOST_MARK = 2**31 - 1


def write(ref: Ref) -> str:
    """`<account>:<message>:<mark>`: at most 63 characters of the 512 that there is room for."""
    return f"{ref.account_id}:{ref.message_id.hex}:{ref.mark}"


def read(text: str) -> Ref | None:
    """What `write` wrote; None for everything else."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    account_id, mark = int(match[1]), int(match[3])
    if account_id > _MOST_ACCOUNT or mark > _MOST_MARK:
        return None
    return Ref(account_id, UUID(hex=match[2]), mark)
