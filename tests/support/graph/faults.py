"""What is to go wrong: by rule, or by chance with a seed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.support.graph.refusals import Refusal

# After a message was taken each of these may strike its answer: `taken/close`; before: `close`.
WAYS = ("close", "reset", "hang", "truncated", "garbage", "page", "empty", "slow")


@dataclass(frozen=True)
class Fault:
    """One way to fail.

    Written as `131026` (refused with that code), `bare/131026` (the same, its `error_data` a
    string), `failed/131026` (taken, and a webhook says later that it failed), `http/503` (that
    status with a page instead of JSON), one of WAYS, `taken/` and one of WAYS, `early` (the webhook
    comes before the answer), `held` (`message_status` held_for_quality_assessment), or "" for none.
    """

    way: str
    code: int = 0
    taken: bool = True
    written: str = ""
    regained_after: int = 1

    @classmethod
    def read(cls, text: str) -> "Fault":
        """From how it is written; raises ValueError for what is no fault."""
        head, _, tail = text.rpartition("/")
        match head:
            case "" if text in ("", "early", "held"):
                found = cls(text)
            case "" if text.isdigit():
                found = cls("refused", int(text), taken=False)
            case "" if text in WAYS:
                found = cls(text, taken=text == "slow")
            case "taken" if tail in WAYS:
                found = cls(tail)
            case "bare" | "http" if tail.isdigit():
                found = cls(head, int(tail), taken=False)
            case "failed" if tail.isdigit():
                found = cls(head, int(tail))
            case _:
                raise ValueError(f"{text!r} is no fault")
        return replace(found, written=text)

    @property
    def refuses(self) -> bool:
        """Whether it is an answer with an error."""
        return self.way in ("refused", "bare")

    @property
    def refusal(self) -> Refusal:
        """What it refuses with."""
        bare = self.way == "bare"
        return Refusal(self.code, "It was told to refuse so.", bare, self.regained_after)


NONE = Fault("")


@dataclass
class Rule:
    """What strikes the requests that it fits, so many `times`; None: always.

    `on` is what is asked for: messages, number, templates, media, file or link.
    """

    fault: str
    on: str = "messages"
    to: str | None = None
    number: str | None = None
    template: str | None = None
    times: int | None = None
    regained_after: int = 1  # minutes, as the usage headers of codes 4 and 80007 tell

    def __post_init__(self) -> None:
        Fault.read(self.fault)

    def fits(self, asked: "Asked") -> bool:
        mine = (self.on, self.to, self.number, self.template)
        theirs = (asked.on, asked.to, asked.number, asked.template)
        pairs = zip(mine, theirs, strict=True)
        return self.times != 0 and all(wanted in (None, found) for wanted, found in pairs)


@dataclass(frozen=True)
class Asked:
    """A request, as rules look at it. `to` is digits only."""

    on: str
    number: str | None = None
    to: str | None = None
    template: str | None = None


@dataclass
class Faults:
    """Rules first, in their order; then the chances, drawn of `seed`, recipient and sight."""

    rules: list[Rule] = field(default_factory=list)
    seed: str = ""
    chances: Mapping[str, float] = field(default_factory=dict)
    _sights: Counter[str] = field(default_factory=Counter)

    def replace(self, told: dict[str, Any]) -> None:
        """From now on as the JSON of `/control/faults` says."""
        chances = told.get("chances", {})
        for fault in chances:
            Fault.read(fault)
        self.rules = [Rule(**each) for each in told.get("rules", [])]
        self.seed, self.chances = told.get("seed", ""), chances
        self._sights.clear()

    def add(self, told: dict[str, Any]) -> None:
        """One rule more."""
        self.rules.append(Rule(**told))

    def chosen(self, asked: Asked, words: str = "") -> Fault:
        """What strikes this request; `words` tells it from others to the same recipient."""
        for rule in self.rules:
            if rule.fits(asked):
                rule.times = None if rule.times is None else rule.times - 1
                return replace(Fault.read(rule.fault), regained_after=rule.regained_after)
        return self._drawn(asked, words) if asked.on == "messages" else NONE

    def _drawn(self, asked: Asked, words: str) -> Fault:
        key = f"{asked.to}/{words}"
        point = Random(f"{self.seed}/{key}/{self._sights[key]}").random()
        self._sights[key] += 1
        for fault, chance in self.chances.items():
            point -= chance
            if point < 0:
                return Fault.read(fault)
        return NONE
