"""What holds of a driver of every kind, whatever its transport is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.rigs import KINDS, Fate, Rig

from waypost.drivers.news import Delivered, Failed, Read
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import Accepted, DeviceDown, NotSent, Refused, Retry, Unknown


@pytest.fixture(params=KINDS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """A connected driver of each kind."""
    async with KINDS[request.param]() as made:
        assert await made.driver.connect([]) is None
        yield made


async def nothing_is_told_of(rig: Rig, outgoing: Outgoing) -> None:
    await rig.until_quiet()
    assert rig.told(outgoing.ref.message_id) == []


async def test_what_is_accepted_is_told_to_be_delivered_and_read(rig: Rig) -> None:
    message = rig.outgoing()

    outcome = await rig.driver.send(message)
    await rig.until_told(message, Delivered, Read)

    assert isinstance(outcome, Accepted)
    assert outcome.provider_id
    assert {each.ref for each in rig.news()} == {message.ref}
    assert all(each.at.tzinfo is not None for each in rig.news())


async def test_each_of_many_at_once_gets_its_own_outcome(rig: Rig) -> None:
    messages = [rig.outgoing() for _ in range(40)]

    outcomes = await asyncio.gather(*map(rig.driver.send, messages))

    ids = {outcome.provider_id for outcome in outcomes if isinstance(outcome, Accepted)}
    assert len(ids) == len(messages)
    for message in messages:
        await rig.until_told(message, Delivered, Read)


async def test_what_is_refused_says_why_and_does_not_arrive(rig: Rig) -> None:
    message = rig.outgoing(Fate.REFUSED)

    outcome = await rig.driver.send(message)

    assert isinstance(outcome, Refused)
    assert outcome.code
    assert outcome.message.endswith(".")
    await nothing_is_told_of(rig, message)


async def test_what_meets_a_passing_fault_goes_with_the_next_attempt(rig: Rig) -> None:
    message = rig.outgoing(Fate.BUSY_ONCE)

    first = await rig.driver.send(message)
    assert isinstance(first, Retry)
    assert first.code
    assert first.message
    await nothing_is_told_of(rig, message)

    assert isinstance(await rig.driver.send(replace(message, attempt=2)), Accepted)
    await rig.until_told(message, Delivered, Read)


async def test_a_lost_answer_is_unknown_until_a_receipt_tells(rig: Rig) -> None:
    message = rig.outgoing(Fate.LOST)

    outcome = await rig.driver.send(message)

    assert isinstance(outcome, Unknown)
    assert outcome.reason
    await rig.until_told(message, Delivered, Read)


async def test_a_repeat_arrives_once_exactly_where_the_driver_says_so(rig: Rig) -> None:
    message = rig.outgoing(Fate.LOST)
    await rig.driver.send(message)
    await rig.until_told(message, Delivered, Read)

    assert isinstance(await rig.driver.send(replace(message, attempt=2)), Accepted)
    await rig.until_quiet()

    arrived = 1 if rig.driver.deduplicates else 2
    assert rig.told(message.ref.message_id).count(Read) == arrived


async def test_what_fails_after_it_was_sent_is_told_with_its_reason(rig: Rig) -> None:
    message = rig.outgoing(Fate.FAILS)

    assert isinstance(await rig.driver.send(message), Accepted)
    await rig.until_told(message, Failed)

    (failed,) = rig.news()
    assert isinstance(failed, Failed)
    assert failed.ref == message.ref
    assert failed.code
    assert failed.message.endswith(".")


async def test_a_device_that_drops_is_down_until_it_is_connected_anew(rig: Rig) -> None:
    message, other = rig.outgoing(Fate.DROPS), rig.outgoing()

    outcomes = [await rig.driver.send(each) for each in (message, other)]
    assert [type(outcome) for outcome in outcomes] == [DeviceDown, DeviceDown]
    assert all(outcome.reason for outcome in outcomes if isinstance(outcome, DeviceDown))

    await rig.until_connected()
    for each in (message, other):
        assert isinstance(await rig.driver.send(each), Accepted)
        await rig.until_told(each, Delivered, Read)
        assert rig.told(each.ref.message_id).count(Read) == 1


async def test_what_is_too_late_does_not_leave(rig: Rig) -> None:
    message = rig.outgoing(deadline=0.0)

    assert isinstance(await rig.driver.send(message), NotSent)

    await nothing_is_told_of(rig, message)


async def test_it_closes_when_what_is_under_way_has_its_outcome(rig: Rig) -> None:
    sending = asyncio.create_task(rig.driver.send(rig.outgoing(Fate.SLOW)))
    await asyncio.sleep(0)  # so that it has begun

    await rig.driver.close()

    assert sending.done()
    assert isinstance(sending.result(), Accepted)


async def test_what_comes_after_it_is_closed_is_proven_unsent(rig: Rig) -> None:
    await rig.driver.close()

    outcome = await rig.driver.send(rig.outgoing())

    assert isinstance(outcome, DeviceDown | NotSent | Retry)
    assert rig.news() == []
