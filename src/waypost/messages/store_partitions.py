"""SQL around making partitions."""

from waypost.kit.db import Tx

LOCK = 0x576D7367  # "Wmsg"

ONE_AT_A_TIME = "select pg_advisory_xact_lock($1)"

# A new partition locks its parent: behind a long reader (a dump) every send would wait.
DO_NOT_WAIT = "set local lock_timeout = '2s'"


async def begin(tx: Tx) -> None:
    """Let only this transaction make partitions, and never wait long for the tables."""
    await tx.execute(ONE_AT_A_TIME, LOCK)
    await tx.execute(DO_NOT_WAIT)
