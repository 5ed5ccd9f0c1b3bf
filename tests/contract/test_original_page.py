"""A client written from the original page works after changing only its base URL.

Every example of the page runs as it stands, by the program it was written for; only the base URL,
the credentials, the token, the ids and the masked e-mail address are filled in.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract import page
from tests.support.server import Server
from waypost.credits.model import PRICE

USERNAME, PASSWORD = "page.reader", "a password of my own"
PACKAGES = {"curl": "curl", "node": "nodejs", "php": "php-cli", "bash": "bash"}
EXCHANGES = [exchange for exchange in page.exchanges() if exchange.curls]
CURLS = [(curl, exchange.answer) for exchange in EXCHANGES for curl in exchange.curls]
ROUTES = [re.findall(r"/api/[\w/-]+", curl)[0] for curl, _ in CURLS]

# What the page shows word for word, not as an example of a value.
VERBATIM = ("token_type", "error", "code", "message")

SEND = "/api/messages/send-message"
BULK = "/api/messages/send-bulk-message"


@dataclass(frozen=True)
class Customer:
    """Somebody who has an account, templates and a message, as the page supposes."""

    server: Server
    token: str
    queue_id: str
    plain_template: int
    template_with_variables: int

    def fill(self, example: str) -> str:
        template = self.template_with_variables if "variables" in example else self.plain_template
        return page.fill(
            example,
            {
                page.BASE_URL: self.server.url,
                page.MASKED_EMAIL: "newuser@example.com",
                "YOUR_JWT_TOKEN": self.token,
                "your_username": USERNAME,
                "your_password": PASSWORD,
                "msg_abc123": self.queue_id,
                '"template_id": 123': f'"template_id": {template}',
            },
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A fresh server; the page's examples log in more often than a client may in a minute."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, RATE_LIMIT_AUTH="100/minute") as running:
        yield running


@pytest.fixture(scope="module")
def customer(server: Server) -> Customer:
    server.register("demo", "password123")  # the page's own example of a log-in
    body = {"username": USERNAME, "password": PASSWORD, "email": "reader@example.com"}
    assert server.post("/api/auth/register", body).status_code == 201
    token = server.login(USERNAME, PASSWORD)
    sent = {"number": "27821234567", "message": "Hello from WhatsApp API!"}
    return Customer(
        server,
        token,
        server.post(SEND, sent, token).json()["queue_id"],
        _template(server, token, "plain", "Bulk message to all recipients!"),
        _template(server, token, "named", "Dear {{name}} of {{company}}"),
    )


@pytest.mark.parametrize(("curl", "documented"), CURLS, ids=ROUTES)
def test_a_curl_of_the_page_is_answered_as_the_page_shows(
    customer: Customer, tmp_path: Path, curl: str, documented: dict[str, Any]
) -> None:
    answer = json.loads(_run_curl(customer.fill(curl), tmp_path))

    assert page.differences(documented, answer) == []
    for field in VERBATIM:
        assert answer.get(field) == documented.get(field)


def test_a_refusal_has_the_page_s_error_format(customer: Customer) -> None:
    documented = page.exchanges()[-1].answer
    customer.server.register("spends.all")
    token = customer.server.login("spends.all")
    credits = customer.server.get("/api/users/user/credits", token).json()["credits"]
    numbers = [f"2782000{n:04}" for n in range(1000, 1000 + credits // PRICE)]
    spent = customer.server.post(BULK, {"numbers": numbers, "message": "All I have"}, token)
    assert spent.json()["remaining_credits"] == 0

    refused = customer.server.post(SEND, {"number": "27821234567", "message": "One more"}, token)

    assert refused.status_code == documented["code"]
    assert page.differences(documented, refused.json()) == []
    assert {name: refused.json()[name] for name in documented} == documented


@pytest.mark.parametrize(
    ("language", "suffix"), [("Python", ".py"), ("JavaScript", ".js"), ("PHP", ".php")]
)
def test_the_page_s_program_sends_its_message(
    customer: Customer, tmp_path: Path, language: str, suffix: str
) -> None:
    program = tmp_path / f"example{suffix}"
    program.write_text(customer.fill(page.example(language)), "utf-8")
    run = {".py": sys.executable, ".js": _installed("node"), ".php": _installed("php")}[suffix]

    said = _run([run, str(program)])

    assert said.startswith("Message sent: ")
    queue_ids = re.findall(r"\bmsg_\w+", said)
    assert len(queue_ids) == 1, said
    status = customer.server.get(f"/api/messages/message-status/{queue_ids[0]}", customer.token)
    assert status.json()["number"] == "27821234567"
    assert status.json()["message"] == f"Hello from {language}!"


def test_the_page_was_read_whole() -> None:
    """So that no example is lost by a slip of the reader: the page's own words, counted."""
    answers = page.TEXT.count("Response:\n{") + page.TEXT.count("Error Response Format\n{")

    assert len(CURLS) == page.TEXT.count("\ncurl ")
    assert len(page.exchanges()) == answers


@pytest.mark.parametrize(
    ("documented", "real"),
    [
        ({"credits": 1000}, {}),
        ({"credits": 1000}, {"credits": "1000"}),
        ({"credits": 1000}, {"credits": True}),
        ({"messages": [{"number": "27"}]}, {"messages": []}),
        ({"messages": [{"number": "27"}]}, {"messages": [{"number": "+27"}]}),
        ({"created_at": "2025-06-03T10:30:00Z"}, {"created_at": "2025-06-03T10:30:00.123Z"}),
        ({"created_at": "2025-06-01T10:00:00"}, {"created_at": "2025-06-01T10:00:00Z"}),
        ({"error_message": None}, {"error_message": 7}),
    ],
)
def test_the_comparison_sees_what_a_client_would_trip_over(
    documented: dict[str, Any], real: dict[str, Any]
) -> None:
    assert len(page.differences(documented, real)) == 1


def test_the_comparison_lets_an_answer_say_more() -> None:
    documented = {"error_message": None, "credits": 1000}

    assert page.differences(documented, {"error_message": "why", "credits": 0, "more": []}) == []


def _template(server: Server, token: str, name: str, body: str) -> int:
    created = server.post("/api/templates", {"name": name, "body": body}, token)
    assert created.status_code == 201, created.text
    id: int = created.json()["id"]
    return id


def _run_curl(command: str, home: Path) -> str:
    """Run the line as a shell does; by .curlrc, curl fails where the answer is an error."""
    (home / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    _installed("curl")
    return _run([_installed("bash"), "-c", f"export CURL_HOME={home}\n{command}"])


def _run(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not ended.stderr, ended.stderr
    return ended.stdout


def _installed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        package = PACKAGES[program]
        pytest.fail(f"{program} is needed to run the page's examples: apt install {package}.")
    return path
