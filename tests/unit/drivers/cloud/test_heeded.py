"""What callbacks told to have stopped is not tried, each once, until its time is over."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.cloud_driver import HELLO, frozen, numbered
from tests.support.provider import NUMBER, Provider, provider
from tests.support.sockets import answer

from waypost.drivers.cloud.driver import CloudDriver
from waypost.drivers.news import Stop
from waypost.drivers.outgoing import Approved
from waypost.drivers.port import Accepted, DeviceDown, Refused, Retry
from waypost.kit.clock import FrozenClock

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ORDER = replace(HELLO, approved=Approved("order", "en_US"))
OTHER = replace(HELLO, approved=Approved("other", "en_US"))
CLOCK = frozen()
PAID = Stop(5, CLOCK.now(), CLOCK.now() + HOUR, "account", "131042", "See its payment method.")
PAUSED = Stop(
    5, CLOCK.now(), CLOCK.now() + HOUR, "template", "132015", "It is paused.", ("order", "en_US")
)


@pytest.fixture
def clock() -> FrozenClock:
    return frozen()


@pytest.fixture
async def there() -> AsyncIterator[Provider]:
    async with provider() as made:
        yield made


@pytest.fixture
async def driver(there: Provider, clock: FrozenClock) -> AsyncIterator[CloudDriver]:
    async with numbered(there.url, clock) as made:
        yield made


@pytest.mark.parametrize("level", ["device", "token", "account"])
async def test_a_number_that_is_stopped_does_not_write(
    driver: CloudDriver, there: Provider, clock: FrozenClock, level: str
) -> None:
    down = driver.heed([replace(PAID, level=level)])

    assert down == DeviceDown("See its payment method. (131042)", HOUR)
    assert await driver.send(HELLO) == down
    assert there.posts() == []
    clock.advance(HOUR)
    assert isinstance(await driver.send(HELLO), Accepted)


async def test_of_a_stop_that_is_lifted_the_same_news_is_not_heard_again(
    driver: CloudDriver, there: Provider, clock: FrozenClock
) -> None:
    assert driver.heed([PAID]) is not None
    there.say(NUMBER, answer(200, {"id": NUMBER}))

    assert await driver.connect([]) is None
    assert driver.heed([PAID]) is None
    assert isinstance(await driver.send(HELLO), Accepted)

    clock.advance(MINUTE)
    assert driver.heed([replace(PAID, at=clock.now())]) is not None


async def test_a_stop_that_is_over_stops_nothing(driver: CloudDriver, clock: FrozenClock) -> None:
    clock.advance(HOUR)

    assert driver.heed([PAID]) is None
    assert isinstance(await driver.send(HELLO), Accepted)


async def test_a_template_that_is_paused_waits_alone(
    driver: CloudDriver, there: Provider, clock: FrozenClock
) -> None:
    assert driver.heed([PAUSED]) is None
    clock.advance(MINUTE)

    held = await driver.send(ORDER)
    assert held == Retry("132015", "It is paused.", HOUR - MINUTE, counts=False)
    assert isinstance(await driver.send(OTHER), Accepted)
    assert isinstance(await driver.send(HELLO), Accepted)
    assert len(there.posts()) == 2


async def test_a_template_that_is_disabled_fails_alone(driver: CloudDriver) -> None:
    driver.heed([replace(PAUSED, code="132016", reason="It is disabled.")])

    assert await driver.send(ORDER) == Refused("132016", "It is disabled.")
    assert isinstance(await driver.send(OTHER), Accepted)
