"""Registering, signing in and out, by the contract."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.support.client import PASSWORD, Client, assert_refused
from tests.support.server import Server

LOGIN, REGISTER = "/api/auth/login", "/api/auth/register"
REFRESH, LOGOUT = "/api/auth/refresh", "/api/auth/logout"
CHANGE, PROFILE = "/api/auth/change-password", "/api/users/user/profile"
DAY = 86_400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    folder = tmp_path_factory.mktemp("server")
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "SIGNUP_CREDITS": "7"}
    with Server.started(folder, **settings) as running:
        yield running


@pytest.fixture
def visitor(server: Server) -> Client:
    return Client.new(server)


def registration(**changes: object) -> dict[str, object]:
    return {"username": "visitor", "password": PASSWORD} | changes


def without_id(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_a_login_answers_as_documented(server: Server) -> None:
    member = Client.member(server, "Documented")

    session = Client.new(server).login("documented")

    assert session == {
        "access_token": session["access_token"],
        "token_type": "Bearer",
        "user_id": member.id,
        "username": "Documented",
        "credits": 7,
        "is_admin": False,
        "expires_in": DAY,
        "refresh_token": session["refresh_token"],
    }
    claims = jwt.decode(session["access_token"], options={"verify_signature": False})
    assert claims["sub"] == str(member.id)
    assert claims["exp"] - claims["iat"] == DAY
    assert {"sid", "jti"} <= set(claims)


def test_the_administrator_is_told_so(server: Server) -> None:
    assert Client.admin(server).get(PROFILE).json()["is_admin"] is True


def test_a_registration_answers_as_documented(visitor: Client) -> None:
    answer = visitor.post(
        REGISTER,
        registration(
            username="newuser",
            password="securepassword",
            email="newuser@example.com",
            notification_number="27821234567",
        ),
    )

    assert answer.status_code == 201
    assert answer.json() == {
        "message": "User created successfully",
        "user_id": visitor.login("newuser", "securepassword")["user_id"],
    }


def test_null_is_as_if_it_were_not_there(visitor: Client) -> None:
    body = registration(username="nullable", email=None, notification_number=None)

    assert visitor.post(REGISTER, body).status_code == 201


def test_a_username_is_taken_in_any_case(server: Server, visitor: Client) -> None:
    Client.member(server, "Taken")

    assert_refused(visitor.post(REGISTER, registration(username="tAKEN")), 409, "CONFLICT")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"username", "password"}),
        (registration(password="short"), {"password"}),
        (registration(password="VISITOR-visitor", username="visitor-visitor"), {"password"}),
        (registration(password=12345678), {"password"}),
        (registration(password="p\0ssword123"), {"password"}),
        (registration(password="\ud800ssword123"), {"password"}),
        (registration(username=""), {"username"}),
        (registration(username=" visitor"), {"username"}),
        (registration(username="visi\0tor"), {"username"}),
        (registration(username="visi\udc00tor"), {"username"}),
        (registration(username=None), {"username"}),
        (registration(email="nobody"), {"email"}),
        (registration(email="a\0@example.com"), {"email"}),
        (registration(notification_number="12"), {"notification_number"}),
        (registration(notification_number=27821234567), {"notification_number"}),
        (registration(is_admin=True), {"is_admin"}),
        (registration(username="", password="", email=""), {"username", "password", "email"}),
    ],
)
def test_each_bad_field_is_named(visitor: Client, body: object, fields: set[str]) -> None:
    assert_refused(visitor.post(REGISTER, body), 400, "INVALID_REQUEST", *fields)


@pytest.mark.parametrize("route", [LOGIN, REGISTER, REFRESH])
@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_a_body_that_is_no_object_is_refused(visitor: Client, route: str, body: object) -> None:
    answer = visitor.post(route, body)

    assert_refused(answer, 400, "INVALID_REQUEST", "body")


def test_a_parameter_that_the_route_does_not_have_is_refused(visitor: Client) -> None:
    assert_refused(visitor.post(LOGIN + "?next=/", {}), 400, "INVALID_REQUEST", "next")


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(server: Server) -> None:
    Client.member(server, "Known")
    visitor = Client.new(server)
    answers = [
        visitor.post(LOGIN, {"username": name, "password": "not the password"})
        for name in ("Known", "Unknown")
    ]

    for answer in answers:
        assert_refused(answer, 401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert without_id(answers[0]) == without_id(answers[1])


def test_a_disabled_account_is_forbidden(server: Server) -> None:
    member, admin = Client.member(server, "Disabled"), Client.admin(server)
    path = f"/api/admin/users/{member.id}"
    assert member.get(PROFILE).status_code == 200

    assert admin.patch(path, {"is_active": False}).status_code == 200

    assert_refused(member.get(PROFILE), 403, "FORBIDDEN")
    login = {"username": "disabled", "password": PASSWORD}
    assert_refused(member.post(LOGIN, login), 403, "FORBIDDEN")
    wrong = login | {"password": "not the password"}
    assert_refused(member.post(LOGIN, wrong), 401, "UNAUTHORIZED")
    assert admin.patch(path, {"is_active": True}).status_code == 200
    assert member.get(PROFILE).status_code == 200


def none_token(token: str) -> str:
    """The same claims under `alg` none, without a signature."""
    _, claims, _ = token.split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    return f"{header.decode().rstrip('=')}.{claims}."


def test_tokens_that_are_not_ours_are_nobody(server: Server) -> None:
    member = Client.member(server, "Forger")
    assert member.token is not None
    claims = jwt.decode(member.token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(member.token)["kid"]
    strange = [
        "garbage",
        none_token(member.token),
        jwt.encode(claims, "x" * 32, "HS256", headers={"kid": kid}),
        jwt.encode(claims, "x" * 32, "HS256", headers={"kid": "other"}),
        member.token[:-4] + "AAAA",
        None,
    ]

    for token in strange:
        answer = Client(server, member.address, token).get(PROFILE)
        assert_refused(answer, 401, "UNAUTHORIZED")
        assert answer.json()["message"] == "Invalid or missing authentication token"


def test_the_token_of_a_deleted_account_is_nobodys(server: Server) -> None:
    member, admin = Client.member(server, "Deleted"), Client.admin(server)
    assert member.get(PROFILE).status_code == 200

    assert admin.delete(f"/api/admin/users/{member.id}").status_code == 200

    assert_refused(member.get(PROFILE), 401, "UNAUTHORIZED")
    login = {"username": "deleted", "password": PASSWORD}
    assert_refused(member.post(LOGIN, login), 401, "UNAUTHORIZED")


def test_a_refresh_gives_a_new_pair_and_its_token_works_once(server: Server) -> None:
    member = Client.member(server, "Refresher")
    first = member.login("refresher")
    body = {"refresh_token": first["refresh_token"]}

    answer = member.post(REFRESH, body)

    assert answer.status_code == 200
    second = answer.json()
    assert second == {
        "access_token": second["access_token"],
        "token_type": "Bearer",
        "expires_in": DAY,
        "refresh_token": second["refresh_token"],
    }
    assert second["refresh_token"] != first["refresh_token"]
    member.token = second["access_token"]
    assert member.get(PROFILE).status_code == 200
    assert_refused(member.post(REFRESH, body), 401, "UNAUTHORIZED")
    assert_refused(member.get(PROFILE), 401, "UNAUTHORIZED")
    family = {"refresh_token": second["refresh_token"]}
    assert_refused(member.post(REFRESH, family), 401, "UNAUTHORIZED")


def test_a_logout_ends_this_session_at_once(server: Server) -> None:
    here = Client.member(server, "Leaver")
    there = Client.new(server)
    there.login("leaver")
    assert here.get(PROFILE).status_code == 200

    answer = here.post(LOGOUT)

    assert answer.status_code == 200
    assert set(answer.json()) == {"message"}
    assert_refused(here.get(PROFILE), 401, "UNAUTHORIZED")
    assert_refused(here.post(LOGOUT), 401, "UNAUTHORIZED")
    assert there.get(PROFILE).status_code == 200


def test_a_new_password_ends_all_sessions_at_once(server: Server) -> None:
    here = Client.member(server, "Changer")
    there = Client.new(server)
    there.login("changer")
    body = {"current_password": PASSWORD, "new_password": "another password"}
    assert there.get(PROFILE).status_code == 200

    answer = here.post(CHANGE, body)

    assert answer.status_code == 200
    assert set(answer.json()) == {"message"}
    for session in (here, there):
        assert_refused(session.get(PROFILE), 401, "UNAUTHORIZED")
    old = {"username": "changer", "password": PASSWORD}
    assert_refused(here.post(LOGIN, old), 401, "UNAUTHORIZED")
    here.login("changer", "another password")


@pytest.mark.parametrize(
    ("changes", "status", "code", "fields"),
    [
        ({"current_password": "not the password"}, 401, "UNAUTHORIZED", ()),
        ({"new_password": "short"}, 400, "INVALID_REQUEST", ("new_password",)),
        ({"new_password": "KEEPER-keeper"}, 400, "INVALID_REQUEST", ("new_password",)),
        ({"new_password": None}, 400, "INVALID_REQUEST", ("new_password",)),
    ],
)
def test_a_refused_change_of_password_changes_nothing(
    server: Server, changes: dict[str, object], status: int, code: str, fields: tuple[str, ...]
) -> None:
    keeper = Client.new(server)
    keeper.post(REGISTER, registration(username="keeper-keeper"))
    keeper.login("keeper-keeper")
    body = {"current_password": PASSWORD, "new_password": "another password"} | changes

    assert_refused(keeper.post(CHANGE, body), status, code, *fields)

    assert keeper.get(PROFILE).status_code == 200


def test_the_eleventh_login_in_a_minute_is_refused_at_one_address(server: Server) -> None:
    Client.member(server, "Eager")
    eager, other = Client.new(server), Client.new(server)
    body = {"username": "eager", "password": PASSWORD}

    answers = [eager.post(LOGIN, body) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert [int(answer.headers["ratelimit-remaining"]) for answer in answers[:10]] == [
        *reversed(range(10))
    ]
    refusal = answers[-1]
    assert_refused(refusal, 429, "RATE_LIMITED")
    assert refusal.headers.get_list("ratelimit-limit") == ["10"]
    assert refusal.headers.get_list("ratelimit-remaining") == ["0"]
    assert 0 < int(refusal.headers["retry-after"]) <= 60
    assert_refused(eager.post(REGISTER, registration()), 429, "RATE_LIMITED")
    assert other.post(LOGIN, body).status_code == 200


def test_where_registration_is_closed_nobody_registers(tmp_path: Path) -> None:
    with Server.started(tmp_path, REGISTRATION="closed") as server:
        answer = server.post(REGISTER, registration())

    assert_refused(answer, 403, "FORBIDDEN")
