"""demo: what a customer does, over HTTP, on a temporary server of its own."""

import asyncio
import json
import secrets
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

import aiohttp
import typer
from rich.console import Console

from waypost.cli.demo_server import DemoFailed, DemoServer, demo_server
from waypost.cli.demo_table import (
    Board,
    Tracked,
    events_table,
    history_table,
    ledger_table,
)

USERNAME = "ada"
LOOK_EVERY = 0.2
FOLLOW_SECONDS = 30.0

SEND = "/api/messages/send-message"
BULK = "/api/messages/send-bulk-message"
STATUS = "/api/messages/message-status"
HISTORY = "/api/messages/messages"
CREDITS = "/api/users/user/credits"
STATEMENT = "/api/users/user/statement"

Query = dict[str, int]


@dataclass(slots=True)
class Customer:
    """Somebody with an account, who knows nothing of the server but its URL."""

    session: aiohttp.ClientSession
    console: Console
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    token: str = field(default="", repr=False)

    async def call(
        self, method: str, path: str, body: object = None, query: Query | None = None
    ) -> dict[str, Any]:
        """The answer; a refusal ends the demo."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        asked = self.session.request(method, path, json=body, params=query, headers=headers)
        async with asked as response:
            answer: dict[str, Any] = await response.json()
        if not response.ok:
            raise DemoFailed(f"{method} {path} was refused: {answer['message']}")
        return answer

    async def do(
        self, story: str, method: str, path: str, body: object = None, query: Query | None = None
    ) -> dict[str, Any]:
        """A step of the story, told when it is done."""
        answer = await self.call(method, path, body, query)
        self.console.print(f"[green]✓[/] {story:<34} [dim]{method} {path}[/]", soft_wrap=True)
        return answer


def command(keep: bool, port: int | None) -> None:
    """Tell the story and exit; with `keep` serve on until Ctrl-C."""
    console = Console(highlight=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with demo_server(port) as server:
            customer = asyncio.run(_tell(server, console))
            if keep:
                _serve_on(server, customer, console)
    except (DemoFailed, aiohttp.ClientError, TimeoutError) as error:
        sys.stderr.write(f"The demo failed. {error}\n")
        raise typer.Exit(1) from error


async def _tell(server: DemoServer, console: Console) -> Customer:
    await server.wait_until_ready(console)
    console.print(f"[bold]Waypost[/] serves on {server.url}; its three senders are simulated.")
    async with aiohttp.ClientSession(server.url) as session:
        customer = Customer(session, console)
        await _join(customer)
        messages = await _send(customer)
        await _follow(customer, messages)
        await _look_back(customer, messages)
    return customer


async def _join(customer: Customer) -> None:
    account = {"username": USERNAME, "password": customer.password}
    await customer.do(f"{USERNAME} opens an account", "POST", "/api/auth/register", account)
    session = await customer.do("and logs in", "POST", "/api/auth/login", account)
    customer.token = session["access_token"]
    customer.console.print(f"  {session['credits']} credits to begin with")


async def _send(customer: Customer) -> list[Tracked]:
    text = "Hello {{name}}, your order {{order}} is on its way."
    created = await customer.do(
        "writes a template", "POST", "/api/templates", {"name": "order", "body": text}
    )
    plain, by_template, *bulk = _cast()
    await _send_one(customer, "sends a message", plain, {"message": "Hello from Waypost!"})
    filled = {"template_id": created["id"], "variables": {"name": "Grace", "order": 1906}}
    await _send_one(customer, "sends the template, filled in", by_template, filled)
    await _send_many(customer, bulk)
    return [plain, by_template, *bulk]


def _cast() -> list[Tracked]:
    """The recipients; the last four digits are the sandbox's test cards, see docs/sandbox.md."""
    ordinary = [Tracked(f"2782123456{n}", "is an ordinary one", "Read") for n in range(5)]
    return [
        ordinary[0],
        Tracked("27821230006", "meets a fault, then goes", "Read"),
        Tracked("27821230001", "is not on WhatsApp", "Failed"),
        Tracked("27821230002", "has its phone switched off", "Sent"),
        Tracked("27821230003", "never reads", "Delivered"),
        Tracked("27821230004", "fails after it was sent", "Failed"),
        Tracked("27821230005", "is a slow one", "Read"),
        Tracked("27821230007", "drops the sending device", "Read"),
        *ordinary[1:],
    ]


async def _send_one(
    customer: Customer, story: str, message: Tracked, content: dict[str, Any]
) -> None:
    answer = await customer.do(story, "POST", SEND, {"number": message.number, **content})
    message.queue_id = answer["queue_id"]


async def _send_many(customer: Customer, messages: list[Tracked]) -> None:
    numbers = [message.number for message in messages]
    body = {"numbers": numbers, "message": "Our shop opens at nine."}
    answer = await customer.do(f"sends to {len(numbers)} numbers at once", "POST", BULK, body)
    for message, queue_id in zip(messages, answer["queue_ids"], strict=True):
        message.queue_id = queue_id
    customer.console.print(f"  {answer['remaining_credits']} credits left")


async def _follow(customer: Customer, messages: list[Tracked]) -> None:
    """Ask after every message until each is where its number takes it."""
    clock = asyncio.get_running_loop()
    begun = clock.time()
    with Board(customer.console, messages) as board:
        while under_way := [each for each in messages if not each.is_at_end]:
            seconds = clock.time() - begun
            if seconds > FOLLOW_SECONDS:
                raise DemoFailed(_late(under_way))
            asked = (customer.call("GET", f"{STATUS}/{each.queue_id}") for each in under_way)
            for each, answer in zip(under_way, await asyncio.gather(*asked), strict=True):
                each.note(answer, seconds)
            board.show()
            await asyncio.sleep(LOOK_EVERY)


def _late(messages: list[Tracked]) -> str:
    stand = ", ".join(f"{m.number} is {m.status} instead of {m.end}" for m in messages)
    return f"After {FOLLOW_SECONDS:.0f} s {stand}."


async def _look_back(customer: Customer, messages: list[Tracked]) -> None:
    first_page = {"page": 1, "per_page": 5}
    history = await customer.do("reads the history", "GET", HISTORY, query=first_page)
    customer.console.print(history_table(history["messages"], history["pagination"]))
    retried = f"/api/messages/{messages[1].queue_id}/events"
    facts = await customer.do("and what befell a message", "GET", retried)
    customer.console.print(events_table(facts["events"]))
    await _account(customer)


async def _account(customer: Customer) -> None:
    """Show where every credit went, and that the balance is the sum of it."""
    whole = {"per_page": 100}
    statement = await customer.do("and every credit", "GET", STATEMENT, query=whole)
    entries = statement["entries"]
    customer.console.print(ledger_table(entries))
    balance = (await customer.call("GET", CREDITS))["credits"]
    total = sum(entry["amount"] for entry in entries)
    if total != balance:
        raise DemoFailed(f"The ledger adds up to {total}, and the balance is {balance}.")
    back = sum(entry["amount"] for entry in entries if entry["kind"] == "refund")
    customer.console.print(
        f"[green]✓[/] {back} credits came back for what failed;"
        f" the balance of {balance} is the sum of the ledger.",
        soft_wrap=True,
    )


def _serve_on(server: DemoServer, customer: Customer, console: Console) -> None:
    body = json.dumps({"number": "27821234567", "message": "Hello"})
    console.print(
        "\nThe server goes on until Ctrl-C; then its data is removed.",
        f"  Documentation  {server.url}/docs",
        f"  Customer       {USERNAME}, password {customer.password}",
        f"  Administrator  admin, password {server.admin_password}",
        "  Try it:",
        f"  curl -X POST {server.url}{SEND} -H 'Authorization: Bearer {customer.token}'"
        f" -H 'Content-Type: application/json' -d '{body}'",
        sep="\n",
        soft_wrap=True,
        markup=False,
    )
    with suppress(KeyboardInterrupt):
        server.process.wait()
        server.check()


def _interrupt(*_: object) -> NoReturn:
    """A request to end is a Ctrl-C: the server and its folder go with us."""
    raise KeyboardInterrupt
