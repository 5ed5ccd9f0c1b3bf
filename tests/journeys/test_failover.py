"""Three devices, ten thousand messages, and one device after another goes: nothing is stranded."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.journeys import books
from tests.journeys.load import BULK, FREE, Customer, session
from tests.support.messages import until
from tests.support.processes import Box, box

MESSAGES, A_BULK = 10_000, 200
DROPPING = "0007"  # a number of this ending drops the device that first writes to it
QUICK = {"SANDBOX_RATE": "300", "SANDBOX_DELIVERED_SECONDS": "0.1", "SANDBOX_READ_SECONDS": "0.2"}
ON_THEIR_WAY = "select count(*) from messages where status = 'Sending'"
SENT = "select count(*) from messages where sent_at is not null"
ATTEMPTS = "select attempts, count(*) from messages group by 1"
CARRIED = "select device_id, count(*) from messages group by 1"
DEVICES = 1, 2, 3
LOSSES = (1, "disconnect", 1500), (2, "pause", 3000), (3, "logout", 4500)
"""Which device goes, how, and after how many messages."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Box]:
    with box(tmp_path, SIGNUP_CREDITS=str(MESSAGES), **FREE, **QUICK) as running:
        yield running


async def test_devices_that_go_one_after_another_strand_none_of_ten_thousand(house: Box) -> None:
    admin = house.server.admin()
    customer = Customer.new(house.server, "customer")

    def act(device: int, action: str) -> Any:
        answer = house.server.post(f"/api/devices/{device}/{action}", token=admin)
        assert answer.status_code == 200, answer.text
        return answer.json()

    for device in DEVICES:
        act(device, "pause")
    await send(house, customer)
    connection = await asyncpg.connect(house.database_url)
    try:
        for device in DEVICES:
            act(device, "resume")
        for device, action, at in LOSSES:
            await until(lambda at=at: has_sent(connection, at), 60)
            act(device, action)
        await until(lambda: stands_still(connection), 30)
        assert not await has_sent(connection, MESSAGES)
        assert available(house, admin) == 0

        act(1, "connect")
        act(2, "resume")
        await books.nothing_waits(connection, 90)

        assert await has_sent(connection, MESSAGES)
        async with connection.transaction(isolation="repeatable_read"):  # receipts still come
            await books.sent_once(connection)
            await books.charged_once(connection)
        assert Counter(dict(await connection.fetch(ATTEMPTS))) == {1: MESSAGES}
        carried = dict(await connection.fetch(CARRIED))
        assert set(carried) == set(DEVICES)
        assert min(carried.values()) > 500
    finally:
        await connection.close()


async def send(house: Box, customer: Customer) -> None:
    """Ten thousand messages to as many recipients, ten of them to numbers that drop."""
    numbers = [f"2782{head:03}{ending}" for head in range(100) for ending in range(1000, 1100)]
    numbers[::1000] = [f"2783{head:03}{DROPPING}" for head in range(10)]
    async with session(house.server.url) as http:
        for first in range(0, len(numbers), A_BULK):
            body = {"numbers": numbers[first : first + A_BULK], "message": "Hello"}
            async with http.post(BULK, json=body, headers=customer.headers) as response:
                assert response.status == 200, await response.text()


async def has_sent(connection: asyncpg.Connection, messages: int) -> bool:
    return await connection.fetchval(SENT) >= messages


async def stands_still(connection: asyncpg.Connection) -> bool:
    """Whether nothing is on its way, and nothing follows."""
    sent = await connection.fetchval(SENT)
    await asyncio.sleep(1.5)  # a worker looks each second
    return await connection.fetchval(ON_THEIR_WAY) == 0 and sent == await connection.fetchval(SENT)


def available(house: Box, admin: str) -> int:
    pools = house.server.get("/api/admin/pools", token=admin).json()["pools"]
    count: int = pools[0]["available_devices"]
    return count
