"""Approved templates of a pool's numbers over HTTP: taken over, and shown as they stand."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.behind import query
from tests.support.client import Client, assert_refused
from tests.support.server import Server

IMPORT = "/api/templates/import"
NOTHING: dict[str, list[Any]] = {"created": [], "updated": [], "unchanged": [], "skipped": []}
NUMBER = {
    "name": "official",
    "kind": "cloud",
    "config": {
        "phone_number_id": "106540352242922",
        "business_account_id": "102290129340398",
        "access_token": "EAAG-of-a-test",
        "app_secret": "of-a-test",
        "verify_token": "of-a-test",
    },
}
TOLD = """
insert into provider_templates
    (business_account_id, name, language, provider_id, status, category, format, components,
     quality, reason, told_at)
values ('102290129340398', $1, 'en_US', $1, $2, 'UTILITY', 'POSITIONAL',
        '[{"type": "BODY", "text": "Hi {{1}}."}]', 'GREEN', $3, now())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an official number that nobody connects, so that only the test tells of it."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, "--no-worker", TRUSTED_PROXIES="127.0.0.1") as running:
        answer = Client.admin(running).post("/api/devices", NUMBER)
        assert answer.status_code == 201, answer.text
        query(running, TOLD, "order_update", "APPROVED", None)
        query(running, TOLD, "offer", "PAUSED", "LOW_QUALITY")
        yield running


def test_approved_templates_are_taken_over_once_and_the_rest_is_told(server: Server) -> None:
    me = Client.member(server, "importer")

    first, second = me.post(IMPORT), me.post(IMPORT)

    assert (first.status_code, second.status_code) == (200, 200)
    (made,) = first.json()["created"]
    assert made == {
        "id": made["id"],
        "name": "order_update",
        "provider_name": "order_update",
        "language": "en_US",
    }
    skipped = {
        "provider_name": "offer",
        "language": "en_US",
        "reason": "It is PAUSED at the provider.",
    }
    assert first.json() == NOTHING | {"created": [made], "skipped": [skipped]}
    assert second.json() == NOTHING | {"unchanged": [made], "skipped": [skipped]}


def test_what_was_taken_over_is_a_template_with_its_state(server: Server) -> None:
    me = Client.member(server, "reader")
    (made,) = me.post(IMPORT).json()["created"]

    shown = me.get(f"/api/templates/{made['id']}").json()

    assert (shown["body"], shown["variables"]) == ("Hi {{body_1}}.", ["body_1"])
    assert shown["provider"] == {
        "name": "order_update",
        "language": "en_US",
        "variables": ["body_1"],
        "parameter_format": "positional",
        "header": None,
        "buttons": [],
        "status": "APPROVED",
        "category": "UTILITY",
        "quality": "GREEN",
        "reason": None,
    }
    assert me.get("/api/templates").json()["templates"] == [shown]


def test_a_template_of_ones_own_shows_why_the_approved_one_rests(server: Server) -> None:
    me = Client.member(server, "writer")
    provider = {"name": "offer", "language": "en_US"}

    made = me.post("/api/templates", {"name": "mine", "body": "Hi", "provider": provider}).json()

    assert (made["provider"]["status"], made["provider"]["reason"]) == ("PAUSED", "LOW_QUALITY")


def test_those_of_another_pool_have_nothing_to_take_over(server: Server) -> None:
    admin, me = Client.admin(server), Client.member(server, "elsewhere")
    pool = admin.post("/api/admin/pools", {"name": "elsewhere"}).json()
    moved = admin.call("PATCH", f"/api/admin/users/{me.id}", {"pool_id": pool["id"]})
    assert moved.status_code == 200, moved.text

    assert me.post(IMPORT).json() == NOTHING


def test_an_import_takes_no_parameters(server: Server) -> None:
    me = Client.member(server, "asker")

    assert_refused(me.post(f"{IMPORT}?all=1"), 400, "INVALID_REQUEST", "all")
