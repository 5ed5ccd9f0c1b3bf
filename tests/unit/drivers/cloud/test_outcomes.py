"""Each error code of the provider: what becomes of the message, and who else has to stop."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.cloud_driver import HELLO, frozen, numbered
from tests.support.provider import BUSINESS, NUMBER, Provider, provider, refusal
from tests.support.sockets import answer

from waypost.drivers.cloud import errors
from waypost.drivers.cloud.breaker import Shared
from waypost.drivers.cloud.driver import CloudDriver
from waypost.drivers.cloud.errors import TABLE
from waypost.drivers.outgoing import Approved, Outgoing
from waypost.drivers.port import Accepted, DeviceDown, Refused, Retry
from waypost.kit.clock import FrozenClock

OTHER = replace(HELLO, to="27829999999")
ORDER = replace(HELLO, approved=Approved("order", "en_US"))
OTHER_LANGUAGE = replace(OTHER, approved=Approved("order", "de"))

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Two:
    """Two numbers of one business account, with one token, and their provider."""

    provider: Provider
    clock: FrozenClock
    one: CloudDriver
    other: CloudDriver

    async def met(self, code: int, outgoing: Outgoing = HELLO, **headers: str) -> Any:
        """What the first number makes of this error."""
        self.provider.say("messages", refusal(code, **headers))
        return await self.one.send(outgoing)


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    async with two_numbers() as made:
        yield made


@asynccontextmanager
async def two_numbers() -> AsyncIterator[Two]:
    clock = frozen()
    shared = Shared(clock)
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(provider())
        one, other = [
            await stack.enter_async_context(
                numbered(there.url, clock, shared=shared, device_id=device_id)
            )
            for device_id in (5, 6)
        ]
        yield Two(there, clock, one, other)


FOR_GOOD = [
    *(100, 131008, 131009, 135000, 130403, 130472, 130497, 131021, 131026, 131030, 131047),
    *(131049, 131050, 131051, 131052, 131053, 131062, 132000, 132012, 132018, 132005),
]
PASSING = {
    1: (None, True, 3),
    2: (None, False, None),
    133004: (None, False, None),
    131016: (None, False, None),
    131000: (5 * SECOND, True, 4),
    134101: (10 * MINUTE, False, None),
}
OF_DEVICE = {
    33: 10 * MINUTE,
    131037: HOUR,
    131045: HOUR,
    131048: HOUR,
    131057: MINUTE,
    133010: 10 * MINUTE,
    133016: HOUR,
}
OF_TOKEN = [0, 190, 3, 10, 131005, *range(200, 300)]
OF_APP = 4
OF_ACCOUNT = {
    80007: 15 * MINUTE,
    368: HOUR,
    131031: HOUR,
    131042: HOUR,
    131064: HOUR,
}
OF_TEMPLATE = [131063, 132001, 132007, 132016, 132068]
HELD_TEMPLATE = {132015: 3 * HOUR, 132069: 6 * MINUTE}
OTHERS = [130429, 131056]


def test_every_code_of_the_table_has_its_test() -> None:
    tested = {*FOR_GOOD, *PASSING, *OF_DEVICE, *OF_TOKEN, *OF_ACCOUNT, *OF_TEMPLATE}
    assert tested | {OF_APP, *HELD_TEMPLATE, *OTHERS} == TABLE.keys()


def test_every_code_of_the_table_is_on_its_page() -> None:
    page = Path(__file__).parents[4] / "docs" / "official-number-errors.md"
    cells = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("|")]
    named = [
        re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip()) for c in cells for part in c.split(",")
    ]
    spans = [range(int(n[1]), int(n[2] or n[1]) + 1) for n in named if n]

    assert sorted(code for span in spans for code in span) == sorted(TABLE)


@pytest.mark.parametrize("code", FOR_GOOD)
async def test_a_message_s_own_fault_ends_it_alone(two: Two, code: int) -> None:
    met = await two.met(code)

    assert met == Refused(str(code), TABLE[code].sentence + f" The provider says: (#{code}) So")
    assert isinstance(await two.one.send(HELLO), Accepted)


async def test_the_closed_window_names_the_way_of_templates(two: Two) -> None:
    assert "template" in (await two.met(131047)).message


@pytest.mark.parametrize(("code", "expected"), PASSING.items())
async def test_a_passing_fault_lets_the_message_go_again(
    two: Two, code: int, expected: tuple[timedelta | None, bool, int | None]
) -> None:
    met = await two.met(code)

    assert isinstance(met, Retry)
    assert (met.after, met.counts, met.tries) == expected
    assert not met.slows
    assert isinstance(await two.one.send(HELLO), Accepted)


async def test_the_unknown_fault_waits_ever_longer(two: Two) -> None:
    waits = [(await two.met(131000, replace(HELLO, attempt=n))).after for n in (1, 2, 3)]

    assert waits == [5 * SECOND, 10 * SECOND, 20 * SECOND]


@pytest.mark.parametrize(("code", "after"), OF_DEVICE.items())
async def test_a_device_s_fault_stops_that_device(two: Two, code: int, after: timedelta) -> None:
    met = await two.met(code)

    assert isinstance(met, DeviceDown)
    assert met.after == after
    assert met.reason.endswith(f"({code})")
    assert isinstance(await two.one.send(HELLO), DeviceDown)
    assert len(two.provider.posts()) == 1
    assert isinstance(await two.other.send(HELLO), Accepted)


@pytest.mark.parametrize("code", OF_TOKEN)
async def test_a_token_s_fault_stops_all_its_numbers(two: Two, code: int) -> None:
    met = await two.met(code)

    assert met == DeviceDown(f"{TABLE[code].sentence} ({code})", 10 * MINUTE)
    assert await two.other.send(HELLO) == met
    assert len(two.provider.posts()) == 1


async def test_an_app_s_limit_stops_the_numbers_of_its_other_accounts_too() -> None:
    clock = frozen()
    shared = Shared(clock)
    async with (
        provider() as there,
        numbered(there.url, clock, shared=shared) as one,
        numbered(
            there.url, clock, shared=shared, device_id=6, business_account_id="another"
        ) as other,
    ):
        there.say("messages", refusal(OF_APP))
        met = await one.send(HELLO)

        assert isinstance(met, DeviceDown)
        assert met.after == 5 * MINUTE
        assert await other.send(HELLO) == met


@pytest.mark.parametrize(("code", "after"), OF_ACCOUNT.items())
async def test_an_account_s_fault_stops_all_its_numbers(
    two: Two, code: int, after: timedelta
) -> None:
    met = await two.met(code)
    two.clock.advance(MINUTE)

    assert isinstance(met, DeviceDown)
    assert met.after == after
    assert await two.other.send(HELLO) == DeviceDown(met.reason, after - MINUTE)
    assert len(two.provider.posts()) == 1


@pytest.mark.parametrize("code", [4, 80007])
async def test_a_limit_of_calls_lasts_as_long_as_the_provider_says(two: Two, code: int) -> None:
    usage = f'{{"{BUSINESS}": [{{"estimated_time_to_regain_access": 0}}, 7, '
    usage += '{"estimated_time_to_regain_access": 42}], "other": null}'

    met = await two.met(code, X_Business_Use_Case_Usage=usage)

    assert met.after == 42 * MINUTE


async def test_what_stopped_tries_again_after_its_time(two: Two) -> None:
    await two.met(131042)
    two.clock.advance(HOUR)

    assert isinstance(await two.other.send(HELLO), Accepted)


async def test_who_connects_again_tries_again_at_once(two: Two) -> None:
    await two.met(131042)

    assert await two.one.connect([]) is None

    assert isinstance(await two.one.send(HELLO), Accepted)


async def test_a_number_that_cannot_go_because_of_its_token_stays_down(two: Two) -> None:
    await two.met(190)
    two.provider.say(NUMBER, refusal(190, 401))

    assert isinstance(await two.one.connect([]), DeviceDown)

    assert isinstance(await two.other.send(HELLO), DeviceDown)


@pytest.mark.parametrize("code", OF_TEMPLATE)
async def test_a_template_s_fault_stops_that_template(two: Two, code: int) -> None:
    met = await two.met(code, ORDER)

    assert isinstance(met, Refused)
    assert met.code == str(code)
    assert await two.other.send(replace(ORDER, to=OTHER.to)) == met
    assert len(two.provider.posts()) == 1
    for goes in (HELLO, OTHER_LANGUAGE):
        assert isinstance(await two.one.send(goes), Accepted)


@pytest.mark.parametrize(("code", "after"), HELD_TEMPLATE.items())
async def test_a_paused_template_holds_its_messages(two: Two, code: int, after: timedelta) -> None:
    met = await two.met(code, ORDER)
    assert isinstance(met, Retry)
    assert (met.after, met.counts) == (after, False)

    two.clock.advance(MINUTE)

    assert await two.other.send(ORDER) == replace(met, after=after - MINUTE)
    assert len(two.provider.posts()) == 1
    two.clock.advance(after)
    assert isinstance(await two.other.send(ORDER), Accepted)


@pytest.mark.parametrize("status", ["APPROVED", "PAUSED"])
async def test_a_stopped_template_goes_on_once_the_provider_lists_it_as_approved(
    two: Two, status: str
) -> None:
    await two.met(132001, ORDER)
    listed = {"id": "1", "name": "order", "language": "en_US", "status": status}
    two.provider.say("message_templates", answer(200, {"data": [listed]}))

    await two.one.connect([])
    async for event in two.one.events():
        if hasattr(event, "templates"):
            break

    expected = Accepted if status == "APPROVED" else Refused
    assert isinstance(await two.one.send(ORDER), expected)


async def test_one_recipient_s_limit_leaves_all_others_alone(two: Two) -> None:
    met = await two.met(131056)

    assert isinstance(met, Retry)
    assert (met.after, met.counts) == (SECOND, False)
    assert await two.one.send(HELLO) == Retry(
        "131056", TABLE[131056].sentence, SECOND, counts=False
    )
    assert isinstance(await two.one.send(OTHER), Accepted)
    assert isinstance(await two.other.send(HELLO), Accepted)
    assert len(two.provider.posts()) == 3


async def test_one_recipient_s_wait_quadruples_until_a_message_passes(two: Two) -> None:
    waits = []
    for _ in range(4):
        met = await two.met(131056)
        waits.append(met.after.total_seconds())
        two.clock.advance(met.after)
    await two.one.send(HELLO)

    assert waits == [1, 4, 16, 64]
    assert (await two.met(131056)).after == SECOND


async def test_one_recipient_gets_ten_at_once_then_one_in_six_seconds(two: Two) -> None:
    sent = [await two.one.send(HELLO) for _ in range(11)]

    assert [type(each) for each in sent] == [Accepted] * 10 + [Retry]
    assert isinstance(sent[-1], Retry)
    assert (sent[-1].after, sent[-1].counts) == (6 * SECOND, False)
    two.clock.advance(6 * SECOND)
    assert isinstance(await two.one.send(HELLO), Accepted)
    assert isinstance(await two.one.send(HELLO), Retry)


async def test_a_rate_that_is_reached_slows_the_number_once_for_all_that_were_under_way(
    two: Two,
) -> None:
    first, second = await two.met(130429), await two.met(130429, OTHER)

    assert (first.after, first.counts, first.slows) == (SECOND, False, True)
    assert (second.after, second.counts, second.slows) == (SECOND, False, False)


async def test_a_rate_s_wait_doubles_to_a_minute_until_a_message_passes(two: Two) -> None:
    waits = []
    for number in range(8):
        met = await two.met(130429, replace(HELLO, to=f"2782{number:07}"))
        waits.append(met.after.total_seconds())
        assert met.slows
        two.clock.advance(met.after)
    await two.one.send(OTHER)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (await two.met(130429)).after == SECOND


STRANGE = {
    "passing by its own word": ({"code": 987654, "is_transient": True}, 400, Retry),
    "passing by its status": ({"code": 987654}, 500, Retry),
    "for good": ({"code": 987654}, 400, Refused),
    "no code": ({"message": "So"}, 400, Refused),
    "a code in words": ({"code": "no"}, 400, Refused),
    "a code as text": ({"code": "131026"}, 400, Refused),
    "no object": ("So", 400, Refused),
    "nobody": ({"code": 987654}, 401, DeviceDown),
}


@pytest.mark.parametrize(("error", "status", "kind"), STRANGE.values(), ids=STRANGE)
async def test_an_error_that_is_not_in_the_table_goes_by_what_it_says_of_itself(
    two: Two, error: object, status: int, kind: type
) -> None:
    two.provider.say("messages", answer(status, {"error": error}))

    met = await two.one.send(HELLO)

    assert isinstance(met, kind)
    if isinstance(met, Retry):
        assert (met.counts, met.tries) == (True, 5)


@pytest.mark.parametrize(
    ("data", "details"),
    [({"details": "Why."}, "Why."), ("Why.", "Why."), (None, "So")],
    ids=["object", "text", "none"],
)
def test_the_provider_s_words_follow_ours(data: object, details: str) -> None:
    told = errors.told({"code": 131026, "message": "So", "error_data": data})

    shown = errors.sentence(told, errors.fault(told))

    assert shown == f"{TABLE[131026].sentence} The provider says: {details}"


def test_the_provider_s_words_are_bounded() -> None:
    told = errors.told({"code": 131026, "message": "So" * 10_000})

    assert len(errors.sentence(told, errors.fault(told))) < 500
