"""The other commands, as processes: what they do, and what they say when they cannot."""

import asyncio
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.journeys.load import FREE, SEND
from tests.support.databases import new_database
from tests.support.messages import PLAIN, House
from tests.support.official import Number
from tests.support.processes import Box, box, started, until, waypost
from tests.support.server import Server, free_port
from waypost.devices import leases
from waypost.kit.db import Database
from waypost.kit.embedded import Embedded
from waypost.kit.seal import Sealer

JWT_SECRET = "s" * 40
SEAL_KEY = "k" * 40
KEYS = {"JWT_SECRET": JWT_SECRET, "SEAL_KEY": SEAL_KEY}
STATUS = "/api/messages/message-status"


# Help and wrong usage.


def test_help_needs_neither_a_database_nor_much_time() -> None:
    """What makes a start slow is not even imported."""
    helped = waypost("--help", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere")
    assert helped.returncode == 0
    for command in ("serve", "worker", "migrate", "doctor", "demo", "admin"):
        assert f" {command} " in helped.stdout

    heavy = ("fastapi", "uvicorn", "sqlalchemy", "alembic", "pgqueuer", "phonenumbers", "aiohttp")
    script = f"import sys, waypost.cli.main; print(*(set({heavy}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("frobnicate", "No such command 'frobnicate'"),
        ("serve --prot 1", "No such option: --prot"),
        ("serve --port many", "Invalid value for '--port'"),
        ("worker --no-worker", "No such option: --no-worker"),
        ("admin create", "Missing argument 'username'"),
        ("admin grant ada", "Missing argument 'amount'"),
        ("admin grant ada lots", "Invalid value for 'amount'"),
        ("admin grant ada 0", "must not be zero"),
        ("admin grant ada 9999999999999999999999", "less than or equal to"),
        ("admin create ada --credits -1", "greater than or equal to 0"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(arguments: str, sentence: str) -> None:
    ended = waypost(*arguments.split())

    assert ended.returncode == 2
    assert sentence in plain(ended.stderr)
    assert "Traceback" not in ended.stderr


def plain(framed: str) -> str:
    """A message without its frame and its line breaks."""
    return " ".join(framed.translate(str.maketrans("│╭╮╰╯─", "      ")).split())


# Databases.


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL that is none of Waypost's own: the named one, else one played by another's."""
    named = os.environ.get("WAYPOST_TEST_DATABASE_URL")
    if named is not None:
        yield named
        return
    embedded = Embedded(tmp_path_factory.mktemp("external"))
    try:
        yield embedded.start()
    finally:
        embedded.stop()


@pytest.fixture
def external(server_url: str) -> Iterator[dict[str, str]]:
    """The settings of a new, empty database."""
    with new_database(server_url, f"waypost_journey_{secrets.token_hex(4)}") as url:
        yield {"DATABASE_URL": url, **KEYS}


def test_migrate_lays_the_schema_once(external: dict[str, str]) -> None:
    before = waypost("doctor", **external)
    assert before.returncode == 1
    assert "run `waypost migrate`" in plain(before.stdout)
    for _ in range(2):
        migrated = waypost("migrate", **external)
        assert migrated.returncode == 0, migrated.stderr
        assert migrated.stdout == "The database is at revision 0003.\n"
    assert waypost("doctor", **external).returncode == 0


def test_an_account_may_be_made_before_anything_was_served(external: dict[str, str]) -> None:
    assert waypost("migrate", **external).returncode == 0

    made = waypost("admin", "create", "ada", **external)

    assert made.returncode == 0, made.stderr
    assert "ada" in made.stdout


def test_a_database_of_a_newer_waypost_is_left_alone(external: dict[str, str]) -> None:
    async def age() -> None:
        connection = await asyncpg.connect(external["DATABASE_URL"])
        await connection.execute("update alembic_version set version_num = '9999'")
        await connection.close()

    waypost("migrate", **external)
    asyncio.run(age())
    sentence = "This database was made by a newer Waypost (revision 9999): use that version."
    for command in ("migrate", "worker", "serve --port 0", "admin disable x"):
        ended = waypost(*command.split(), **external)
        assert (ended.returncode, ended.stderr) == (1, f"{sentence}\n")
    examined = waypost("doctor", **external)
    assert (examined.returncode, examined.stderr) == (1, "")
    assert "newer Waypost" in plain(examined.stdout)
    assert "run `waypost migrate`" not in plain(examined.stdout)


def test_migrate_makes_an_embedded_database(tmp_path: Path) -> None:
    migrated = waypost("migrate", "--data-dir", str(tmp_path))

    assert migrated.returncode == 0, migrated.stderr
    assert migrated.stdout == "The database is at revision 0003.\n"


def test_two_apis_and_a_worker_on_one_database(tmp_path: Path, external: dict[str, str]) -> None:
    """What one machine accepts with the other's token, the third one sends."""
    settings = {**external, **FREE}
    with (
        box(tmp_path / "one", "--no-worker", **settings) as one,
        box(tmp_path / "two", "--no-worker", **settings) as two,
        started("worker", **settings) as worker,
    ):
        one.server.register("traveller")
        token = one.server.login("traveller")
        body = {"number": PLAIN, "message": "Hello"}
        answers = [box.server.post(SEND, body, token) for box in (one, two)]
        assert [answer.status_code for answer in answers] == [200, 200]
        for answer in answers:
            queue_id = answer.json()["queue_id"]
            until(lambda: status(two.server, token, queue_id) == "Read", "read")  # noqa: B023  # it is run within the round
        for key in ("jwt-secret", "seal-key"):
            assert not (tmp_path / "one" / key).exists()

        worker.terminate()
        assert worker.wait(10) == 0
    assert waypost("doctor", **external).returncode == 0


def status(server: Server, token: str, queue_id: str) -> str:
    found: str = server.get(f"{STATUS}/{queue_id}", token).json()["status"]
    return found


@pytest.mark.parametrize(
    ("command", "keys"), [("serve", ["JWT_SECRET", "SEAL_KEY"]), ("worker", ["SEAL_KEY"])]
)
def test_a_database_url_asks_for_the_keys_that_machines_share(
    command: str, keys: list[str]
) -> None:
    ended = waypost(command, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere")

    assert ended.returncode == 1
    assert [line.strip() for line in ended.stderr.splitlines()[1:]] == [
        f"WAYPOST_{key}: not set; with a database URL it is required, the same on every machine"
        for key in keys
    ]


def test_what_neither_serves_nor_sends_needs_no_keys(external: dict[str, str]) -> None:
    url = external["DATABASE_URL"]
    assert waypost("migrate", DATABASE_URL=url).returncode == 0
    assert waypost("doctor", DATABASE_URL=url).returncode == 0
    changed = waypost("admin", "disable", "ada", DATABASE_URL=url)
    assert changed.stderr == "There is no such account.\n"
    with started("worker", DATABASE_URL=url, SEAL_KEY=SEAL_KEY):
        until(lambda: "1 at work" in plain(waypost("doctor", DATABASE_URL=url).stdout), "it works")


def test_a_worker_with_another_seal_key_than_the_rest_ends_with_a_sentence(
    external: dict[str, str],
) -> None:
    with started("worker", **external):
        until(lambda: "1 at work" in plain(waypost("doctor", **external).stdout), "it works")
        ended = waypost("worker", **{**external, "SEAL_KEY": "x" * 40})

    assert ended.returncode == 1
    assert ended.stderr.startswith("WAYPOST_SEAL_KEY is not the one that this database is used")


@pytest.mark.parametrize("command", ["worker", "doctor", "admin create ada"])
def test_a_wrong_data_directory_is_left_alone(command: str, tmp_path: Path) -> None:
    ended = waypost(*command.split(), "--data-dir", str(tmp_path))

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"There is no Waypost in {tmp_path}: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", ["serve --port 0", "worker", "migrate", "doctor", "admin disable x"]
)
def test_a_database_that_is_away(command: str, tmp_path: Path) -> None:
    url = f"postgresql://nobody:its-password@127.0.0.1:{free_port()}/nowhere"
    ended = waypost(*command.split(), DATABASE_URL=url, **KEYS)

    assert ended.returncode == 1
    assert ended.stderr.startswith("The database cannot be reached: ")
    assert "Traceback" not in ended.stderr
    assert "its-password" not in ended.stderr


def test_a_workers_metrics_port_that_is_taken(external: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        ended = waypost("worker", "--metrics-port", port, **external)

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}: Address already in use.")


# doctor.


@pytest.fixture
async def house(db: Database) -> House:
    """An account with credits."""
    return await House(db).open(10)


def examine(database_url: str) -> tuple[int, str]:
    """The exit code, and what was found."""
    ended = waypost("doctor", DATABASE_URL=database_url, **KEYS)
    assert "Traceback" not in ended.stderr
    return ended.returncode, plain(ended.stdout)


async def test_doctor_finds_nothing_wrong(database_url: str, house: House) -> None:
    await house.accept(PLAIN)
    code, said = await asyncio.to_thread(examine, database_url)

    assert code == 0
    assert "every balance is the sum of its entries" in said
    assert re.search(r"PostgreSQL [0-9]+\.[0-9]+ ", said)
    assert "ill" not in said.split()


async def test_doctor_says_which_keys_the_secrets_of_devices_need(
    database_url: str, db: Database
) -> None:
    await Number("1").make(db, "ours", Sealer([SEAL_KEY]))
    _, ours = await asyncio.to_thread(examine, database_url)
    await Number("2").make(db, "stranger", Sealer(["x" * 40]))
    code, lost = await asyncio.to_thread(examine, database_url)
    unseen = waypost("doctor", DATABASE_URL=database_url)

    assert "3 can be opened" in ours
    assert (code, unseen.returncode) == (1, 0)
    assert "3 need a key that is not here" in lost


async def test_doctor_says_when_commits_may_be_forgotten(
    database_url: str, connection: asyncpg.Connection
) -> None:
    name = await connection.fetchval("select current_database()")
    await connection.execute(f'alter database "{name}" set synchronous_commit = off')
    code, said = await asyncio.to_thread(examine, database_url)
    started = await asyncio.to_thread(waypost, "worker", DATABASE_URL=database_url, **KEYS)

    assert code == 1
    assert "synchronous_commit" in said
    assert started.returncode == 1
    assert started.stderr.startswith("This database confirms commits before")


async def test_doctor_names_an_account_whose_balance_is_wrong(
    database_url: str, house: House, connection: asyncpg.Connection
) -> None:
    await connection.execute("update wallets set credits = 12 where account_id = 1")
    code, said = await asyncio.to_thread(examine, database_url)

    assert code == 1
    assert "account 1: 12, entries say 10" in said


@pytest.mark.parametrize(
    "fault",
    [
        "delete from pgqueuer",
        "update messages set expires_at = now() - interval '1 hour'",
    ],
    ids=["no job sends it", "its deadline passed"],
)
async def test_doctor_counts_messages_that_are_stuck(
    database_url: str, house: House, connection: asyncpg.Connection, fault: str
) -> None:
    await house.accept(PLAIN)
    await connection.execute("update messages set updated_at = now() - interval '1 hour'")
    assert (await asyncio.to_thread(examine, database_url))[0] == 0
    await connection.execute(fault)
    code, said = await asyncio.to_thread(examine, database_url)

    assert code == 1
    assert "1 make no progress" in said


async def test_doctor_counts_claims_that_nobody_takes_over(
    database_url: str, house: House, connection: asyncpg.Connection
) -> None:
    await house.accept(PLAIN)
    claim = "update pgqueuer set status = 'picked', heartbeat = now() - $1::interval"
    await connection.execute(claim, timedelta(seconds=1))
    assert (await asyncio.to_thread(examine, database_url))[0] == 0
    await connection.execute(claim, timedelta(minutes=5))
    code, said = await asyncio.to_thread(examine, database_url)

    assert code == 1
    assert "1 messages wait for a worker to take them over" in said


async def test_doctor_warns_without_a_worker(database_url: str, house: House) -> None:
    """It may be run while the server is stopped: nothing is wrong."""
    code, said = await asyncio.to_thread(examine, database_url)
    assert (code, "workers warning none runs" in " ".join(said.replace("│", " ").split())) == (
        0,
        True,
    )
    life = timedelta(minutes=1)
    await house.db.transact(lambda tx: leases.beat(tx, UUID(int=1), life, is_leaving=False))
    code, said = await asyncio.to_thread(examine, database_url)
    assert "1 at work" in said


# admin, beside a server that runs.


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with box(tmp_path_factory.mktemp("box"), **FREE) as made:
        yield made


def admin(running: Box, *arguments: str, text: str = "") -> str:
    """What an admin command says that goes well."""
    data_dir = str(running.server.data_dir)
    ended = waypost("admin", *arguments, "--data-dir", data_dir, text=text)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def refused(running: Box, *arguments: str, text: str = "") -> str:
    """The sentence of one that is refused."""
    data_dir = str(running.server.data_dir)
    ended = waypost("admin", *arguments, "--data-dir", data_dir, text=text)
    assert ended.returncode == 1, ended.stdout
    assert len(ended.stderr.splitlines()) == 1
    return ended.stderr.strip()


def test_admin_create_opens_an_account(running: Box) -> None:
    said = admin(running, "create", "carla", "--credits", "7", text="a password of hers\n")
    session = running.server.post(
        "/api/auth/login", {"username": "carla", "password": "a password of hers"}
    ).json()

    assert "a password of hers" not in said
    assert f"Account carla is number {session['user_id']}, with 7 credits." in said
    assert (session["credits"], session["is_admin"]) == (7, False)


@pytest.mark.parametrize("name", ["a[/b]", "c[red]x", ":smile:"])
def test_admin_says_a_name_as_it_is(running: Box, name: str) -> None:
    """Whatever it would mean to a terminal's library: with the line its password would be lost."""
    said = admin(running, "create", name)
    password = said.partition("Its password is ")[2].split()[0]

    assert said.startswith(f"Account {name} is number ")
    assert running.server.login(name, password)
    assert admin(running, "grant", name, "5") == f"{name} has 5 credits now.\n"
    assert admin(running, "disable", name) == f"{name} is disabled.\n"


def test_admin_create_makes_a_password_and_an_admin(running: Box) -> None:
    said = admin(running, "create", "root", "--admin")
    password = said.partition("Its password is ")[2].split()[0]
    token = running.server.login("root", password)

    assert running.server.get("/api/admin/users", token).status_code == 200


def test_admin_create_refuses_as_the_api_does(running: Box) -> None:
    admin(running, "create", "once", text="a password of hers\n")

    assert refused(running, "create", "Once") == "This username is taken"
    assert refused(running, "create", "brief", text="short\n") == (
        "password: must have at least 8 characters"
    )


def test_admin_grant_moves_credits_and_says_why(running: Box) -> None:
    running.server.register("gina")
    token = running.server.login("gina")
    assert (
        admin(running, "grant", "GINA", "50", "--reason", "a gift") == "GINA has 150 credits now.\n"
    )
    assert admin(running, "grant", "gina", "-120") == "gina has 30 credits now.\n"
    assert refused(running, "grant", "gina", "-31") == (
        "Cannot take 31 credits: the account has 30"
    )
    assert refused(running, "grant", "nobody", "5") == "There is no such account."

    entries = running.server.get("/api/users/user/statement", token).json()["entries"]
    told = [(entry["amount"], entry["balance"], entry["reason"]) for entry in entries]
    assert told == [(-120, 30, "by the shell"), (50, 150, "a gift"), (100, 100, None)]


def test_admin_disable_lets_nothing_work(running: Box) -> None:
    running.server.register("dora")
    token = running.server.login("dora")
    assert running.server.get("/api/users/user/profile", token).status_code == 200
    assert admin(running, "disable", "dora") == "dora is disabled.\n"

    until(
        lambda: running.server.get("/api/users/user/profile", token).status_code in (401, 403),
        "refused",
        2,
    )
    body = {"username": "dora", "password": "password123"}
    assert running.server.post("/api/auth/login", body).status_code == 403
    assert refused(running, "disable", "nobody") == "There is no such account."
