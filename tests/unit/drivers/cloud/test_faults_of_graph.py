"""What the errors of the fake Graph stop, told once more after the provider's pages alone; and what
is left of an answer that is spoilt."""

from datetime import timedelta

import pytest
from tests.support.graph.refusals import TABLE
from tests.support.one_file import OTHER, TO, outgoing
from tests.support.rigs import Official

from waypost.drivers.outgoing import Approved
from waypost.drivers.port import Accepted, DeviceDown, Driver, Outcome, Refused, Retry, Unknown

SECOND_NUMBER, SECOND_DEVICE = "11", 6


MESSAGE = (
    *(100, 131008, 131009, 135000, 130403, 130472, 130497, 131021, 131026, 131030, 131047),
    *(131049, 131050, 131051, 131053, 131062, 132000, 132012, 132018, 132005),
)
PASSING = (1, 2, 133004, 131000, 131016, 134101)
PACE, RECIPIENT, TEMPLATE_HELD = 130429, 131056, 132015
TEMPLATE = (132001, 132007, 132016, 132068)
TEMPLATE_OR_ACCOUNT = (131063,)
DEVICE_ALONE = (33, 131037, 131045, 131048, 131057, 133010, 133016)
EVERYBODY = (0, 190, 3, 10, 200, 299, 131005, 4, 80007, 368, 131031, 131042, 131064)
INBOUND_ONLY = (131052,)
HELD_FOR_A_WHILE = (132069,)
COUNTED = {1: 3, 131000: 4}


def test_every_code_is_in_one_of_the_rows() -> None:
    rows = (MESSAGE, PASSING, TEMPLATE, TEMPLATE_OR_ACCOUNT, DEVICE_ALONE, EVERYBODY)
    singles = (PACE, RECIPIENT, TEMPLATE_HELD, *INBOUND_ONLY, *HELD_FOR_A_WHILE)
    told = sorted([*(code for row in rows for code in row), *singles])

    assert told == sorted({code for code in TABLE if not 200 < code < 299})


async def meets(number: Official, code: int) -> Outcome:
    """What comes of a message that meets this code, once."""
    number.fail(str(code), times=1)
    return await number.driver.send(outgoing())


async def goes_on(number: Official, to: str = OTHER) -> bool:
    """Whether the next message is posted and taken."""
    before = len(number.posts)
    outcome = await number.driver.send(outgoing(to))
    return isinstance(outcome, Accepted) and len(number.posts) == before + 1


@pytest.mark.parametrize("code", MESSAGE)
async def test_a_message_s_own_fault_fails_it_alone(number: Official, code: int) -> None:
    outcome = await meets(number, code)

    assert isinstance(outcome, Refused)
    assert outcome.code == str(code)
    assert await goes_on(number, TO)


@pytest.mark.parametrize("code", PASSING)
async def test_a_passing_fault_stops_nothing(number: Official, code: int) -> None:
    outcome = await meets(number, code)

    assert isinstance(outcome, Retry)
    assert outcome.counts is (code in COUNTED)
    assert outcome.tries == COUNTED.get(code)
    assert await goes_on(number, TO)


async def test_at_its_throughput_a_number_goes_on_more_slowly(number: Official) -> None:
    outcome = await meets(number, PACE)

    assert isinstance(outcome, Retry)
    assert outcome.slows
    assert not outcome.counts
    assert outcome.after is not None
    assert timedelta(0) < outcome.after <= timedelta(seconds=60)
    assert await goes_on(number)


async def test_one_recipient_waits_alone(number: Official) -> None:
    outcome = await meets(number, RECIPIENT)
    assert isinstance(outcome, Retry)
    assert not outcome.counts

    assert await goes_on(number, OTHER)
    again = await number.driver.send(outgoing(TO))
    assert isinstance(again, Retry)
    assert not again.counts
    assert len(number.posts) == 2  # nobody asked for it again


async def send_template(number: Official, name: str = "hello_world") -> Outcome:
    return await number.driver.send(outgoing(approved=Approved(name, "en_US")))


@pytest.mark.parametrize("code", TEMPLATE)
async def test_a_template_s_fault_stops_it_and_no_other(number: Official, code: int) -> None:
    number.fail(str(code), template="hello_world")

    outcomes = [await send_template(number) for _ in range(2)]

    assert [type(outcome) for outcome in outcomes] == [Refused, Refused]
    assert len(number.posts) == 1
    assert await goes_on(number, TO)


async def test_a_paused_template_is_held_for_hours(number: Official) -> None:
    number.fail(str(TEMPLATE_HELD), template="hello_world")

    outcomes = [await send_template(number) for _ in range(2)]

    for outcome in outcomes:
        assert isinstance(outcome, Retry)
        assert not outcome.counts
        assert outcome.after is not None
        assert outcome.after > timedelta(hours=2)
    assert len(number.posts) == 1
    assert await goes_on(number, TO)


@pytest.mark.parametrize("code", DEVICE_ALONE)
async def test_a_device_s_fault_stops_it_and_no_sibling(number: Official, code: int) -> None:
    sibling = await second(number)

    outcome = await meets(number, code)

    assert isinstance(outcome, DeviceDown)
    assert str(code) in outcome.reason
    assert not await goes_on(number)
    assert isinstance(await sibling.send(outgoing(OTHER)), Accepted)
    await sibling.close()


@pytest.mark.parametrize("code", EVERYBODY)
async def test_an_account_s_fault_stops_its_siblings_too(number: Official, code: int) -> None:
    sibling = await second(number)

    outcome = await meets(number, code)
    before = len(number.posts)

    assert isinstance(outcome, DeviceDown)
    assert str(code) in outcome.reason
    assert isinstance(await sibling.send(outgoing(OTHER)), DeviceDown)
    assert not await goes_on(number)
    assert len(number.posts) == before
    assert await number.driver.connect([]) is None
    assert await goes_on(number)
    await sibling.close()


async def second(number: Official) -> Driver:
    """Another number of the same business account, connected."""
    await number.shop.tell("numbers", id=SECOND_NUMBER, display_phone_number="+1 555 0002")
    sibling = number.make(SECOND_DEVICE, SECOND_NUMBER)
    assert await sibling.connect([]) is None
    return sibling


async def test_the_wait_that_a_call_limit_tells_is_kept(number: Official) -> None:
    number.fail("80007", regained_after=7)

    outcome = await number.driver.send(outgoing())

    assert isinstance(outcome, DeviceDown)
    assert outcome.after == timedelta(minutes=7)


@pytest.mark.parametrize("fault", ["bare/131026", "131026"])
async def test_the_details_may_be_a_string(number: Official, fault: str) -> None:
    number.fail(fault)

    outcome = await number.driver.send(outgoing())

    assert isinstance(outcome, Refused)
    assert "It was told to refuse so." in outcome.message


WAYS = ["close", "reset", "truncated", "garbage", "page", "empty"]


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not_taken"])
@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_that_does_not_come_whole_is_unknown_and_posted_once(
    number: Official, way: str, taken: bool
) -> None:
    await number.driver.send(outgoing(OTHER))  # so that a connection is used again
    number.fail(f"taken/{way}" if taken else way, to=TO)

    assert isinstance(await number.driver.send(outgoing()), Unknown)

    assert [post.taken for post in number.posts if post.to == TO] == [taken]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_page_that_refuses_is_a_refusal_that_passes(number: Official, status: int) -> None:
    number.fail(f"http/{status}")

    outcome = await number.driver.send(outgoing())

    assert isinstance(outcome, Retry)
    assert not outcome.counts


@pytest.mark.parametrize("fault", ["190", "33", "http/503", "close", "truncated", "page"])
async def test_a_number_that_cannot_be_asked_for_does_not_connect(
    number: Official, fault: str
) -> None:
    number.fail(fault, on="number")

    down = await number.driver.connect([])

    assert isinstance(down, DeviceDown)
    assert down.reason


async def test_a_blocked_number_does_not_connect_and_says_why(number: Official) -> None:
    await number.shop.tell("numbers", can_send_message="BLOCKED", trouble=131042)

    down = await number.driver.connect([])

    assert isinstance(down, DeviceDown)
    assert "131042" in down.reason


async def test_a_limited_number_connects(number: Official) -> None:
    await number.shop.tell("numbers", can_send_message="LIMITED", trouble=131042)

    assert await number.driver.connect([]) is None


async def test_a_user_is_not_written_to_faster_than_the_provider_takes(number: Official) -> None:
    outcomes = [await number.driver.send(outgoing()) for _ in range(60)]

    assert {type(outcome) for outcome in outcomes} == {Accepted, Retry}
    assert {post.code for post in number.posts} == {0}
    assert await goes_on(number)
