"""Devices over HTTP: admins manage them, others see those of their pool."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import Client, assert_refused
from tests.support.processes import until
from tests.support.server import Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DEVICES = "/api/devices"
POOLS = "/api/admin/pools"
ACTIONS = ["connect", "disconnect", "logout", "pause", "resume"]
FREE = {
    "per_second": None,
    "per_minute": None,
    "spacing": None,
    "daily_cap": None,
    "warm_up": None,
    "quiet_hours": None,
}
LIKE_A_PHONE = {
    **FREE,
    "per_minute": 20,
    "spacing": [2.0, 4.0],
    "daily_cap": 1000,
    "warm_up": {"days": 14, "first_day": 20},
}
QUIET = {"from": "21:00", "to": "08:00", "timezone": "Africa/Johannesburg"}


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
        "pacing": FREE,
        "rests_until": None,
        "number": None,
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


def test_a_device_shows_everybody_the_pacing_that_it_keeps(admin: Client, member: Client) -> None:
    like_a_phone = create(admin, "like a phone", config={"like": "linked"})
    own = create(admin, "own pace", pacing={"per_second": 2, "quiet_hours": QUIET})

    assert like_a_phone["pacing"] == LIKE_A_PHONE
    assert own["pacing"] == {**FREE, "per_second": 2.0, "quiet_hours": QUIET}
    assert member.get(path(own)).json()["pacing"] == own["pacing"]


def test_a_pacing_replaces_the_former_one_and_null_is_as_usual(admin: Client) -> None:
    created = create(admin, "repaced", config={"like": "linked"}, pacing={"per_minute": 5})

    def change(pacing: Any) -> Any:
        answer = admin.patch(path(created), {"pacing": pacing})
        assert answer.status_code == 200, answer.text
        return answer.json()["pacing"]

    assert created["pacing"] == {**LIKE_A_PHONE, "per_minute": 5}
    assert change(None) == created["pacing"]
    assert change({"daily_cap": 10}) == {**LIKE_A_PHONE, "daily_cap": 10}
    shown = change({"daily_cap": None, "quiet_hours": QUIET})
    assert shown == {**LIKE_A_PHONE, "quiet_hours": QUIET}
    assert change(shown) == shown
    assert change({}) == LIKE_A_PHONE


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
        ({"config": {"like": "pigeon"}}, "config.like"),
        ({"config": {"deduplicates": 1}}, "config.deduplicates"),
        ({"config": []}, "config"),
        ({"pacing": {"speed": 1}}, "pacing.speed"),
        ({"pacing": {"per_second": 0}}, "pacing.per_second"),
        ({"pacing": {"per_minute": 1.5}}, "pacing.per_minute"),
        ({"pacing": {"spacing": [4, 2]}}, "pacing.spacing"),
        ({"pacing": {"spacing": [1]}}, "pacing.spacing"),
        ({"pacing": {"daily_cap": 0}}, "pacing.daily_cap"),
        ({"pacing": {"warm_up": {"days": 3}}}, "pacing.warm_up.first_day"),
        ({"pacing": {"warm_up": {"days": 3, "first_day": 1}}}, "pacing.warm_up"),
        ({"pacing": {"quiet_hours": {**QUIET, "from": "9pm"}}}, "pacing.quiet_hours.from"),
        ({"pacing": {"quiet_hours": {**QUIET, "to": "21:00"}}}, "pacing.quiet_hours"),
        ({"pacing": {"quiet_hours": {**QUIET, "timezone": "Mars"}}}, "pacing.quiet_hours.timezone"),
        ({"pacing": []}, "pacing"),
    ],
)
def test_each_wrong_field_is_named(admin: Client, change: dict[str, Any], wrong: str) -> None:
    answer = admin.post(DEVICES, {"name": "wrong", "kind": "sandbox", **change})

    assert_refused(answer, 400, "INVALID_REQUEST", wrong)


def test_a_kind_that_is_not_there_is_told_which_are(admin: Client) -> None:
    answer = admin.post(DEVICES, {"name": "phone", "kind": "linked"})

    assert "kind: must be one of: sandbox, cloud" in answer.json()["message"]


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

    def are_up() -> bool:
        listed = admin.get(POOLS).json()["pools"]
        return [p["available_devices"] for p in listed if p["id"] == pool["id"]] == [3]

    until(are_up, "a worker has connected the devices")
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


CONFIG = {
    "phone_number_id": "1000001",
    "business_account_id": "2000001",
    "graph_url": "http://127.0.0.1:9",
}
SECRETS = {
    "access_token": "EAAG-the-access-token",
    "app_secret": "the-app-secret-of-the-app",
    "verify_token": "the-verify-token-of-the-app",
}


def official(admin: Client, name: str, number: str, **more: Any) -> dict[str, Any]:
    config = {**CONFIG, **SECRETS, "phone_number_id": number}
    return create(admin, name, kind="cloud", config=config, **more)


def test_an_official_number_is_connected_on_creation_and_its_secrets_are_not_shown(
    admin: Client, member: Client, elsewhere: dict[str, Any]
) -> None:
    created = official(admin, "official", "1", pool_id=elsewhere["id"])

    assert (created["kind"], created["simulated"]) == ("cloud", False)
    assert (created["status"], created["since"]) == ("connected", created["created_at"])
    assert created["config"] == {**CONFIG, "phone_number_id": "1"}
    assert created["pacing"] == {**FREE, "per_second": 70.0}
    assert created["number"] is None


def test_secrets_are_write_only(admin: Client, server: Server) -> None:
    created = official(admin, "discreet", "2")
    where = path(created)
    anew = {name: f"{secret}-anew" for name, secret in SECRETS.items()}
    refused = {**CONFIG, **SECRETS, "phone_number_id": "x"}

    answers = [
        admin.get(where),
        admin.get(DEVICES),
        admin.patch(where, {"config": anew}),
        admin.patch(where, {"config": refused}),
        admin.post(DEVICES, {"name": "again", "kind": "cloud", "config": refused}),
        admin.post(DEVICES, {"name": "again", "kind": "sandbox", "config": SECRETS}),
        admin.post(DEVICES, {"name": "discreet", "kind": "cloud", "config": {**CONFIG, **SECRETS}}),
        admin.get("/api/admin/audit?per_page=100"),
        admin.delete(where),
    ]

    assert [answer.status_code for answer in answers] == [
        200,
        200,
        200,
        400,
        400,
        400,
        409,
        200,
        200,
    ]
    said = "".join(answer.text for answer in answers) + server.log
    assert not [secret for secret in (*SECRETS.values(), *anew.values()) if secret in said]


def test_the_audit_log_tells_that_a_secret_was_given_but_not_which(admin: Client) -> None:
    created = official(admin, "audited", "3")

    entries = admin.get("/api/admin/audit?per_page=100").json()["entries"]
    [made] = [entry for entry in entries if entry["target"] == f"device:{created['id']}"]

    assert made["detail"]["config"]["phone_number_id"] == "3"
    assert made["detail"]["config"]["access_token"] == "**********"


def test_a_token_is_renewed_by_itself(admin: Client) -> None:
    created = official(admin, "renewed", "4")

    renewed = admin.patch(path(created), {"config": {"access_token": "EAAG-another"}})

    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["config"] == created["config"]


def test_a_configuration_replaces_all_that_is_not_secret(admin: Client) -> None:
    created = official(admin, "replaced", "5")

    ids = {"phone_number_id": "6", "business_account_id": "7"}
    replaced = admin.patch(path(created), {"config": {**ids, "access_token": "EAAG-another"}})
    half = admin.patch(path(created), {"config": {"phone_number_id": "8"}})

    assert replaced.json()["config"] == ids
    assert_refused(half, 400, "INVALID_REQUEST", "config")


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"graph_url": "https://mine.example.com"},
        {"graph_url": None},
        {"phone_number_id": "14"},
        {"business_account_id": "15"},
    ],
    ids=str,
)
def test_a_kept_token_is_used_for_nothing_that_it_was_not_given_for(
    admin: Client, elsewhere: dict[str, str | None]
) -> None:
    created = official(admin, "settled", "13")
    config = {**created["config"], **elsewhere}
    given = {name: value for name, value in config.items() if value is not None}

    refused = admin.patch(path(created), {"config": given})
    others = {"app_secret": "another", "verify_token": "another"}
    without = admin.patch(path(created), {"config": {**given, **others}})
    same = admin.patch(path(created), {"config": created["config"]})
    moved = admin.patch(path(created), {"config": {**given, "access_token": "EAAG-another"}})
    admin.delete(path(created))

    for answer in (refused, without):
        assert_refused(answer, 400, "INVALID_REQUEST", "config.access_token")
    assert (same.status_code, same.json()["config"]) == (200, created["config"])
    assert (moved.status_code, moved.json()["config"]) == (200, given)


def test_a_number_is_one_device(admin: Client) -> None:
    official(admin, "first", "9")
    second = official(admin, "second", "10")

    config = {**CONFIG, **SECRETS, "phone_number_id": "9"}
    again = admin.post(DEVICES, {"name": "third", "kind": "cloud", "config": config})
    changed = admin.patch(path(second), {"config": config})

    assert_refused(again, 409, "CONFLICT")
    assert_refused(changed, 409, "CONFLICT")
    assert "phone_number_id" in again.json()["message"]


def test_a_configuration_fits_its_kind_of_device(admin: Client) -> None:
    sandbox, cloud = create(admin, "plain"), official(admin, "fitting", "11")

    for device, config in ((sandbox, {"access_token": "x"}), (cloud, {"rate": 5}), (cloud, {})):
        answer = admin.patch(path(device), {"config": config})
        assert_refused(answer, 400, "INVALID_REQUEST", "config")
        assert admin.get(path(device)).json()["config"] == device["config"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"phone_number_id": None}, "config.phone_number_id"),
        ({"phone_number_id": "+1 555"}, "config.phone_number_id"),
        ({"phone_number_id": 1000001}, "config.phone_number_id"),
        ({"phone_number_id": ""}, "config.phone_number_id"),
        ({"business_account_id": "a/b"}, "config.business_account_id"),
        ({"access_token": None}, "config.access_token"),
        ({"access_token": ""}, "config.access_token"),
        ({"access_token": "two words"}, "config.access_token"),
        ({"access_token": "line\nX-Header: value"}, "config.access_token"),
        ({"access_token": "x" * 4097}, "config.access_token"),
        ({"app_secret": "gehe\u00edm"}, "config.app_secret"),
        ({"app_secret": 5}, "config.app_secret"),
        ({"verify_token": "a\0b"}, "config.verify_token"),
        ({"graph_url": "http://graph.example.com"}, "config.graph_url"),
        ({"graph_url": "https://user@graph.example.com"}, "config.graph_url"),
        ({"graph_url": "graph.example.com"}, "config.graph_url"),
        ({"rate": 5}, "config.rate"),
    ],
)
def test_each_wrong_field_of_a_number_is_named(
    admin: Client, change: dict[str, Any], wrong: str
) -> None:
    config = {**CONFIG, **SECRETS, "phone_number_id": "12", **change}
    answer = admin.post(DEVICES, {"name": "wrong", "kind": "cloud", "config": config})

    assert_refused(answer, 400, "INVALID_REQUEST", wrong)


@pytest.mark.parametrize("config", [None, [], "x"], ids=["none", "list", "text"])
def test_an_official_number_needs_a_configuration(admin: Client, config: Any) -> None:
    answer = admin.post(DEVICES, {"name": "bare", "kind": "cloud", "config": config})
    without = admin.post(DEVICES, {"name": "bare", "kind": "cloud"})

    assert_refused(answer, 400, "INVALID_REQUEST", "config")
    assert_refused(without, 400, "INVALID_REQUEST", "config")


def test_a_pool_without_a_device_looks_nothing_up(admin: Client, server: Server) -> None:
    pool = admin.post(POOLS, {"name": "without"}).json()
    asker = Client.member(server, "asker")
    admin.patch(f"/api/admin/users/{asker.id}", {"pool_id": pool["id"]})

    answer = asker.post(f"{DEVICES}/check-numbers", {"numbers": ["27821234567"]})

    assert_refused(answer, 409, "CONFLICT")
