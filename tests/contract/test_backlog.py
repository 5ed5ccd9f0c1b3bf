"""As much waits as may: then a send is refused whole, and told when to come again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.answers import BULK, SEND, accepted, refused
from tests.support.behind import query, traces
from tests.support.processes import until
from tests.support.server import Server
from waypost.kit.embedded import Embedded

PER_ACCOUNT, PER_POOL = 5, 8
SETTINGS = {
    "BACKLOG_PER_ACCOUNT": str(PER_ACCOUNT),
    "BACKLOG_PER_POOL": str(PER_POOL),
    "RATE_LIMIT_AUTH": "off",
    "RATE_LIMIT_SEND": "off",
    "RATE_LIMIT_BULK": "off",
}
FULL = f"Your account has {PER_ACCOUNT} messages waiting, and may have {PER_ACCOUNT} at most."
POOL_FULL = (
    f"Your pool of senders has {PER_POOL} messages waiting, and may have {PER_POOL} at most."
)

_NAMES, _NUMBERS = count(1), count(27_820_000_567, 1000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without workers: what it accepts waits."""
    with Server.started(tmp_path_factory.mktemp("server"), "--no-worker", **SETTINGS) as running:
        yield running


@pytest.fixture
def pool(server: Server) -> int:
    """A pool of this test's own, empty and never counted."""
    made = accepted(server.post("/api/admin/pools", {"name": f"p{next(_NAMES)}"}, server.admin()))
    id: int = made["id"]
    return id


@pytest.fixture
def me(server: Server, pool: int) -> "Member":
    return Member.of(server, pool)


@dataclass
class Member:
    """An account, and where it is signed in."""

    server: Server
    id: int
    token: str

    @classmethod
    def of(cls, server: Server, pool: int) -> "Member":
        """A new account in this pool."""
        name = f"customer-{next(_NAMES)}"
        id, admin = server.register(name), server.admin()
        accepted(server.request("PATCH", f"/api/admin/users/{id}", {"pool_id": pool}, admin))
        return cls(server, id, server.login(name))

    def send(self, key: str | None = None, **options: Any) -> httpx.Response:
        body = {"number": str(next(_NUMBERS)), "message": "Hello", **options}
        return self._post(SEND, body, key)

    def again(self, body: dict[str, Any], key: str) -> httpx.Response:
        return self._post(SEND, body, key)

    def bulk(self, size: int) -> httpx.Response:
        numbers = [str(next(_NUMBERS)) for _ in range(size)]
        return self._post(BULK, {"numbers": numbers, "message": "Hello"}, None)

    def _post(self, path: str, body: dict[str, Any], key: str | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return httpx.post(self.server.url + path, json=body, headers=headers, timeout=30)


def waits(server: Server, pool: int) -> int:
    (row,) = query(
        server,
        "select (select count(*) from pgqueuer where entrypoint = $1)"
        " + (select count(*) from parked_jobs where lane = $1) as jobs",
        f"pool.{pool}",
    )
    jobs: int = row["jobs"]
    return jobs


def see_it_full(answer: httpx.Response, sentence: str) -> None:
    said = refused(answer, 503, "UNAVAILABLE")
    assert said["message"] == f"{sentence} Try again later."
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_an_account_that_has_as_much_waiting_as_it_may_is_refused_and_pays_nothing(
    server: Server, pool: int, me: Member
) -> None:
    for _ in range(PER_ACCOUNT):
        accepted(me.send())
    before = traces(server, me.id)

    see_it_full(me.send(), FULL)

    assert traces(server, me.id) == before
    assert waits(server, pool) == PER_ACCOUNT


def test_a_bulk_that_does_not_fit_is_refused_whole_and_one_that_fits_is_taken(
    server: Server, pool: int, me: Member
) -> None:
    accepted(me.bulk(3))
    fewer = FULL.replace(f"has {PER_ACCOUNT}", "has 3")

    see_it_full(me.bulk(3), fewer)

    assert waits(server, pool) == 3
    assert accepted(me.bulk(2))["messages_created"] == 2


def test_what_waits_for_the_same_number_counts_too(server: Server, pool: int, me: Member) -> None:
    for _ in range(PER_ACCOUNT):
        accepted(me.send(number="27821234567"))

    see_it_full(me.send(), FULL)


def test_a_full_account_is_nobody_elses_trouble_until_the_pool_is_full(
    server: Server, pool: int, me: Member
) -> None:
    accepted(me.bulk(PER_ACCOUNT))
    other = Member.of(server, pool)

    accepted(other.bulk(PER_POOL - PER_ACCOUNT))

    see_it_full(other.send(), POOL_FULL)
    see_it_full(me.send(), FULL)


def test_when_there_is_room_again_sends_are_taken_again(
    server: Server, pool: int, me: Member
) -> None:
    accepted(me.bulk(PER_ACCOUNT))
    see_it_full(me.send(), FULL)

    query(
        server,
        "delete from pgqueuer where id in (select id from pgqueuer where entrypoint = $1 limit 2)",
        f"pool.{pool}",
    )

    until(lambda: me.send().status_code == 200, "there is room")
    until(lambda: me.send().status_code == 200, "there is room for one more")
    see_it_full(me.send(), FULL)
    assert waits(server, pool) == PER_ACCOUNT


def test_what_is_scheduled_waits_elsewhere(server: Server, pool: int, me: Member) -> None:
    accepted(me.bulk(PER_ACCOUNT))
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    accepted(me.send(send_at=tomorrow.isoformat()))

    see_it_full(me.send(), FULL)
    assert waits(server, pool) == PER_ACCOUNT


def test_a_request_that_comes_again_is_answered_however_full_it_is(me: Member) -> None:
    body = {"number": str(next(_NUMBERS)), "message": "Hello"}
    first = me.again(body, "order-7")
    accepted(me.bulk(PER_ACCOUNT - 1))
    see_it_full(me.send(), FULL)

    assert me.again(body, "order-7").content == first.content


def test_of_many_at_once_no_more_are_taken_than_fit(server: Server, pool: int, me: Member) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = [asked.result() for asked in [threads.submit(me.send) for _ in range(40)]]

    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    assert codes.count(200) == waits(server, pool) <= PER_ACCOUNT


def test_what_another_server_took_counts(tmp_path: Path) -> None:
    postgres = Embedded(tmp_path / "database")
    shared = {
        **SETTINGS,
        "DATABASE_URL": postgres.start(),
        "JWT_SECRET": "s" * 48,
        "SEAL_KEY": "k" * 48,
    }
    try:
        with (
            Server.started(tmp_path / "a", "--no-worker", **shared) as a,
            Server.started(tmp_path / "b", "--no-worker", **shared) as b,
        ):
            mine = Member.of(a, 1)
            elsewhere = replace(mine, server=b)
            accepted(mine.bulk(PER_ACCOUNT - 1))

            accepted(elsewhere.send())
            see_it_full(elsewhere.send(), FULL)
            until(lambda: mine.send().status_code == 503, "the other server counts too")
    finally:
        postgres.stop()
