"""What the outcome of a send means for its message, wherever that stands by then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

from waypost.drivers.port import Accepted, DeviceDown, NotSent, Refused, Retry, Unknown
from waypost.events.model import Type
from waypost.messages import progress
from waypost.messages.model import Status
from waypost.messages.outcomes import NOT_SENT, Result
from waypost.messages.progress import Step
from waypost.messages.store_progress import State
from waypost.queue import backoff

NOW = timedelta(0)
DID_NOT_GO = "It did not leave; this became known after it was given up for uncertain."


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where an outcome leads from `Sending`; with a delay, the job is handed out again after it.

    Without a fact the message stays where it is: whether it left is not known.
    """

    to: Status
    fact: Type | None
    detail: Mapping[str, object] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    delay: timedelta | None = None

    @property
    def proves_unsent(self) -> bool:
        return self.to in (Status.QUEUED, Status.EXPIRED)

    @property
    def may_refund(self) -> bool:
        """Whether it gives the credit back, from `Sending` or from `Uncertain`."""
        return self.proves_unsent or self.to is Status.FAILED


def of(result: Result, random: float, uncertain_after: timedelta) -> Verdict:
    """What a message that is still `Sending` comes to."""
    marked = result.marked
    match result.outcome:
        case Accepted(provider_id):
            left = {"provider_id": provider_id, "device_id": marked.device_id}
            return Verdict(Status.SENT, Type.SENT, None, left)
        case Refused(code, message):
            return _failed(code, message)
        case Unknown():
            return _unknown(result, random, uncertain_after)
        case Retry() | DeviceDown() | NotSent() as unsent:
            # That it did not go this time says nothing about the time before.
            if marked.is_repeat:
                return _unknown(result, random, uncertain_after)
            return _unsent(result, unsent, random)
        case _:
            assert_never(result.outcome)


def step(verdict: Verdict, state: State, at: datetime) -> Step | None:
    """The step that the outcome of a message's last mark leads to, if it tells something new."""
    if verdict.to is Status.SENT:
        return progress.left(state, at, **verdict.changes)
    if state.status is Status.UNCERTAIN and verdict.proves_unsent:
        verdict = _failed(NOT_SENT, DID_NOT_GO)
    is_open = state.status in (Status.SENDING, Status.UNCERTAIN)
    if verdict.fact is None or not is_open:
        return None
    return progress.step(state, verdict.to, verdict.fact, at, verdict.detail, **verdict.changes)


def _unsent(result: Result, outcome: Retry | DeviceDown | NotSent, random: float) -> Verdict:
    """It waits for its next attempt, or expires when that would come too late."""
    attempt = result.marked.attempt
    match outcome:
        case Retry():
            return _retried(result, outcome, random)
        case DeviceDown(reason=text):
            return _again("DEVICE_DOWN", text, NOW, attempt - 1)
        case NotSent(reason=text):
            return _again(NOT_SENT, text, NOW, attempt - 1)
        case _:
            assert_never(outcome)


def _retried(result: Result, retry: Retry, random: float) -> Verdict:
    """It tries again, so often as its fault may happen to it and as long as it may wait."""
    marked = result.marked
    attempts = marked.attempt if retry.counts else marked.attempt - 1
    if retry.tries is not None and attempts >= retry.tries:
        return _failed(retry.code, retry.message)
    wait = retry.after
    if wait is None:
        # What does not count as an attempt has to wait ever longer too: each one has its mark.
        wait = backoff.delay(marked.attempt if retry.counts else marked.mark, random)
    if _is_in_time(result, wait):
        return _again(retry.code, retry.message, wait, attempts)
    reason = _reason(retry.code, retry.message)
    return Verdict(Status.EXPIRED, Type.EXPIRED, reason, progress.EXPIRY)


def _unknown(result: Result, random: float, uncertain_after: timedelta) -> Verdict:
    """It goes again where repeats are dropped; elsewhere it waits for news, as long as it may."""
    marked = result.marked
    wait = backoff.delay(marked.attempt, random)
    if not (marked.may_repeat and _is_in_time(result, wait)):
        wait = max(NOW, marked.at + uncertain_after - result.at)
    return Verdict(Status.SENDING, None, delay=wait)


def _again(code: str, message: str, wait: timedelta, attempts: int) -> Verdict:
    changes = {"attempts": attempts, "device_id": None}
    return Verdict(Status.QUEUED, Type.REQUEUED, _reason(code, message), changes, wait)


def _failed(code: str, message: str) -> Verdict:
    changes = {"error_code": code, "error_message": message}
    return Verdict(Status.FAILED, Type.FAILED, _reason(code, message), changes)


def _is_in_time(result: Result, wait: timedelta) -> bool:
    return result.at + wait < result.marked.claimed.text.expires_at


def _reason(code: str, message: str) -> dict[str, object]:
    return {"code": code, "message": message}
