"""Pools, and an operator's numbers, over HTTP."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.client import Client, assert_refused
from tests.support.server import Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
POOLS = "/api/admin/pools"
STATS = "/api/admin/stats"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    return Client.admin(server)


@pytest.fixture(scope="module")
def member(server: Server) -> Client:
    return Client.member(server, "member")


def create(admin: Client, name: str, **more: Any) -> dict[str, Any]:
    answer = admin.post(POOLS, {"name": name, **more})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def path(pool: dict[str, Any]) -> str:
    return f"{POOLS}/{pool['id']}"


def listed(admin: Client) -> list[dict[str, Any]]:
    pools: list[dict[str, Any]] = admin.get(POOLS).json()["pools"]
    return pools


def default(admin: Client) -> dict[str, Any]:
    (pool,) = [pool for pool in listed(admin) if pool["is_default"]]
    return pool


def test_a_first_start_has_one_default_pool(admin: Client) -> None:
    pool = default(admin)

    assert pool["name"] == "default"
    assert (pool["available_devices"], pool["total_devices"]) == (3, 3)


def test_a_pool_is_created_and_shown(admin: Client) -> None:
    created = create(admin, " second ")

    assert TIME.fullmatch(created["created_at"])
    assert created == {
        "id": created["id"],
        "name": "second",
        "is_default": False,
        "available_devices": 0,
        "total_devices": 0,
        "created_at": created["created_at"],
    }
    assert admin.get(path(created)).json() == created
    assert created in listed(admin)


def test_a_pool_is_renamed(admin: Client) -> None:
    created = create(admin, "named")

    renamed = admin.patch(path(created), {"name": "renamed"})

    assert renamed.status_code == 200
    assert renamed.json() == {**created, "name": "renamed"}
    assert admin.patch(path(created), {}).json() == renamed.json()


def test_another_pool_becomes_the_default_and_back(admin: Client) -> None:
    former = default(admin)
    created = create(admin, "heir", is_default=True)

    assert default(admin) == created
    admin.patch(path(former), {"is_default": True})
    assert default(admin)["id"] == former["id"]


def test_a_new_account_sends_through_the_default_pool(admin: Client, server: Server) -> None:
    former = default(admin)
    created = create(admin, "for newcomers", is_default=True)
    newcomer = Client.member(server, "newcomer")
    admin.patch(path(former), {"is_default": True})

    user = admin.get(f"/api/admin/users/{newcomer.id}").json()

    assert user["pool_id"] == created["id"]


def test_the_default_pool_neither_steps_down_nor_goes(admin: Client) -> None:
    pool = default(admin)

    assert_refused(admin.patch(path(pool), {"is_default": False}), 409, "CONFLICT")
    assert_refused(admin.delete(path(pool)), 409, "CONFLICT")
    assert default(admin) == pool


def test_a_name_is_taken_once_whatever_its_case(admin: Client) -> None:
    create(admin, "Twin")
    other = create(admin, "other twin")

    assert_refused(admin.post(POOLS, {"name": "tWIN"}), 409, "CONFLICT")
    assert_refused(admin.patch(path(other), {"name": "TWIN"}), 409, "CONFLICT")


def test_a_pool_goes_when_it_is_empty(admin: Client) -> None:
    created = create(admin, "gone")

    deleted = admin.delete(path(created))

    assert (deleted.status_code, set(deleted.json())) == (200, {"message"})
    assert_refused(admin.delete(path(created)), 404, "NOT_FOUND")
    assert_refused(admin.get(path(created)), 404, "NOT_FOUND")
    assert_refused(admin.patch(path(created), {"name": "x"}), 404, "NOT_FOUND")


def test_a_pool_in_use_stays_and_says_why(admin: Client, server: Server) -> None:
    created = create(admin, "busy")
    sender = Client.member(server, "sender")
    home = default(admin)["id"]

    def why() -> str:
        message: str = assert_conflict(admin.delete(path(created)))
        return message

    device = admin.post(
        "/api/devices", {"name": "busy-1", "kind": "sandbox", "pool_id": created["id"]}
    ).json()
    assert "devices" in why()
    admin.delete(f"/api/devices/{device['id']}")
    move(admin, sender, created["id"])
    assert "accounts" in why()
    send = {"number": "27821234567", "message": "Hello"}
    assert sender.post("/api/messages/send-message", send).status_code == 200
    move(admin, sender, home)
    assert "messages" in why()


def assert_conflict(answer: Any) -> str:
    assert_refused(answer, 409, "CONFLICT")
    message: str = answer.json()["message"]
    return message


def move(admin: Client, user: Client, pool_id: int) -> None:
    answer = admin.patch(f"/api/admin/users/{user.id}", {"pool_id": pool_id})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "a", "is_default": 1}, "is_default"),
        ({"name": "a", "size": 3}, "size"),
    ],
)
def test_each_wrong_field_is_named(admin: Client, body: Any, wrong: str) -> None:
    assert_refused(admin.post(POOLS, body), 400, "INVALID_REQUEST", wrong)


@pytest.mark.parametrize(
    ("method", "where", "body"),
    [
        ("GET", POOLS, None),
        ("POST", POOLS, {"name": "mine"}),
        ("GET", f"{POOLS}/1", None),
        ("PATCH", f"{POOLS}/1", {"name": "mine"}),
        ("DELETE", f"{POOLS}/1", None),
        ("GET", STATS, None),
    ],
)
def test_only_admins_see_and_change_pools_and_numbers(
    server: Server, member: Client, method: str, where: str, body: Any
) -> None:
    assert_refused(member.call(method, where, body), 403, "FORBIDDEN")
    assert_refused(Client.new(server).call(method, where, body), 401, "UNAUTHORIZED")


def test_what_was_done_to_a_pool_is_audited(admin: Client) -> None:
    created = create(admin, "audited")
    admin.patch(path(created), {"name": "audited twice"})
    admin.delete(path(created))

    entries = admin.get("/api/admin/audit?per_page=100").json()["entries"]

    told = [
        (entry["action"], entry["detail"], entry["actor_id"])
        for entry in entries
        if entry["target"] == f"pool:{created['id']}"
    ]
    assert told == [
        ("pool.deleted", {"name": "audited twice"}, admin.id),
        ("pool.changed", {"name": "audited twice"}, admin.id),
        ("pool.created", {"name": "audited"}, admin.id),
    ]


def test_stats_tell_the_hours_and_the_pools(admin: Client, server: Server) -> None:
    pool = create(admin, "idle")
    sender = Client.member(server, "counter")
    move(admin, sender, pool["id"])
    before = admin.get(STATS).json()
    for _ in range(3):
        send = {"number": "27821234567", "message": "Hello"}
        assert sender.post("/api/messages/send-message", send).status_code == 200

    stats = admin.get(STATS).json()

    assert len(stats["hours"]) == 24
    assert accepted(stats) == accepted(before) + 3
    assert set(stats["hours"][-1]) == {
        "hour",
        "accepted",
        "sent",
        "delivered",
        "read",
        "failed",
        "expired",
        "scheduled",
        "queued",
        "uncertain",
        "cancelled",
    }
    (load,) = [each for each in stats["pools"] if each["id"] == pool["id"]]
    assert load == {
        "id": pool["id"],
        "name": "idle",
        "backlog": 3,
        "oldest_age_seconds": load["oldest_age_seconds"],
        "available_devices": 0,
        "total_devices": 0,
    }
    assert 0 <= load["oldest_age_seconds"] < 60
    assert stats["backlog"] == sum(each["backlog"] for each in stats["pools"])
    assert stats["total_devices"] == sum(each["total_devices"] for each in stats["pools"])
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:00:00Z}"
    assert stats["hours"][-1]["hour"] in (now, before["hours"][-1]["hour"])


def accepted(stats: dict[str, Any]) -> int:
    return sum(hour["accepted"] for hour in stats["hours"])


@pytest.mark.parametrize("hours", [1, 168])
def test_stats_go_as_far_back_as_asked(admin: Client, hours: int) -> None:
    assert len(admin.get(f"{STATS}?hours={hours}").json()["hours"]) == hours


@pytest.mark.parametrize("query", ["hours=0", "hours=169", "hours=x", "days=1"])
def test_stats_refuse_what_they_cannot_tell(admin: Client, query: str) -> None:
    answer = admin.get(f"{STATS}?{query}")

    assert_refused(answer, 400, "INVALID_REQUEST", query.partition("=")[0])
