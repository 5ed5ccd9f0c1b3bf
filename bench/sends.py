"""Accepting and sending: every contestant has its turn in every round."""

from pathlib import Path

from bench import accounts, contestants, kannel, load, measure, redis_server
from bench.contestants import BULK, ONE_FOLDER, Ground
from bench.plan import BULK_SIZE
from bench.processes import BenchError
from bench.section import Bench
from bench.sends_results import Sends
from bench.waypost import Flavour, waypost


def measured(bench: Bench) -> Sends:
    """Everything of this section. Raises BenchError."""
    if problem := load.missing():
        raise BenchError(problem)
    return _Section(bench).all()


class _Section:
    """Its state."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._plan = bench.plan
        self._sends = Sends()

    def all(self) -> Sends:
        self._note_what_is_missing()
        self._bench.announce(1)
        ground = self._bench.step("accounts", self._lay_ground)
        who = contestants.of_singles(ground, self._bench.limits_url, kannel.missing() is None)
        bulk, paced = contestants.of_bulk(ground), ground.copy_of_data("paced")
        self._bench.announce(1 + self._plan.rounds * (len(who) + 4))
        for number in range(self._plan.rounds):
            self._singles(number, who)
            self._bulk(number, bulk)
            self._paced(number, paced, ground)
            self._start(number)
        self._finish()
        return self._sends

    def _note_what_is_missing(self) -> None:
        no_limits = None if self._bench.limits_url else redis_server.MISSING
        for problem in filter(None, (kannel.missing(), no_limits)):
            self._bench.notice(problem)

    def _lay_ground(self) -> Ground:
        folder = self._bench.folder
        data_dir, tokens = folder / "prepared", folder / "tokens"
        with waypost(data_dir, Flavour()) as server:
            accounts.make(server.url, self._plan.accounts, tokens)
            answer = accounts.one_answer(server.url, tokens)
        return Ground(folder, data_dir, tokens, answer)

    def _singles(self, number: int, who: dict[str, contestants.Open]) -> None:
        # Every other round goes backwards, so that a drift of the machine hits all alike.
        for name in list(who)[:: -1 if number % 2 else 1]:
            self._accepted(name, who[name], self._plan.singles, 2 * number)

    def _bulk(self, number: int, bulk: contestants.Open) -> None:
        self._accepted(BULK, bulk, self._plan.bulks, 2 * number, BULK_SIZE)

    def _accepted(
        self, name: str, who: contestants.Open, with_load: load.Load, seed: int, size: int = 1
    ) -> None:
        found = self._bench.step(
            name, lambda: measure.accepted(who, with_load, self._plan, seed, size)
        )
        self._sends.accepted.setdefault(name, []).append(found)
        self._bench.say(f"{name}: {found.per_second:,.0f} accepted/s")

    def _paced(self, number: int, data_dir: Path, ground: Ground) -> None:
        found = self._bench.step(
            "a fixed rate", lambda: measure.paced(data_dir, ground.tokens, self._plan, 2 * number)
        )
        self._sends.paced.append(found)
        self._bench.say(f"Fixed rate: Sent after {found.sent.p50_ms:.1f} ms")

    def _start(self, number: int) -> None:
        folder = self._bench.folder / f"start-{number}"
        found = self._bench.step("starting", lambda: measure.start(folder))
        self._sends.starts.append(found)
        self._bench.say(
            f"Ready after {found.new:.2f} s, on an old data directory {found.old:.2f} s"
        )

    def _finish(self) -> None:
        full, idle = self._bench.folder / ONE_FOLDER, self._bench.folder / "start-0"
        self._bench.announce(self._plan.rounds)
        for _ in range(self._plan.rounds):
            rate = self._bench.step(
                "sending a backlog", lambda: measure.sent_from_backlog(full, self._plan)
            )
            self._sends.backlog.append(rate)
            self._bench.say(f"From a backlog: {rate:,.0f} sent/s")
        self._sends.memory = self._bench.step(
            "idle memory", lambda: measure.idle_memory(idle, self._plan)
        )
