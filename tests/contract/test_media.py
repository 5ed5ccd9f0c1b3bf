"""Files over HTTP: kept, named by sends, and given back to their owner alone."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.client import Client, assert_refused
from tests.support.samples import JPEG, PDF, PNG
from tests.support.server import Server

MEDIA = "/api/media"
SEND = "/api/messages/send-message"
BULK = "/api/messages/send-bulk-message"
NUMBER = "27821234567"
LINK = "https://example.com/a.png"
MEGABYTE = 1 << 20
LONG = PDF + bytes(range(256)) * 8192
ROOM = 150 * MEGABYTE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    folder = tmp_path_factory.mktemp("server")
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "MEDIA_BYTES_PER_ACCOUNT": str(ROOM)}
    with Server.started(folder, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: Server) -> Client:
    return Client.member(server, "owner")


@pytest.fixture(scope="module")
def stranger(server: Server) -> Client:
    return Client.member(server, "stranger")


def upload(client: Client, **form: Any) -> httpx.Response:
    """Post a form: `file` as httpx takes it, the rest are fields."""
    file = {name: form.pop(name) for name in list(form) if not isinstance(form[name], str)}
    headers = {"X-Forwarded-For": client.address, "Authorization": f"Bearer {client.token}"}
    url = client.server.url + MEDIA
    return httpx.post(url, headers=headers, files=file, data=form, timeout=60)


def kept(client: Client, content: bytes, filename: str, **form: Any) -> dict[str, Any]:
    answer = upload(client, file=(filename, content), **form)
    assert answer.status_code == 201, answer.text
    file: dict[str, Any] = answer.json()
    return file


def test_a_file_is_kept_and_given_back_as_it_came(owner: Client) -> None:
    file = kept(owner, LONG, "Bill é.pdf")

    assert file == {
        "media_id": file["media_id"],
        "type": "document",
        "mime": "application/pdf",
        "filename": "Bill é.pdf",
        "size": len(LONG),
        "sha256": hashlib.sha256(LONG).hexdigest(),
        "created_at": file["created_at"],
        "keep_until": file["keep_until"],
    }
    found = owner.get(f"{MEDIA}/{file['media_id']}")
    assert (found.status_code, found.content) == (200, LONG)
    assert found.headers["content-type"] == "application/pdf"
    assert found.headers["content-length"] == str(len(LONG))


def test_no_browser_shows_it_or_takes_it_for_a_page_of_ours(owner: Client) -> None:
    page = kept(owner, b"<script>alert(1)</script>", "a';é.html", type="document")

    headers = owner.get(f"{MEDIA}/{page['media_id']}").headers

    assert headers["content-disposition"] == "attachment; filename*=UTF-8''a%27%3B%C3%A9.html"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert "no-store" in headers["cache-control"]


def test_the_same_file_has_the_same_id(owner: Client, stranger: Client) -> None:
    first, again = (kept(owner, PNG, "a.png")["media_id"] for _ in range(2))

    assert first == again
    assert kept(stranger, PNG, "a.png")["media_id"] != first


def test_it_is_its_owners_alone(owner: Client, stranger: Client) -> None:
    path = f"{MEDIA}/{kept(owner, PNG, 'secret.png')['media_id']}"

    for client in (stranger, Client.admin(owner.server)):
        assert_refused(client.get(path), 404, "NOT_FOUND")
        assert_refused(client.delete(path), 404, "NOT_FOUND")
    assert owner.get(path).content == PNG


def test_a_deleted_one_is_gone(owner: Client) -> None:
    path = f"{MEDIA}/{kept(owner, PNG, 'gone.png')['media_id']}"

    assert owner.delete(path).status_code == 200

    assert_refused(owner.get(path), 404, "NOT_FOUND")
    assert_refused(owner.delete(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("media_id", ["1", "med_1", "%00", "med_" + "0" * 32])
def test_what_is_no_id_is_not_found(owner: Client, media_id: str) -> None:
    assert_refused(owner.get(f"{MEDIA}/{media_id}"), 404, "NOT_FOUND")


def test_the_list_goes_on_from_its_cursor_and_tells_the_size_of_all(server: Server) -> None:
    reader = Client.member(server, "reader")
    made = [kept(reader, PNG + bytes([n]), f"{n}.png") for n in range(3)]

    first = reader.get(f"{MEDIA}?per_page=2").json()
    second = reader.get(f"{MEDIA}?per_page=2&cursor={first['next_cursor']}").json()

    assert first["files"] + second["files"] == made[::-1]
    assert second["next_cursor"] is None
    assert first["total_size"] == 3 * (len(PNG) + 1)
    for query in ("cursor=x", "per_page=0", "page=1"):
        field = query.partition("=")[0]
        assert_refused(reader.get(f"{MEDIA}?{query}"), 400, "INVALID_REQUEST", field)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        pytest.param({"file": (None, "a text")}, "file", id="a text"),
        pytest.param({"file": ("a.png", b"")}, "file", id="empty"),
        pytest.param({"file": ("a.png", PNG), "type": "sticker"}, "type", id="no type"),
        pytest.param({"file": ("a.png", PNG), "caption": "Hi"}, "caption", id="a field"),
        pytest.param({"type": (None, "image")}, "file", id="no file"),
        pytest.param({"file": ("a.png", PDF, "image/png")}, "file", id="not what it says"),
        pytest.param({"file": ("a.png", PNG), "type": "audio"}, "file", id="not what is wanted"),
        pytest.param({"file": ("a.jpg", JPEG + bytes(5 * MEGABYTE))}, "file", id="large"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_field(
    owner: Client, form: dict[str, Any], field: str
) -> None:
    assert_refused(upload(owner, **form), 400, "INVALID_REQUEST", field)


def test_two_files_at_once_are_refused(owner: Client) -> None:
    headers = {"Authorization": f"Bearer {owner.token}", "X-Forwarded-For": owner.address}
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]

    answer = httpx.post(owner.server.url + MEDIA, headers=headers, files=files, timeout=30)

    assert_refused(answer, 400, "INVALID_REQUEST", "body")


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\nno header\r\n\r\n", b"\0" * 100], ids=["none", "a", "b", "c"]
)
def test_what_is_no_form_is_refused(owner: Client, body: bytes) -> None:
    headers = {
        "Authorization": f"Bearer {owner.token}",
        "X-Forwarded-For": owner.address,
        "Content-Type": "multipart/form-data; boundary=x",
    }

    answer = httpx.post(owner.server.url + MEDIA, headers=headers, content=body, timeout=30)

    assert answer.status_code == 400
    assert answer.json()["error"] == "INVALID_REQUEST"


def test_only_forms_are_taken_there_and_nowhere_else(owner: Client) -> None:
    assert_refused(owner.post(MEDIA, {}), 415, "UNSUPPORTED_MEDIA_TYPE")
    headers = {"Authorization": f"Bearer {owner.token}", "X-Forwarded-For": owner.address}
    url = owner.server.url + SEND
    answer = httpx.post(url, headers=headers, files={"file": ("a.png", PNG)}, timeout=30)
    assert_refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_the_largest_document_is_taken_and_a_larger_one_is_not(server: Server) -> None:
    archivist = Client.member(server, "archivist")
    most = PDF + bytes(100 * MEGABYTE - len(PDF))

    file = kept(archivist, most, "large.pdf")

    found = archivist.get(f"{MEDIA}/{file['media_id']}")
    assert hashlib.sha256(found.content).hexdigest() == file["sha256"]
    one_more = upload(archivist, file=("large.pdf", most + b"x"))
    assert_refused(one_more, 400, "INVALID_REQUEST", "file")
    far_more = upload(archivist, file=("large.pdf", most + bytes(MEGABYTE)))
    assert_refused(far_more, 413, "PAYLOAD_TOO_LARGE")
    assert_refused(upload(archivist, file=("b.pdf", most[:-1])), 409, "CONFLICT")


def test_nobody_without_a_token_is_read(server: Server) -> None:
    answer = upload(Client.new(server), file=("a.png", PNG))

    assert_refused(answer, 401, "UNAUTHORIZED")


def accepted(client: Client, route: str, body: dict[str, Any]) -> None:
    answer = client.post(route, body)
    assert answer.status_code == 200, answer.text


def test_sends_name_files_at_links_and_kept_ones(owner: Client) -> None:
    media_id = kept(owner, PNG, "sent.png")["media_id"]

    for media in (
        {"url": LINK, "type": "image"},
        {"url": LINK, "type": "document", "filename": "a.png", "caption": "Look"},
        {"media_id": media_id},
        {"media_id": media_id, "type": "document", "caption": "As it is"},
    ):
        accepted(owner, SEND, {"number": NUMBER, "media": media})
        accepted(owner, BULK, {"numbers": [NUMBER], "media": media})
    accepted(owner, SEND, {"number": NUMBER, "message": "Look", "media": {"media_id": media_id}})


@pytest.mark.parametrize(
    ("media", "field"),
    [
        ({"url": LINK}, "media.type"),
        ({"url": "example.com", "type": "image"}, "media.url"),
        ({"media_id": "med_1"}, "media.media_id"),
        ({"url": LINK, "type": "audio", "caption": "x"}, "media.caption"),
        ({"url": LINK, "type": "image", "caption": "x" * 1025}, "media.caption"),
        ({"url": LINK, "type": "image", "alt": "x"}, "media.alt"),
    ],
    ids=json.dumps,
)
def test_a_send_with_what_is_no_file_is_refused(
    owner: Client, media: dict[str, Any], field: str
) -> None:
    answer = owner.post(SEND, {"number": NUMBER, "media": media})

    assert_refused(answer, 400, "INVALID_REQUEST", field)


def test_another_accounts_file_is_none(owner: Client, stranger: Client) -> None:
    media = {"media_id": kept(owner, PNG, "mine.png")["media_id"]}

    answer = stranger.post(SEND, {"number": NUMBER, "media": media})

    assert_refused(answer, 400, "INVALID_REQUEST", "media.media_id")


def test_a_refused_send_costs_nothing(server: Server) -> None:
    client = Client.member(server, "careful")
    before = client.get("/api/users/user/credits").json()["credits"]

    client.post(SEND, {"number": NUMBER, "media": {"media_id": "med_" + "0" * 32}})

    assert client.get("/api/users/user/credits").json()["credits"] == before
