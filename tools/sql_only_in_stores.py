"""Checks three rules of the house that no general linter knows:

1. SQL stands in stores only.
2. A store is imported by its own folder only.
3. A finder of what belongs to accounts takes the account's id.

Prints file:line for each breach, and exits 1 if there is one.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).parent.parent / "src" / "waypost"

# Files that are no stores and yet hold SQL, each with the reason.
SQL_ALLOWED = {
    "app/migrate.py": "asks a database without a schema how old it is, and what it keeps",
    "kit/embedded.py": "readies the server it has just started",
    "kit/listen.py": "probes its own connection",
    "kit/months.py": "every partitioned table is cut alike",
    "migrations/script.py": "the schema's steps",
    "queue/bell.py": "its one statement is its whole purpose",
    "queue/install.py": "trims what PgQueuer itself installs",
}

# Folders whose rows belong to accounts.
OWNED = {"credits", "events", "media", "messages", "templates"}

# Finders that take no account's id, each with the reason.
FINDERS_ALLOWED = {
    "credits/store.py:differences": "the audit of all balances",
    "credits/store.py:breaks": "the hourly look at all balances",
    "messages/store_fetches.py:due": "the worker's look at everybody's files to be fetched",
    "messages/store_inbound.py:answered": "finds out whose it is that a provider told",
    "messages/store_inbound.py:wrote_last": "finds out whose it is that a provider told",
    "messages/store_inbound.py:insert": "keeps what a provider told, whosever it is",
    "messages/store_partitions.py:begin": "takes a lock; reads no rows",
    "messages/store_alarms.py:is_any_due": "the alarm clock's look at everybody's alarms",
    "messages/store_alarms.py:take_due": "the alarm clock's look at everybody's alarms",
    "messages/store_alarms.py:reached": "how far a walk has come; reads no rows of accounts",
    "messages/store_alarms.py:walk": "the walk over everybody's messages",
    "messages/store_read.py:owner": "for administrators, by the message's id",
    "messages/store_retention.py:take_turn": "takes a lock; reads no rows",
    "messages/store_retention.py:give_turn": "gives it back",
    "messages/store_retention.py:months": "reads no rows; the months there is room for",
    "messages/store_retention.py:border": "retention's walk over everybody's messages",
    "messages/store_retention.py:numbers": "retention's walk over everybody's messages",
    "messages/store_retention.py:unfinished": "retention's walk over everybody's messages",
    "messages/store_stuck.py:next_due": "the minute's look at everybody's messages",
    "messages/store_stuck.py:from_id": "the doctor's look at everybody's messages",
    "messages/store_stuck.py:unwatched": "the doctor's look at everybody's messages",
    "messages/store_trace.py:known": "finds out whose it is that a provider told",
    "messages/store_progress.py:unconfirmed": "a simulated device's network, for its driver alone",
}

# How a finder is told whose rows it may see; `keys` are pairs of an account's id and a row's.
SCOPES = {"account_id", "account_ids", "accounts", "keys"}

_OBJECT = (
    r"(table|index|view|materialized view|function|procedure|trigger|type|domain|schema"
    r"|sequence|extension|database|role|user|policy|publication|subscription)\s+\S"
)
_STATEMENT = re.compile(
    r"""
      select\s+(distinct\b|all\b|case\b|\*|\d|[$'(]|[\w."]+\s*([(,]|::|$|\b(as|from)\b))
    | insert\s+into\s+\S
    | update\s+(only\s+)?[\w."]+\s+(as\s+)?(\w+\s+)?set\s+\w+\s*=
    | delete\s+from\s+\S
    | merge\s+into\s+\S
    | with\s+(recursive\s+)?\w+\s*(\([^)]*\)\s*)?as\s+((not\s+)?materialized\s*)?\(
    | (create|alter|drop)\s+((or|replace|unique|temp|temporary|unlogged|concurrently)\s+)*OBJECT
    | truncate\s+(table\s+)?[\w."]+\s*(,|;|$|restart\b|cascade\b)
    | lock\s+table\s+\S
    | set\s+(local|session)\s+\w+\s*(=|\bto\b)
    | copy\s+[\w."]+\s*(\([^)]*\)\s*)?(from|to)\b
    | (listen|unlisten|notify)\s+[\w"]+\s*(,|;|$)
    | show\s+(all|[\w.]+)\s*(;|$)
    | explain\s+(\(|analyze\b|select\b|insert\b|update\b|delete\b|with\b)
    """.replace("OBJECT", _OBJECT),
    re.IGNORECASE | re.VERBOSE,
)
_PREFACE = re.compile(r"(\s|\(|--[^\n]*(\n|$))*")
# After its `with` a statement's verb stands at the margin.
_VERB = re.compile(r"^(select|insert|update|delete|merge)\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """A line that breaks a rule."""

    line: int
    rule: str


def is_statement(text: str) -> bool:
    """Whether the text reads as an SQL statement."""
    return _STATEMENT.match(_body(text)) is not None


def breaches(source: str, path: str) -> list[Breach]:
    """What is wrong with a module; `path` is relative to the package's folder."""
    tree = ast.parse(source)
    found = list(_foreign_stores(tree, path))
    if _is_store(path):
        found += _finders_without_account(tree, path)
    elif path not in SQL_ALLOWED:
        found += _stray_sql(tree)
    return sorted(set(found))


def _is_store(path: str) -> bool:
    return re.fullmatch(r"[a-z_]+/store(_[a-z_]+)?\.py", path) is not None


def _folder(path: str) -> str:
    return path.partition("/")[0]


def _body(text: str) -> str:
    """The statement after leading blanks, parentheses and comments."""
    preface = _PREFACE.match(text)
    return text[preface.end() :] if preface else text


def _stray_sql(tree: ast.Module) -> Iterator[Breach]:
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr) or id(node) in docs:
            continue
        text = _text_of(node)
        if text is not None and is_statement(text):
            yield Breach(node.lineno, "SQL belongs in a store")


def _text_of(node: ast.AST) -> str | None:
    """A text as it is written, what is only known later standing as `x`; None for others."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text_of(part) or "x" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            texts = _text_of(left), _text_of(right)
            return None if texts == (None, None) else "".join(text or "x" for text in texts)
    return None


def _foreign_stores(tree: ast.Module, path: str) -> Iterator[Breach]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in filter(_is_store_module, _imported(node)):
                if module.split(".")[1] != _folder(path):
                    yield Breach(node.lineno, f"{module} is private to its folder")


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names]


def _is_store_module(name: str) -> bool:
    return re.match(r"waypost\.[a-z_]+\.store(_[a-z_]+)?(\.|$)", name) is not None


def _finders_without_account(tree: ast.Module, path: str) -> Iterator[Breach]:
    if _folder(path) not in OWNED:
        return
    reads = {name for name, value in _constants(tree) if _is_read(value)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        is_scoped = any(each.arg in SCOPES for each in (*node.args.args, *node.args.kwonlyargs))
        is_allowed = f"{path}:{node.name}" in FINDERS_ALLOWED
        if _runs(node, reads) and not is_scoped and not is_allowed:
            yield Breach(node.lineno, f"{node.name} reads without an account's id")


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))


def _runs(function: ast.AST, reads: set[str]) -> bool:
    nodes = list(ast.walk(function))
    return any(isinstance(node, ast.Name) and node.id in reads for node in nodes) or any(
        _is_read(node) for node in nodes
    )


def _is_read(node: ast.AST) -> bool:
    text = _text_of(node)
    if text is None or not is_statement(text):
        return False
    verb = _VERB.search(_body(text))
    return verb is not None and verb[1].lower() == "select"


def main(house: Path = HOUSE) -> int:
    """Check every module of the house; returns the exit code."""
    wrong = 0
    for file in sorted(house.rglob("*.py")):
        for breach in breaches(file.read_text("utf-8"), file.relative_to(house).as_posix()):
            print(f"{file}:{breach.line}: {breach.rule}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
