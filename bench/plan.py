"""How long, how often, and from how many accounts."""

from dataclasses import dataclass

from bench.load import Load

CONNECTIONS = 64
BULK_CONNECTIONS = 16
BULK_SIZE = 200
PACED_PER_SECOND = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """One run; every number is measured `rounds` times, all contestants in each round."""

    rounds: int
    accounts: int
    warm_seconds: int
    seconds: int
    idle_seconds: int

    @property
    def warm_up(self) -> Load:
        return Load(CONNECTIONS, self.warm_seconds)

    @property
    def singles(self) -> Load:
        return Load(CONNECTIONS, self.seconds)

    @property
    def bulks(self) -> Load:
        return Load(BULK_CONNECTIONS, self.seconds)


FULL = Plan(rounds=3, accounts=200, warm_seconds=1, seconds=4, idle_seconds=10)
QUICK = Plan(rounds=1, accounts=20, warm_seconds=1, seconds=1, idle_seconds=2)
