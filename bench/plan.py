"""How long, how often, how many, and from how many accounts."""

from dataclasses import dataclass

from bench.load import Load

CONNECTIONS = 64
BULK_CONNECTIONS = 16
READ_CONNECTIONS = 8
BULK_SIZE = 200
PACED_PER_SECOND = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """One run; every number is measured `rounds` times, all that is compared in each round.

    `reads` and `queued` are the two sizes at which reads, and the cost of a message, are
    measured; `posted` go through the sink in a round, `cloud_sends` through an official number's;
    `bulk` waits while singles are timed.
    """

    rounds: int
    accounts: int
    warm_seconds: int
    seconds: int
    idle_seconds: int
    read_seconds: int
    reads: tuple[int, int]
    queued: tuple[int, int]
    cost_batches: int
    posted: int
    cloud_sends: int
    bulk: int
    fair_seconds: int

    @property
    def warm_up(self) -> Load:
        return Load(CONNECTIONS, self.warm_seconds)

    @property
    def singles(self) -> Load:
        return Load(CONNECTIONS, self.seconds)

    @property
    def bulks(self) -> Load:
        return Load(BULK_CONNECTIONS, self.seconds)


FULL = Plan(
    rounds=3,
    accounts=200,
    warm_seconds=1,
    seconds=4,
    idle_seconds=10,
    read_seconds=1,
    reads=(10_000, 5_000_000),
    queued=(1_000, 1_000_000),
    cost_batches=20,
    posted=20_000,
    cloud_sends=100_000,
    bulk=100_000,
    fair_seconds=40,
)
QUICK = Plan(
    rounds=1,
    accounts=20,
    warm_seconds=1,
    seconds=1,
    idle_seconds=2,
    read_seconds=1,
    reads=(10_000, 50_000),
    queued=(1_000, 20_000),
    cost_batches=3,
    posted=2_000,
    cloud_sends=10_000,
    bulk=4_000,
    fair_seconds=6,
)
