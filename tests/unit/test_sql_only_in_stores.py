"""The lint of the house rules finds what it should, and leaves alone what only looks like it."""

import subprocess
import sys
from pathlib import Path

import pytest
from tools.sql_only_in_stores import HOUSE, breaches, is_statement, main

STATEMENTS = [
    "select 1",
    "SELECT * FROM accounts",
    "\n  select id, name from pools",
    "select w.account_id from wallets w",
    "-- why it is so\nselect count(*) from messages",
    "(select id from pools)",
    "select exists (select from pools)",
    "select $1::bigint",
    "insert into pools (name) values ($1)",
    "update pools set name = $1",
    "update pgqueuer j\n   set status = 'queued'",
    "delete from devices where id = $1",
    "with gone as (\n delete from devices returning id) select id from gone",
    "with recursive t(n) as (values (1)) select n from t",
    "create table pools (id bigint)",
    "create unique index pools_name on pools (lower(name))",
    "create or replace function f() returns int",
    "alter table pools add column x int",
    "drop trigger t on pools",
    "truncate pgqueuer_log, pgqueuer_statistics",
    "lock table pools in share mode",
    "set local lock_timeout = '5s'",
    "show server_version",
]

SENTENCES = [
    "Select a device from the list",
    "Select one of them",
    "Insert a coin",
    "Update the pool to set its name",
    "Delete a template",
    "Deleted from the list",
    "With as much care as it takes",
    "Create an account",
    "Create a table of numbers",
    "Alter ego",
    "Drop the connection",
    "Truncate the text",
    "Lock the table",
    "Show the table of pools",
    "select",
    "selected",
    "pools",
]


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_is_recognised(text: str) -> None:
    assert is_statement(text)


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_is_not_taken_for_a_statement(text: str) -> None:
    assert not is_statement(text)


@pytest.mark.parametrize(
    "code",
    [
        'QUERY = "select id from pools"',
        'QUERY = f"select {COLUMNS} from pools"',
        'QUERY = "select " + COLUMNS + " from pools"',
        'QUERY = ("select id, name "\n         "from pools")',
        'async def f(tx):\n    await tx.execute("delete from pools")',
        'QUERIES = {"all": "select * from pools"}',
    ],
)
def test_sql_outside_of_stores_is_a_breach(code: str) -> None:
    assert [breach.rule for breach in breaches(code, "devices/manage.py")] == [
        "SQL belongs in a store"
    ]


@pytest.mark.parametrize("path", ["devices/store.py", "devices/store_pools.py", "queue/bell.py"])
def test_sql_may_stand_in_stores_and_in_files_with_a_reason(path: str) -> None:
    assert not breaches('QUERY = "select id from pools"', path)


@pytest.mark.parametrize("path", ["devices/restore.py", "devices/store/x.py", "store.py"])
def test_a_name_that_only_resembles_a_store_is_none(path: str) -> None:
    assert breaches('QUERY = "select id from pools"', path)


def test_docstrings_may_quote_sql() -> None:
    code = '"""select id from pools"""\ndef f():\n    """delete from pools"""\n'

    assert not breaches(code, "devices/manage.py")


def test_a_breach_tells_its_line() -> None:
    code = 'import re\n\nQUERY = "select id from pools"\n'

    assert [breach.line for breach in breaches(code, "devices/manage.py")] == [3]


@pytest.mark.parametrize(
    "code",
    [
        "from waypost.devices import store",
        "from waypost.devices import find, store_pools",
        "from waypost.devices.store import get",
        "import waypost.devices.store_pools",
    ],
)
def test_a_store_is_private_to_its_folder(code: str) -> None:
    assert breaches(code, "admin/stats.py")
    assert not breaches(code, "devices/manage.py")


def test_other_imports_are_no_breach() -> None:
    code = "from waypost.devices import find\nimport re\nfrom . import store\n"

    assert not breaches(code, "admin/stats.py")


READER = (
    'QUERY = "select id from messages"\nasync def find(tx, {}):\n    await tx.fetch(QUERY, 1)\n'
)


@pytest.mark.parametrize("parameter", ["account_id", "accounts", "keys", "*, account_id"])
def test_a_finder_of_owned_rows_that_takes_the_account_is_right(parameter: str) -> None:
    assert not breaches(READER.format(parameter), "messages/store.py")


def test_a_finder_of_owned_rows_must_take_the_account() -> None:
    found = breaches(READER.format("id"), "messages/store_read.py")

    assert [breach.rule for breach in found] == ["find reads without an account's id"]


def test_a_finder_is_also_seen_with_its_query_in_place_or_behind_a_with() -> None:
    inline = 'async def find(tx, id):\n    await tx.fetch("select id from messages")\n'
    behind = (
        'Q = """\nwith a as (select 1)\nselect id from messages"""\ndef find(tx):\n    tx.f(Q)\n'
    )

    assert breaches(inline, "messages/store.py")
    assert breaches(behind, "messages/store.py")


def test_writes_and_rows_of_nobody_need_no_account() -> None:
    write = (
        'Q = """\nwith a as (insert into x select 1)\nupdate y set z = 1"""\ndef f(tx): tx.g(Q)\n'
    )

    assert not breaches(write, "messages/store.py")
    assert not breaches(READER.format("id"), "devices/store.py")


def test_the_house_keeps_its_rules() -> None:
    assert main(HOUSE) == 0


def test_the_command_names_file_and_line_and_fails(tmp_path: Path) -> None:
    house = tmp_path / "src" / "waypost"
    tool = tmp_path / "tools" / "lint.py"
    (house / "devices").mkdir(parents=True)
    tool.parent.mkdir()
    tool.write_text((HOUSE.parent.parent / "tools" / "sql_only_in_stores.py").read_text())
    wrong = house / "devices" / "manage.py"
    wrong.write_text('\nQUERY = "select id from pools"\n')

    ended = subprocess.run([sys.executable, tool], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stdout == f"{wrong}:2: SQL belongs in a store\n"
