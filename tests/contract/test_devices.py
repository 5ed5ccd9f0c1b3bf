"""Devices over HTTP: admins manage them, others see those of their pool."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import Client, assert_refused
from tests.support.server import Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DEVICES = "/api/devices"
POOLS = "/api/admin/pools"
ACTIONS = ["connect", "disconnect", "logout", "pause", "resume"]


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


@pytest.fixture(scope="module")
def elsewhere(admin: Client) -> dict[str, Any]:
    """A pool beside the default one."""
    pool: dict[str, Any] = admin.post(POOLS, {"name": "elsewhere"}).json()
    return pool


def create(admin: Client, name: str, **more: Any) -> dict[str, Any]:
    answer = admin.post(DEVICES, {"name": name, "kind": "sandbox", **more})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def path(device: dict[str, Any], tail: str = "") -> str:
    return f"{DEVICES}/{device['id']}{tail}"


def listed(client: Client) -> list[dict[str, Any]]:
    devices: list[dict[str, Any]] = client.get(DEVICES).json()["devices"]
    return devices


def audited(admin: Client, target: str) -> list[str]:
    entries = admin.get("/api/admin/audit?per_page=100").json()["entries"]
    return [entry["action"] for entry in entries if entry["target"] == target]


def test_a_first_start_has_three_simulated_devices(server: Server) -> None:
    devices = listed(Client.member(server, "newcomer"))[:3]

    assert [device["name"] for device in devices] == ["sandbox-1", "sandbox-2", "sandbox-3"]
    assert all(device["simulated"] and device["kind"] == "sandbox" for device in devices)


def test_a_sandbox_device_is_connected_on_creation(admin: Client) -> None:
    created = create(admin, " new ", config={"rate": 5, "read_seconds": 1.5})

    assert TIME.fullmatch(created["created_at"])
    assert created == {
        "id": created["id"],
        "name": "new",
        "kind": "sandbox",
        "pool_id": created["pool_id"],
        "status": "connected",
        "since": created["created_at"],
        "is_paused": False,
        "reason": None,
        "simulated": True,
        "created_at": created["created_at"],
        "config": {"rate": 5, "read_seconds": 1.5},
    }
    assert admin.get(path(created)).json() == created
    assert audited(admin, f"device:{created['id']}") == ["device.created"]


def test_a_member_sees_the_pools_devices_without_their_configuration(
    admin: Client, member: Client
) -> None:
    created = create(admin, "seen", config={"rate": 5})
    public = {name: value for name, value in created.items() if name != "config"}

    assert public in listed(member)
    assert member.get(path(created)).json() == public


def test_a_device_of_another_pool_does_not_exist_for_a_member(
    admin: Client, member: Client, elsewhere: dict[str, Any]
) -> None:
    created = create(admin, "far", pool_id=elsewhere["id"])

    assert created["pool_id"] == elsewhere["id"]
    assert_refused(member.get(path(created)), 404, "NOT_FOUND")
    assert created["id"] not in [device["id"] for device in listed(member)]
    assert created in listed(admin)


def test_only_an_admin_changes_devices(admin: Client, member: Client) -> None:
    created = create(admin, "guarded")

    answers = [
        member.post(DEVICES, {"name": "mine", "kind": "sandbox"}),
        member.patch(path(created), {"name": "mine"}),
        member.delete(path(created)),
        *(member.post(path(created, f"/{action}")) for action in ACTIONS),
    ]

    for answer in answers:
        assert_refused(answer, 403, "FORBIDDEN")
    assert admin.get(path(created)).json() == created


def test_nothing_is_for_those_without_a_token(server: Server) -> None:
    nobody = Client.new(server)

    assert_refused(nobody.get(DEVICES), 401, "UNAUTHORIZED")
    assert_refused(nobody.post(DEVICES, {}), 401, "UNAUTHORIZED")
    assert_refused(nobody.post(f"{DEVICES}/check-numbers", {}), 401, "UNAUTHORIZED")


def test_a_change_leaves_what_it_does_not_name(admin: Client, elsewhere: dict[str, Any]) -> None:
    created = create(admin, "changed", config={"rate": 5})

    renamed = admin.patch(path(created), {"name": "renamed", "config": None}).json()
    moved = admin.patch(path(created), {"pool_id": elsewhere["id"]}).json()
    tuned = admin.patch(path(created), {"config": {"delivered_seconds": 0}}).json()
    same = admin.patch(path(created), {}).json()

    assert renamed == {**created, "name": "renamed"}
    assert moved == {**renamed, "pool_id": elsewhere["id"]}
    assert tuned == {**moved, "config": {"delivered_seconds": 0}}
    assert same == tuned
    assert audited(admin, f"device:{created['id']}").count("device.changed") == 4


def test_states_are_wanted_and_shown(admin: Client) -> None:
    created = create(admin, "moody")

    def act(action: str) -> tuple[str, bool]:
        answer = admin.post(path(created, f"/{action}"))
        assert answer.status_code == 200, answer.text
        return answer.json()["status"], answer.json()["is_paused"]

    assert act("disconnect") == ("disconnected", False)
    assert act("connect") == ("connected", False)
    assert act("pause") == ("connected", True)
    assert act("resume") == ("connected", False)
    assert act("logout") == ("logged_out", False)
    assert act("connect") == ("connected", False)
    assert audited(admin, f"device:{created['id']}") == [
        "device.connected",
        "device.logged_out",
        "device.resumed",
        "device.paused",
        "device.connected",
        "device.disconnected",
        "device.created",
    ]


def test_a_deleted_device_is_gone(admin: Client) -> None:
    created = create(admin, "gone")

    deleted = admin.delete(path(created))

    assert (deleted.status_code, set(deleted.json())) == (200, {"message"})
    for answer in (
        admin.get(path(created)),
        admin.patch(path(created), {"name": "x"}),
        admin.delete(path(created)),
        *(admin.post(path(created, f"/{action}")) for action in ACTIONS),
    ):
        assert_refused(answer, 404, "NOT_FOUND")
    assert audited(admin, f"device:{created['id']}") == ["device.deleted", "device.created"]


def test_a_name_is_taken_once_whatever_its_case(admin: Client) -> None:
    create(admin, "Twin")
    other = create(admin, "other twin")

    again = admin.post(DEVICES, {"name": "tWIN", "kind": "sandbox"})
    renamed = admin.patch(path(other), {"name": "TWIN"})

    assert_refused(again, 409, "CONFLICT")
    assert_refused(renamed, 409, "CONFLICT")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\0"}, "name"),
        ({"kind": "linked"}, "kind"),
        ({"kind": 5}, "kind"),
        ({"kind": None}, "kind"),
        ({"pool_id": 2**62}, "pool_id"),
        ({"pool_id": 0}, "pool_id"),
        ({"pool_id": "1"}, "pool_id"),
        ({"colour": "red"}, "colour"),
        ({"config": {"rate": 0}}, "config.rate"),
        ({"config": {"rate": 1.5}}, "config.rate"),
        ({"config": {"rate": True}}, "config.rate"),
        ({"config": {"delivered_seconds": -1}}, "config.delivered_seconds"),
        ({"config": {"read_seconds": 3601}}, "config.read_seconds"),
        ({"config": {"read_seconds": float("nan")}}, "config.read_seconds"),
        ({"config": {"speed": 1}}, "config.speed"),
        ({"config": []}, "config"),
    ],
)
def test_each_wrong_field_is_named(admin: Client, change: dict[str, Any], wrong: str) -> None:
    answer = admin.post(DEVICES, {"name": "wrong", "kind": "sandbox", **change})

    assert_refused(answer, 400, "INVALID_REQUEST", wrong)


def test_a_kind_that_is_not_there_is_told_which_are(admin: Client) -> None:
    answer = admin.post(DEVICES, {"name": "phone", "kind": "linked"})

    assert "kind: must be one of: sandbox" in answer.json()["message"]


@pytest.mark.parametrize("id", ["0", "-1", "x", str(2**63)])
def test_an_id_that_cannot_be_one_is_not_found(admin: Client, id: str) -> None:
    assert_refused(admin.get(f"{DEVICES}/{id}"), 404, "NOT_FOUND")
    assert_refused(admin.post(f"{DEVICES}/{id}/pause"), 404, "NOT_FOUND")


def test_the_answer_of_a_send_counts_the_devices_that_can_take_it(
    admin: Client, server: Server
) -> None:
    pool = admin.post(POOLS, {"name": "counted"}).json()
    sender = Client.member(server, "counter")
    admin.patch(f"/api/admin/users/{sender.id}", {"pool_id": pool["id"]})
    devices = [create(admin, f"counted-{n}", pool_id=pool["id"]) for n in range(3)]
    admin.post(path(devices[0], "/pause"))

    answer = sender.post(
        "/api/messages/send-message", {"number": "27821234567", "message": "Hello"}
    ).json()

    assert (answer["available_devices"], answer["total_devices"]) == (2, 3)


def test_numbers_are_looked_up_as_the_sandbox_sees_them(member: Client) -> None:
    numbers = ["+27 82 123-4567", "27821230001", "nonsense", "27821234567"]

    answer = member.post(f"{DEVICES}/check-numbers", {"numbers": numbers})

    assert answer.status_code == 200
    assert answer.json()["results"] == [
        {"number": "27821234567", "on_whatsapp": True},
        {"number": "27821230001", "on_whatsapp": False},
        {"number": "nonsense", "error": "is not a possible phone number"},
        {"number": "27821234567", "on_whatsapp": True},
    ]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "numbers"),
        ({"numbers": []}, "numbers"),
        ({"numbers": ["27821234567"] * 201}, "numbers"),
        ({"numbers": "27821234567"}, "numbers"),
        ({"numbers": [27821234567]}, "numbers.0"),
        ({"numbers": ["27821234567"], "more": 1}, "more"),
    ],
)
def test_a_look_up_takes_up_to_200_numbers(member: Client, body: Any, wrong: str) -> None:
    answer = member.post(f"{DEVICES}/check-numbers", body)

    assert_refused(answer, 400, "INVALID_REQUEST", wrong)


def test_a_pool_without_a_device_looks_nothing_up(admin: Client, server: Server) -> None:
    pool = admin.post(POOLS, {"name": "without"}).json()
    asker = Client.member(server, "asker")
    admin.patch(f"/api/admin/users/{asker.id}", {"pool_id": pool["id"]})

    answer = asker.post(f"{DEVICES}/check-numbers", {"numbers": ["27821234567"]})

    assert_refused(answer, 409, "CONFLICT")
