"""What people read and change about themselves, by the contract."""

import re
from collections.abc import Iterator

import pytest

from tests.support.client import Client, assert_refused
from tests.support.server import Server

CREDITS, PROFILE = "/api/users/user/credits", "/api/users/user/profile"
STATEMENT = "/api/users/user/statement"
ZULU = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    return Client.admin(server)


def test_the_balance_is_answered_as_documented(server: Server) -> None:
    assert Client.member(server, "Rich").get(CREDITS).json() == {"credits": 100, "username": "Rich"}


def test_the_profile_is_answered_as_documented(server: Server) -> None:
    member = Client.member(server, "Profiled")

    profile = member.get(PROFILE).json()

    assert profile == {
        "id": member.id,
        "username": "Profiled",
        "email": None,
        "notification_number": None,
        "credits": 100,
        "is_admin": False,
        "on_uncertain": "hold",
        "created_at": profile["created_at"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", profile["created_at"])


def test_a_profile_is_changed_field_by_field(server: Server) -> None:
    member = Client.member(server, "Mover")
    before = member.get(PROFILE).json()

    first = member.patch(PROFILE, {"email": "mover@example.com", "notification_number": None})
    second = member.patch(PROFILE, {"notification_number": "+27 82 123-4567"})

    assert first.json() == before | {"email": "mover@example.com"}
    assert second.json() == first.json() | {"notification_number": "27821234567"}
    assert member.get(PROFILE).json() == second.json()


@pytest.mark.parametrize("policy", ["resend", "fail", "hold"])
def test_what_an_uncertain_message_does_is_chosen_in_the_profile(
    server: Server, admin: Client, policy: str
) -> None:
    member = Client.member(server, f"Chooser{policy}")
    before = member.get(PROFILE).json()

    answer = member.patch(PROFILE, {"on_uncertain": policy})

    assert answer.json() == before | {"on_uncertain": policy}
    assert admin.get(f"/api/admin/users/{member.id}").json()["on_uncertain"] == policy
    member.patch(PROFILE, {"on_uncertain": None})
    assert member.get(PROFILE).json() == answer.json()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"on_uncertain": "retry"}, "on_uncertain"),
        ({"on_uncertain": 1}, "on_uncertain"),
        ({"weight": 2}, "weight"),
        ({"email": 5}, "email"),
        ({"notification_number": "12"}, "notification_number"),
        ({"username": "other"}, "username"),
        ({"credits": 5}, "credits"),
        ({"x\ud800": 5}, "body"),
    ],
)
def test_what_cannot_be_changed_is_refused_by_its_field(
    admin: Client, body: dict[str, object], field: str
) -> None:
    assert_refused(admin.patch(PROFILE, body), 400, "INVALID_REQUEST", field)


def test_a_statement_tells_every_move_newest_first_page_by_page(
    server: Server, admin: Client
) -> None:
    member = Client.member(server, "Accountant")
    for amount in (5, -3, 8):
        body = {"amount": amount, "reason": f"moves {amount}"}
        assert admin.post(f"/api/admin/users/{member.id}/credits", body).status_code == 200

    first = member.get(STATEMENT + "?per_page=3").json()
    last = member.get(f"{STATEMENT}?per_page=3&cursor={first['next_cursor']}").json()

    entries = first["entries"] + last["entries"]
    assert last["next_cursor"] is None
    assert [entry["number"] for entry in entries] == [4, 3, 2, 1]
    assert [(e["amount"], e["balance"], e["kind"], e["reason"]) for e in entries] == [
        (8, 110, "grant", "moves 8"),
        (-3, 102, "grant", "moves -3"),
        (5, 105, "grant", "moves 5"),
        (100, 100, "signup", None),
    ]
    assert all(ZULU.fullmatch(entry["at"]) and entry["queue_id"] is None for entry in entries)
    as_admin = admin.get(f"/api/admin/users/{member.id}/statement?per_page=1000000")
    assert as_admin.json() == {"entries": entries, "next_cursor": None}


def test_a_send_stands_in_the_statement_with_its_message(server: Server) -> None:
    member = Client.member(server, "Sender")
    body = {"number": "27821234567", "message": "Hello"}
    sent = member.post("/api/messages/send-message", body).json()

    entry = member.get(STATEMENT).json()["entries"][0]

    assert (entry["queue_id"], entry["amount"], entry["kind"]) == (sent["queue_id"], -1, "charge")
    assert member.get(CREDITS).json()["credits"] == 99


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("per_page=0", "per_page"),
        ("per_page=many", "per_page"),
        ("cursor=made-up", "cursor"),
        ("cursor=", "cursor"),
        ("page=2", "page"),
    ],
)
def test_a_bad_query_is_refused_by_its_parameter(admin: Client, query: str, field: str) -> None:
    assert_refused(admin.get(f"{STATEMENT}?{query}"), 400, "INVALID_REQUEST", field)


@pytest.mark.parametrize("path", [CREDITS, PROFILE, STATEMENT])
def test_without_a_token_there_is_nothing_to_see(server: Server, path: str) -> None:
    assert_refused(Client.new(server).get(path), 401, "UNAUTHORIZED")


def test_answers_carry_the_limit_of_everything_else(server: Server) -> None:
    headers = Client.member(server, "Limited").get(CREDITS).headers

    assert headers["ratelimit-limit"] == "300"
    assert headers["ratelimit-remaining"] == "299"
    assert 0 <= int(headers["ratelimit-reset"]) <= 60
