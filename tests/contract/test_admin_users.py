"""Admins manage accounts, by the contract."""

import json
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.client import PASSWORD, Client, assert_refused
from tests.support.server import Server

USERS, AUDIT = "/api/admin/users", "/api/admin/audit"
PROFILE = "/api/users/user/profile"
NOWHERE = 2**63 - 1
NUMBERS = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    return Client.admin(server)


@pytest.fixture
def name() -> str:
    """A username that nobody has."""
    return f"user{next(NUMBERS)}"


@pytest.fixture
def member(server: Server, name: str) -> Client:
    return Client.member(server, name)


def path(user: Client, tail: str = "") -> str:
    return f"{USERS}/{user.id}{tail}"


def test_an_account_is_created_with_all_it_is_given(server: Server, admin: Client) -> None:
    body = {
        "username": "Whole",
        "password": PASSWORD,
        "email": "whole@example.com",
        "notification_number": "+27 82 123 4567",
        "is_admin": True,
        "credits": 42,
        "pool_id": 1,
    }

    answer = admin.post(USERS, body)

    assert answer.status_code == 201
    user = answer.json()
    assert user == {
        "id": user["id"],
        "username": "Whole",
        "email": "whole@example.com",
        "notification_number": "27821234567",
        "credits": 42,
        "is_admin": True,
        "is_active": True,
        "pool_id": 1,
        "rate_limits": {},
        "weight": 1,
        "on_uncertain": "hold",
        "created_at": user["created_at"],
    }
    assert user["created_at"].endswith("Z")
    assert admin.get(f"{USERS}/{user['id']}").json() == user
    assert Client.new(server).login("whole")["credits"] == 42


def test_without_credits_an_account_gets_what_everybody_gets(admin: Client, name: str) -> None:
    body = {"username": name, "password": PASSWORD, "credits": None}

    assert admin.post(USERS, body).json()["credits"] == 100
    assert_refused(admin.post(USERS, body), 409, "CONFLICT")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": ""}, "username"),
        ({"password": "short"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"is_admin": "yes"}, "is_admin"),
        ({"credits": -1}, "credits"),
        ({"credits": 10**30}, "credits"),
        ({"pool_id": NOWHERE}, "pool_id"),
        ({"pool_id": 10**30}, "pool_id"),
        ({"is_active": False}, "is_active"),
    ],
)
def test_a_bad_field_of_a_new_account_is_named(
    admin: Client, changes: dict[str, object], field: str
) -> None:
    body = {"username": "nobody", "password": PASSWORD} | changes

    assert_refused(admin.post(USERS, body), 400, "INVALID_REQUEST", field)


def test_accounts_are_listed_page_by_page(server: Server, admin: Client) -> None:
    for number in range(3):
        Client.member(server, f"listed{number}")

    first = admin.get(USERS + "?per_page=2").json()
    pages = first["pagination"]["pages"]
    listed = [
        user
        for page in range(1, pages + 1)
        for user in admin.get(f"{USERS}?page={page}&per_page=2").json()["users"]
    ]

    assert first["pagination"] == {
        "page": 1,
        "per_page": 2,
        "total": len(listed),
        "pages": -(-len(listed) // 2),
    }
    assert listed[0]["username"] == "admin"
    assert [user["id"] for user in listed] == sorted({user["id"] for user in listed})
    assert admin.get(f"{USERS}?page={pages + 1}&per_page=2").json()["users"] == []
    assert admin.get(USERS + "?per_page=101").json()["pagination"]["per_page"] == 100


@pytest.mark.parametrize("query", ["page=0", "per_page=0", "page=x", "page=10000000000000000000"])
def test_a_page_that_cannot_be_is_refused(admin: Client, query: str) -> None:
    assert_refused(admin.get(f"{USERS}?{query}"), 400, "INVALID_REQUEST", query.partition("=")[0])


def test_limits_of_an_account_hold_from_the_next_request_on(admin: Client, member: Client) -> None:
    assert member.get(PROFILE).headers["ratelimit-limit"] == "300"

    user = admin.patch(path(member), {"rate_limits": {"default": "5/minute", "bulk": "off"}})

    assert user.json()["rate_limits"] == {"default": "5/minute", "bulk": "off"}
    assert member.get(PROFILE).headers["ratelimit-limit"] == "5"
    admin.patch(path(member), {"rate_limits": {"default": None}})
    assert member.get(PROFILE).headers["ratelimit-limit"] == "300"


@pytest.mark.parametrize("weight", [100, 7, 1])
def test_an_accounts_share_of_its_pool_is_set_and_shown(
    admin: Client, member: Client, weight: int
) -> None:
    user = admin.patch(path(member), {"weight": weight})

    assert user.json()["weight"] == weight
    assert admin.get(path(member)).json() == user.json()
    listed = admin.get(USERS + "?per_page=100").json()["users"]
    assert user.json() in listed


def test_who_becomes_an_admin_is_one_at_once(admin: Client, member: Client) -> None:
    assert_refused(member.get(USERS), 403, "FORBIDDEN")

    assert admin.patch(path(member), {"is_admin": True}).json()["is_admin"] is True

    assert member.get(USERS).status_code == 200
    assert admin.patch(path(member), {"is_admin": False}).json()["is_admin"] is False
    assert_refused(member.get(USERS), 403, "FORBIDDEN")


def test_a_password_set_by_an_admin_ends_the_sessions(
    server: Server, admin: Client, member: Client, name: str
) -> None:
    answer = admin.patch(path(member), {"password": "another password"})

    assert answer.status_code == 200
    assert "password" not in answer.text
    assert_refused(member.get(PROFILE), 401, "UNAUTHORIZED")
    Client.new(server).login(name, "another password")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pool_id": NOWHERE}, "pool_id"),
        ({"password": "short"}, "password"),
        ({"rate_limits": {"send": "often"}}, "rate_limits.send"),
        ({"rate_limits": {"auth": "5/minute"}}, "rate_limits.auth"),
        ({"rate_limits": "off"}, "rate_limits"),
        ({"is_active": 1}, "is_active"),
        ({"weight": 0}, "weight"),
        ({"weight": 101}, "weight"),
        ({"weight": 10**30}, "weight"),
        ({"weight": 1.5}, "weight"),
        ({"weight": True}, "weight"),
        ({"on_uncertain": "fail"}, "on_uncertain"),
    ],
)
def test_a_bad_change_is_refused_by_its_field(
    admin: Client, member: Client, body: dict[str, object], field: str
) -> None:
    before = admin.get(path(member)).json()

    assert_refused(admin.patch(path(member), body), 400, "INVALID_REQUEST", field)

    assert admin.get(path(member)).json() == before


def test_a_deleted_account_is_gone_and_its_name_is_free(
    server: Server, admin: Client, member: Client, name: str
) -> None:
    assert admin.delete(path(member)).status_code == 200

    for answer in (
        admin.get(path(member)),
        admin.delete(path(member)),
        admin.patch(path(member), {"is_active": True}),
        admin.get(path(member, "/statement")),
        admin.post(path(member, "/credits"), {"amount": 1, "reason": "too late"}),
    ):
        assert_refused(answer, 404, "NOT_FOUND")
    assert Client.member(server, name).id != member.id


@pytest.mark.parametrize("id", ["0", "-1", "x", "1.5", str(2**63), str(NOWHERE)])
def test_an_id_that_nobody_has_is_not_found(admin: Client, id: str) -> None:
    assert_refused(admin.get(f"{USERS}/{id}"), 404, "NOT_FOUND")


def test_credits_are_given_and_taken_but_never_below_zero(admin: Client, member: Client) -> None:
    def give(amount: object, reason: str = "because") -> object:
        return admin.post(path(member, "/credits"), {"amount": amount, "reason": reason}).json()

    assert give(20) == {"user_id": member.id, "credits": 120}
    assert give(-120) == {"user_id": member.id, "credits": 0}
    answer = admin.post(path(member, "/credits"), {"amount": -1, "reason": "more"})

    assert_refused(answer, 403, "INSUFFICIENT_CREDITS")
    assert admin.get(path(member)).json()["credits"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 0, "reason": "r"}, "amount"),
        ({"amount": 1.5, "reason": "r"}, "amount"),
        ({"amount": True, "reason": "r"}, "amount"),
        ({"amount": 10**30, "reason": "r"}, "amount"),
        ({"amount": 1}, "reason"),
        ({"amount": 1, "reason": " "}, "reason"),
        ({"amount": 1, "reason": "nul\0"}, "reason"),
    ],
)
def test_a_bad_gift_is_refused_by_its_field(
    admin: Client, body: dict[str, object], field: str
) -> None:
    answer = admin.post(f"{USERS}/{admin.id}/credits", body)

    assert_refused(answer, 400, "INVALID_REQUEST", field)


def test_everything_is_in_the_audit_log_without_secrets(admin: Client, name: str) -> None:
    created = admin.post(USERS, {"username": name, "password": PASSWORD, "credits": 1}).json()
    user = f"{USERS}/{created['id']}"
    admin.patch(user, {"password": "another password", "is_active": False})
    admin.post(user + "/credits", {"amount": 5, "reason": "a gift"})
    admin.delete(user)

    first = admin.get(AUDIT + "?per_page=3").json()
    second = admin.get(f"{AUDIT}?per_page=1&cursor={first['next_cursor']}").json()

    entries = first["entries"] + second["entries"]
    assert [(e["action"], e["target"], e["actor_id"]) for e in entries] == [
        (f"user.{deed}", f"user:{created['id']}", admin.id)
        for deed in ("deleted", "credited", "changed", "created")
    ]
    assert entries[2]["detail"] == {"is_active": False, "password": "changed"}
    assert entries[1]["detail"] == {"amount": 5, "reason": "a gift"}
    assert all(entry["at"].endswith("Z") for entry in entries)
    assert PASSWORD not in json.dumps(entries)
    assert "another password" not in json.dumps(entries)


@pytest.mark.parametrize("body", [{"is_active": False}, {"is_admin": False}, None])
def test_the_last_admin_stays(admin: Client, body: dict[str, object] | None) -> None:
    others = [
        user["id"]
        for user in admin.get(USERS + "?per_page=100").json()["users"]
        if user["is_admin"] and user["id"] != admin.id
    ]
    for id in others:
        admin.patch(f"{USERS}/{id}", {"is_admin": False})

    answer = admin.delete(path(admin)) if body is None else admin.patch(path(admin), body)

    assert_refused(answer, 409, "CONFLICT")
    assert admin.get(USERS).status_code == 200


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", USERS),
        ("POST", USERS),
        ("GET", f"{USERS}/1"),
        ("PATCH", f"{USERS}/1"),
        ("DELETE", f"{USERS}/1"),
        ("POST", f"{USERS}/1/credits"),
        ("GET", f"{USERS}/1/statement"),
        ("GET", AUDIT),
    ],
)
def test_only_admins_may(server: Server, member: Client, method: str, route: str) -> None:
    body: dict[str, object] | None = {} if method in ("POST", "PATCH") else None

    assert_refused(member.call(method, route, body), 403, "FORBIDDEN")
    assert_refused(Client.new(server).call(method, route, body), 401, "UNAUTHORIZED")
