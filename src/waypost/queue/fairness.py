"""Start-time fair queueing: what a message costs its flow, and which priority its tag is.

Each lane has a virtual time, each flow (an account's singles, or its bulks) a clock of its own. A
message is tagged with the later of the two and moves its flow's clock on by its cost; the lowest
tag goes first. A flow that was idle starts at the lane's time: it has no credit, and no debt.
"""

from collections.abc import Mapping, Sequence

from waypost.queue.model import Entry, Flow, Kind, Lane

STEP = 1000
"""Virtual time in one step of priority: costs are finer than priorities."""

UNIT = 100 * STEP
"""What a bulk's message costs an account of weight 1."""

SINGLES_AHEAD = 10
"""How many singles cost as much as one message of a bulk."""

ROOM = 2_000_000_000
"""How many steps a lane's time may go on before its priorities must be raised."""

MUCH = ROOM // 2
"""When so much of the room is used, a lane's priorities are raised."""

SOME = ROOM // 200
"""When so much is used and nothing waits in the lane, they are: it costs nothing then."""

LOWEST, HIGHEST = -(2**31), 2**31 - 1
"""What PgQueuer's priority can hold. Beyond, messages go in the order of their jobs."""


def cost(kind: Kind, weight: int) -> int:
    """How far a message moves the clock of its flow."""
    return max(1, UNIT // (weight * (SINGLES_AHEAD if kind is Kind.SINGLE else 1)))


def priority(base: int, tag: int) -> int:
    """PgQueuer hands out the highest priority first: the lowest tag."""
    return max(LOWEST, min(HIGHEST, base - tag // STEP))


def charges(entries: Sequence[Entry]) -> dict[Flow, int]:
    """What each flow is charged for these."""
    charged: dict[Flow, int] = {}
    for entry in entries:
        charged[entry.flow] = charged.get(entry.flow, 0) + _cost(entry)
    return charged


def priorities(
    entries: Sequence[Entry], starts: Mapping[Flow, int], bases: Mapping[Lane, int]
) -> list[int]:
    """The priorities of these, in their order, where the flows start here."""
    clocks = dict(starts)
    given = []
    for entry in entries:
        given.append(priority(bases[entry.lane], clocks[entry.flow]))
        clocks[entry.flow] += _cost(entry)
    return given


def _cost(entry: Entry) -> int:
    return cost(entry.about.kind, entry.weight)
