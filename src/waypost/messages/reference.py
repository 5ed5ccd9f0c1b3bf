"""How the queue names a message."""

from uuid import UUID

from waypost.messages.model import Class
from waypost.queue.model import Kind, Reference, chain_of

_KINDS = {Class.SINGLE: Kind.SINGLE, Class.BULK: Kind.BULK}


def reference(account_id: int, kind: Class, recipient: str, id: UUID) -> Reference:
    """The message as the queue knows it: with what keeps its order, and its account."""
    return Reference(account_id, chain_of(_KINDS[kind], recipient), id)
