"""What a number does not even try, after what the provider said: its account's, its own, a
template's and a recipient's faults, each kept from the others."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from waypost.drivers.cloud import errors
from waypost.drivers.cloud.errors import Fault, Level, Told
from waypost.drivers.cloud.stops import Doubling, Pairs, Stops
from waypost.drivers.news import ApprovedTemplate, Stop
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import DeviceDown, Refused, Retry
from waypost.kit.clock import Clock

LONGEST_SLOW = 60.0
MOST_DOUBLINGS = 6
TOO_FAST = "131056"  # the provider's own name of it
APPROVED = "APPROVED"
_NEVER = datetime.min.replace(tzinfo=UTC)

NotGone = Refused | Retry | DeviceDown


class Shared:
    """What the numbers of one process stop together: by token, business account and template."""

    def __init__(self, clock: Clock) -> None:
        self.down: Stops[str] = Stops(clock)
        self.templates: Stops[Refused | Retry] = Stops(clock)


@dataclass(frozen=True, slots=True)
class Number:
    """An official number, as the provider knows it, and the name of its token."""

    device_id: int
    phone_number_id: str
    business_account_id: str
    token_name: str


def named(token: str) -> str:
    """What tells a token from others without telling it."""
    return hashlib.sha256(token.encode()).hexdigest()


class Breaker:
    """One number's. It answers for the provider where that has answered already."""

    def __init__(
        self, number: Number, shared: Shared, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._number = number
        self._shared = shared
        self._clock = clock
        self._heeded: dict[Hashable, datetime] = {}
        self._random = random
        self._pairs = Pairs(clock)
        self._pace = Doubling(clock, lambda n: min(LONGEST_SLOW, 2.0**n))
        self._holders: Mapping[Level, Hashable] = {
            Level.ACCOUNT: (Level.ACCOUNT, number.business_account_id),
            Level.TOKEN: (Level.TOKEN, number.token_name),
            Level.DEVICE: (Level.DEVICE, number.device_id),
        }

    def hold(self, outgoing: Outgoing) -> NotGone | None:
        """What there is to say of the message without asking; None where it may go."""
        return self.down() or self._template(outgoing) or self._pair(outgoing.to)

    def down(self) -> DeviceDown | None:
        """Why it may not write now, or nobody of its account or with its token."""
        for holder in self._holders.values():
            if (found := self._shared.down.of(holder)) is not None:
                reason, left = found
                return DeviceDown(reason, timedelta(seconds=left))
        return None

    def lift(self) -> None:
        """It tries again, and those who stopped with it."""
        for holder in self._holders.values():
            self._shared.down.lift(holder)

    def goes(self, outgoing: Outgoing) -> None:
        """It is on its way."""
        self._pairs.take(outgoing.to)

    def passed(self, outgoing: Outgoing) -> None:
        """The provider took it."""
        self._pairs.passed(outgoing.to)
        self._pace.passed()

    def refreshed(self, templates: Iterable[ApprovedTemplate]) -> None:
        """What the provider approves of may go again."""
        for template in templates:
            if template.status == APPROVED:
                self._shared.templates.lift(self._key(template.name, template.language))

    def refused(
        self, told: Told, fault: Fault, outgoing: Outgoing, regained: timedelta | None
    ) -> NotGone:
        """What comes of an error; what is to stop stops. `regained` is the wait that it brought."""
        code, sentence = errors.name(told), errors.sentence(told, fault)
        match fault.level:
            case Level.MESSAGE:
                return Refused(code, sentence)
            case Level.PASSING:
                return self._passing(code, sentence, fault, outgoing)
            case Level.PACE:
                return self._slower(code, sentence)
            case Level.RECIPIENT:
                wait = timedelta(seconds=self._pairs.fault(outgoing.to))
                return Retry(code, sentence, wait, counts=False)
            case Level.TEMPLATE:
                return self._stop_template(code, sentence, fault, outgoing)
            case Level.DEVICE | Level.TOKEN | Level.ACCOUNT:
                return self.stop(told, fault, regained)
            case _:
                assert_never(fault.level)

    def stop(self, told: Told, fault: Fault, regained: timedelta | None = None) -> DeviceDown:
        """The number is down, or all with its token or of its account."""
        reason = f"{errors.sentence(told, fault)} ({errors.name(told)})"
        after = regained or errors.rest(fault)
        self._shared.down.put(self._holders[fault.level], reason, after.total_seconds())
        return DeviceDown(reason, after)

    def heed(self, stops: Iterable[Stop]) -> DeviceDown | None:
        """Stop what callbacks told of, each once: who lifts one is not to be told of it again."""
        news = [stop for stop in stops if self._heeded.get(_named(stop), _NEVER) < stop.at]
        for stop in news:
            self._heeded[_named(stop)] = stop.at
            left = (stop.until - self._clock.now()).total_seconds()
            if left <= 0:
                continue
            if stop.template is not None:
                self._shared.templates.put(self._key(*stop.template), _held(stop, left), left)
            else:
                holder = self._holders[Level(stop.level)]
                self._shared.down.put(holder, f"{stop.reason} ({stop.code})", left)
        return self.down() if news else None

    def _passing(self, code: str, sentence: str, fault: Fault, outgoing: Outgoing) -> Retry:
        after = fault.after
        if after is not None and fault.grows:
            after *= 2 ** min(outgoing.attempt - 1, MOST_DOUBLINGS)
        return Retry(code, sentence, after, fault.counts, fault.tries)

    def _slower(self, code: str, sentence: str) -> Retry:
        """Of the messages that were on their way together, one tells to be slower."""
        slows = self._pace.fault()
        wait = timedelta(seconds=self._pace.left() * (1 + self._random() / 2))
        return Retry(code, sentence, wait, counts=False, slows=slows)

    def _stop_template(
        self, code: str, sentence: str, fault: Fault, outgoing: Outgoing
    ) -> Refused | Retry:
        wait, said = fault.after, Refused(code, sentence)
        answer = said if wait is None else Retry(code, sentence, wait, counts=False)
        if outgoing.approved is not None:
            key = self._key(outgoing.approved.name, outgoing.approved.language)
            self._shared.templates.put(key, answer, errors.rest(fault).total_seconds())
        return answer

    def _template(self, outgoing: Outgoing) -> Refused | Retry | None:
        if outgoing.approved is None:
            return None
        key = self._key(outgoing.approved.name, outgoing.approved.language)
        found = self._shared.templates.of(key)
        if found is None:
            return None
        said, left = found
        if isinstance(said, Refused):
            return said
        return Retry(said.code, said.message, timedelta(seconds=left), counts=False)

    def _pair(self, to: str) -> Retry | None:
        left = self._pairs.left(to)
        if left <= 0:
            return None
        fault = errors.TABLE[int(TOO_FAST)]
        return Retry(TOO_FAST, fault.sentence, timedelta(seconds=left), counts=False)

    def _key(self, name: str, language: str) -> Hashable:
        return self._number.business_account_id, name, language


def _named(stop: Stop) -> Hashable:
    return stop.level, stop.template


def _held(stop: Stop, left: float) -> Refused | Retry:
    """What becomes of a template's messages: those of a code that waits do."""
    if errors.TABLE[int(stop.code)].after is None:
        return Refused(stop.code, stop.reason)
    return Retry(stop.code, stop.reason, timedelta(seconds=left), counts=False)
