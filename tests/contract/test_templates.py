"""Templates over HTTP."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import Client, assert_refused
from tests.support.server import Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TEMPLATES = "/api/templates"
BODY = "Hello {{name}}, your order {{ order_id }} is on its way, {{name}}."

UNKNOWN = {"status": None, "category": None, "quality": None, "reason": None}
LINK = "https://example.com/a.png"
KEPT = "med_01920000000070008000000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def ann(server: Server) -> Client:
    return Client.member(server, "ann")


@pytest.fixture(scope="module")
def bob(server: Server) -> Client:
    return Client.member(server, "bob")


def create(owner: Client, name: str, body: str = BODY, **more: Any) -> dict[str, Any]:
    answer = owner.post(TEMPLATES, {"name": name, "body": body, **more})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def path(template: dict[str, Any], tail: str = "") -> str:
    return f"{TEMPLATES}/{template['id']}{tail}"


def test_a_template_is_created_and_shown(ann: Client) -> None:
    provider = {"name": "order_v1", "language": "en_US", "variables": ["order_id", "name"]}
    created = create(ann, " shown ", language="en", category="utility", provider=provider)

    assert TIME.fullmatch(created["created_at"])
    assert created == {
        "id": created["id"],
        "name": "shown",
        "body": BODY,
        "language": "en",
        "category": "utility",
        "provider": {
            **provider,
            "parameter_format": "positional",
            "header": None,
            "buttons": [],
            **UNKNOWN,
        },
        "variables": ["name", "order_id"],
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert ann.get(path(created)).json() == created


def test_an_approved_template_is_shown_with_all_its_parts(ann: Client) -> None:
    provider = {
        "name": "n" * 512,
        "language": "de",
        "variables": ["name"],
        "parameter_format": "named",
        "header": {"variables": ["shop"]},
        "buttons": [{"index": 1, "kind": "url", "variable": "path"}],
    }
    created = create(ann, "all parts", "Hello {{name}}", provider=provider)

    shown = {**provider, "header": {"variables": ["shop"], "media": None}, **UNKNOWN}
    assert created["provider"] == shown
    assert created["variables"] == ["name", "shop", "path"]
    assert ann.get(path(created)).json() == created


@pytest.mark.parametrize(
    "media",
    [
        {"type": "image"},
        {"type": "video", "url": LINK},
        {"type": "document", "media_id": KEPT, "filename": "bill.pdf"},
    ],
    ids=["each send brings one", "at a link", "kept here"],
)
def test_a_header_may_show_a_file(ann: Client, media: dict[str, str]) -> None:
    provider = {"name": "p", "language": "en", "header": {"media": media}}
    created = create(ann, f"shows {media['type']}", "Hello", provider=provider)

    nothing = {"url": None, "media_id": None, "filename": None}
    assert created["provider"]["header"] == {"variables": [], "media": nothing | media}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"parameter_format": "NAMED"}, "parameter_format"),
        ({"status": "APPROVED"}, "status"),
        ({"header": {}}, "header"),
        ({"header": {"variables": []}}, "header"),
        ({"header": {"variables": ["a"], "media": {"type": "image"}}}, "header"),
        ({"header": {"variables": ["1"]}}, "header.variables.0"),
        ({"header": {"media": {}}}, "header.media.type"),
        ({"header": {"media": {"type": "audio"}}}, "header.media.type"),
        ({"header": {"media": {"type": "image", "url": "x"}}}, "header.media.url"),
        ({"header": {"media": {"type": "image", "media_id": "7"}}}, "header.media.media_id"),
        ({"header": {"media": {"type": "image", "url": LINK, "media_id": KEPT}}}, "header.media"),
        ({"header": {"media": {"type": "document", "filename": "a"}}}, "header.media"),
        ({"buttons": [{"index": 0, "kind": "url"}]}, "buttons.0.variable"),
        ({"buttons": [{"index": 10, "kind": "url", "variable": "a"}]}, "buttons.0.index"),
        ({"buttons": [{"index": 0, "kind": "flow", "variable": "a"}]}, "buttons.0.kind"),
        ({"buttons": [{"index": 0, "kind": "url", "variable": "a"}] * 2}, "buttons.1.index"),
        ({"name": "n" * 513}, "name"),
    ],
)
def test_each_wrong_field_of_an_approved_template_is_named(
    ann: Client, more: dict[str, Any], wrong: str
) -> None:
    provider = {"name": "p", "language": "en", **more}

    answer = ann.post(TEMPLATES, {"name": "a", "body": "x", "provider": provider})

    assert_refused(answer, 400, "INVALID_REQUEST", f"provider.{wrong}")


def test_a_send_has_to_bring_what_the_header_and_the_buttons_need(ann: Client) -> None:
    provider = {
        "name": "p",
        "language": "en",
        "header": {"variables": ["shop"]},
        "buttons": [{"index": 0, "kind": "copy_code", "variable": "code"}],
    }
    created = create(ann, "needy", "Hello {{name}}", provider=provider)
    send = {"number": "27821234567", "template_id": created["id"], "variables": {"name": "Ann"}}

    refused = ann.post("/api/messages/send-message", send)
    preview = ann.post(path(created, "/preview"), {"variables": {"name": "Ann"}})

    for answer in (refused, preview):
        assert_refused(answer, 400, "INVALID_REQUEST", "variables.shop", "variables.code")


def test_what_is_left_out_or_null_is_null(ann: Client) -> None:
    created = create(ann, "plain", "Good day", language=None)

    assert (created["language"], created["category"], created["provider"]) == (None, None, None)
    assert created["variables"] == []


def test_a_put_replaces_the_template(ann: Client) -> None:
    created = create(ann, "replaced", language="en")

    answer = ann.call("PUT", path(created), {"name": "replaced", "body": "Bye {{who}}"})

    assert answer.status_code == 200
    assert answer.json()["language"] is None
    assert answer.json()["variables"] == ["who"]
    assert answer.json() == ann.get(path(created)).json()


def test_a_put_needs_name_and_body(ann: Client) -> None:
    created = create(ann, "needed")

    answer = ann.call("PUT", path(created), {"language": "en"})

    assert_refused(answer, 400, "INVALID_REQUEST", "name", "body")


def test_a_deleted_template_is_gone(ann: Client) -> None:
    created = create(ann, "deleted")

    deleted = ann.delete(path(created))

    assert (deleted.status_code, set(deleted.json())) == (200, {"message"})
    assert_refused(ann.delete(path(created)), 404, "NOT_FOUND")
    assert_refused(ann.get(path(created)), 404, "NOT_FOUND")


def test_the_list_is_paged_newest_first(server: Server) -> None:
    owner = Client.member(server, "lister")
    made = [create(owner, f"t{n}") for n in range(3)]

    first = owner.get(f"{TEMPLATES}?page=1&per_page=2").json()
    second = owner.get(f"{TEMPLATES}?page=2&per_page=2").json()
    default = owner.get(TEMPLATES).json()
    many = owner.get(f"{TEMPLATES}?per_page=1000").json()

    assert first["templates"] == [made[2], made[1]]
    assert second["templates"] == [made[0]]
    assert first["pagination"] == {"page": 1, "per_page": 2, "total": 3, "pages": 2}
    assert default["pagination"] == {"page": 1, "per_page": 10, "total": 3, "pages": 1}
    assert many["pagination"]["per_page"] == 100


@pytest.mark.parametrize("query", ["page=0", "per_page=0", "page=x", "sort=a", "page=9999999999"])
def test_a_query_that_cannot_be_is_refused(ann: Client, query: str) -> None:
    answer = ann.get(f"{TEMPLATES}?{query}")

    assert_refused(answer, 400, "INVALID_REQUEST", query.partition("=")[0])


def test_a_name_is_taken_once_whatever_its_case(ann: Client, bob: Client) -> None:
    create(ann, "Taken")

    assert_refused(ann.post(TEMPLATES, {"name": "tAKEN", "body": "x"}), 409, "CONFLICT")
    create(bob, "taken")


def test_renaming_to_a_taken_name_is_refused(ann: Client) -> None:
    create(ann, "first of two")
    second = create(ann, "second of two")

    answer = ann.call("PUT", path(second), {"name": "FIRST of two", "body": "x"})

    assert_refused(answer, 409, "CONFLICT")
    assert ann.get(path(second)).json() == second


def test_another_accounts_template_does_not_exist(ann: Client, bob: Client) -> None:
    private = create(ann, "private")

    assert_refused(bob.get(path(private)), 404, "NOT_FOUND")
    assert_refused(bob.call("PUT", path(private), {"name": "x", "body": "x"}), 404, "NOT_FOUND")
    assert_refused(bob.delete(path(private)), 404, "NOT_FOUND")
    assert_refused(bob.post(path(private, "/preview"), {}), 404, "NOT_FOUND")
    assert private not in bob.get(f"{TEMPLATES}?per_page=100").json()["templates"]
    assert ann.get(path(private)).json() == private


@pytest.mark.parametrize("id", ["0", "-1", "x", "1.5", str(2**63), "msg_1", "%00"])
def test_an_id_that_cannot_be_one_is_not_found(ann: Client, id: str) -> None:
    assert_refused(ann.get(f"{TEMPLATES}/{id}"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["name", "body"]),
        ({"name": "a", "body": ""}, ["body"]),
        ({"name": "a", "body": "x" * 4097}, ["body"]),
        ({"name": "a", "body": "x\0"}, ["body"]),
        ({"name": "a", "body": "\ud800"}, ["body"]),
        ({"name": "", "body": "x"}, ["name"]),
        ({"name": "  ", "body": "x"}, ["name"]),
        ({"name": "x" * 101, "body": "x"}, ["name"]),
        ({"name": 5, "body": "x"}, ["name"]),
        ({"name": None, "body": "x"}, ["name"]),
        ({"name": "a", "body": "x", "colour": "red"}, ["colour"]),
        ({"name": "a", "body": "x", "language": 1}, ["language"]),
        ({"name": "a", "body": "x", "provider": {}}, ["provider.name", "provider.language"]),
        (
            {
                "name": "a",
                "body": "{{x}}",
                "provider": {"name": "p", "language": "en", "variables": ["x", "y"]},
            },
            ["provider.variables.1"],
        ),
        ([], ["body"]),
    ],
)
def test_each_wrong_field_is_named(ann: Client, body: Any, wrong: list[str]) -> None:
    assert_refused(ann.post(TEMPLATES, body), 400, "INVALID_REQUEST", *wrong)


def test_an_unknown_field_that_cannot_be_written_is_refused_like_others(ann: Client) -> None:
    answer = ann.post(TEMPLATES, {"name": "a", "body": "x", "\ud800": 1})

    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_REQUEST")


def test_a_body_of_4096_characters_of_four_bytes_is_kept(ann: Client) -> None:
    created = create(ann, "emoji", "😀" * 4096)

    assert ann.get(path(created)).json()["body"] == "😀" * 4096


def test_a_preview_shows_the_text_that_a_send_would_have(ann: Client) -> None:
    created = create(ann, "previewed")
    variables = {"name": "{{name}}", "order_id": 7, "more": []}

    answer = ann.post(path(created, "/preview"), {"variables": variables})

    assert answer.status_code == 200
    assert answer.json() == {"message": "Hello {{name}}, your order 7 is on its way, {{name}}."}


@pytest.fixture(scope="module")
def named(ann: Client) -> dict[str, Any]:
    return create(ann, "named")


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        (None, ["variables.name", "variables.order_id"]),
        ({}, ["variables.name", "variables.order_id"]),
        ({"name": "x"}, ["variables.order_id"]),
        ({"name": None, "order_id": 1}, ["variables.name"]),
        ({"name": {"a": 1}, "order_id": ["x"]}, ["variables.name", "variables.order_id"]),
        ({"name": "\0", "order_id": True}, ["variables.name"]),
        ({"name": float("nan"), "order_id": 1.5}, ["variables.name"]),
        ({"name": "x" * 4097, "order_id": 1}, ["variables"]),
        ("x", ["variables"]),
    ],
)
def test_a_variable_that_is_missing_or_no_text_is_named(
    ann: Client, named: dict[str, Any], variables: Any, wrong: list[str]
) -> None:
    answer = ann.post(path(named, "/preview"), {"variables": variables})

    assert_refused(answer, 400, "INVALID_REQUEST", *wrong)
    assert all(field in answer.json()["message"] for field in wrong)


@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("GET", TEMPLATES),
        ("POST", TEMPLATES),
        ("GET", f"{TEMPLATES}/1"),
        ("PUT", f"{TEMPLATES}/1"),
        ("DELETE", f"{TEMPLATES}/1"),
        ("POST", f"{TEMPLATES}/1/preview"),
        ("POST", f"{TEMPLATES}/import"),
    ],
)
def test_nothing_is_for_those_without_a_token(server: Server, method: str, where: str) -> None:
    body = {} if method in ("POST", "PUT") else None

    assert_refused(Client.new(server).call(method, where, body), 401, "UNAUTHORIZED")


def test_an_accepted_message_keeps_its_text_whatever_becomes_of_the_template(ann: Client) -> None:
    created = create(ann, "short-lived", "Hello {{name}}")
    send = {"number": "27821234567", "template_id": created["id"], "variables": {"name": "Ann"}}

    queue_id = ann.post("/api/messages/send-message", send).json()["queue_id"]
    ann.call("PUT", path(created), {"name": "short-lived", "body": "Bye"})
    ann.delete(path(created))

    status = ann.get(f"/api/messages/message-status/{queue_id}").json()
    assert status["message"] == "Hello Ann"
