"""The settings: one frozen object, read once from flags, the environment and a TOML file.

`python -m waypost.kit.config` prints the table of docs/configuration.md.
"""
# ruff: noqa: RUF009  # `setting` makes the field itself, as `dataclasses.field` does

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from waypost.kit.config_sources import (
    CONFIG_VARIABLE,
    ConfigError,
    Source,
    from_environ,
    from_file,
    from_flags,
    variable,
)
from waypost.kit.config_values import (
    API_VERSION,
    BASE_URL,
    HTTP_URL,
    NAME,
    NETWORK,
    ORIGIN,
    PASSWORD,
    PATH,
    POSTGRES_URL,
    RATE,
    REDIS_URL,
    SECRET,
    WORD,
    Kind,
    Network,
    Rate,
    list_of,
    one_of,
    seconds,
    whole,
)

__all__ = ["KEYS", "ConfigError", "Network", "Rate", "Settings", "load", "table"]

OF_API = ("jwt_secret", "seal_key")
OF_WORKER = ("seal_key",)
"""Which keys the machines of one database share, by what runs there."""

T = TypeVar("T")


def setting(default: T, kind: Kind[T], doc: str, *, secret: bool = False) -> T:
    """Declare one setting; a secret one is never printed."""
    metadata = {"kind": kind, "doc": doc, "secret": secret}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set; `load` makes it."""

    data_dir: Path = setting(
        Path("waypost-data"),
        PATH,
        "Folder of the embedded database and of the secrets made at the first start.",
    )
    host: str = setting("127.0.0.1", WORD, "Address to listen on.")
    port: int = setting(8080, whole(0, 65_535), "Port to listen on; 0 takes a free one.")
    api_processes: int = setting(
        1,
        whole(1, 64),
        "API processes; more than one share their rate limits by `WAYPOST_LIMITS_URL`.",
    )
    worker_processes: int = setting(
        1, whole(0, 64), "Worker processes of `serve`, which share the pools among them."
    )
    stop_seconds: float = setting(
        10.0, seconds(0, 600), "How long a stop waits for what is in flight."
    )
    max_body_bytes: int = setting(
        1_048_576, whole(65_536, 104_857_600), "Largest request body; a larger one is a 413."
    )
    cors_origins: tuple[str, ...] = setting(
        (), list_of(ORIGIN), "Origins whose browser pages may call the API."
    )
    trusted_proxies: tuple[Network, ...] = setting(
        (), list_of(NETWORK), "Proxies whose `X-Forwarded-For` is believed."
    )

    database_url: str | None = setting(
        None,
        POSTGRES_URL,
        "PostgreSQL 15 or newer; without it an embedded one runs in `WAYPOST_DATA_DIR`.",
        secret=True,
    )
    database_pool_size: int = setting(
        10, whole(2, 1000), "Most database connections of one process."
    )

    jwt_secret: str | None = setting(
        None,
        SECRET,
        "Key that signs access tokens; `serve` needs it with a database URL, else makes it.",
        secret=True,
    )
    jwt_previous_secrets: tuple[str, ...] = setting(
        (), list_of(SECRET), "Former keys whose tokens are still taken.", secret=True
    )
    seal_key: str | None = setting(
        None,
        SECRET,
        "Key that seals devices' secrets in the database; `serve` and `worker` need it with a"
        " database URL, else `serve` makes it.",
        secret=True,
    )
    seal_previous_keys: tuple[str, ...] = setting(
        (), list_of(SECRET), "Former keys, which open what they sealed.", secret=True
    )
    access_token_seconds: int = setting(
        86_400, whole(60, 31_536_000), "Life of an access token, in seconds."
    )
    refresh_token_seconds: int = setting(
        2_592_000, whole(60, 31_536_000), "Life of a refresh token, in seconds."
    )
    admin_username: str = setting(
        "admin", NAME, "Name of the administrator made at the first start."
    )
    admin_password: str | None = setting(
        None,
        PASSWORD,
        "Password of that administrator; without it a random one is printed once.",
        secret=True,
    )
    registration: Literal["open", "closed"] = setting(
        "open", one_of("open", "closed"), "Whether anybody may register an account."
    )
    signup_credits: int = setting(
        100, whole(0, 1_000_000_000), "Credits of an account that registers."
    )

    limits_url: str | None = setting(
        None,
        REDIS_URL,
        "Redis or Valkey in which processes share rate limits; without it each counts alone.",
        secret=True,
    )
    rate_limit_auth: Rate | None = setting(
        Rate(10, 60),
        RATE,
        "Log-ins, registrations, refreshes and password changes of one client address.",
    )
    rate_limit_send: Rate | None = setting(Rate(100, 60), RATE, "Single sends of one account.")
    rate_limit_bulk: Rate | None = setting(Rate(10, 60), RATE, "Bulk sends of one account.")
    rate_limit_status: Rate | None = setting(
        Rate(1000, 60), RATE, "Reads of status and history of one account."
    )
    rate_limit_default: Rate | None = setting(
        Rate(300, 60), RATE, "Every other request of one account."
    )

    message_lifetime_seconds: int = setting(
        86_400, whole(60, 2_592_000), "How long a message may wait before it is `Expired`."
    )
    uncertain_after_seconds: int = setting(
        60,
        whole(1, 3600),
        "How long a message whose answer is missing stays `Sending` before it is `Uncertain`.",
    )
    lease_seconds: float = setting(
        10.0, seconds(1, 300), "How long a worker that is silent keeps its pools."
    )
    backlog_per_pool: int = setting(
        1_000_000,
        whole(1, 1_000_000_000),
        "Messages that may wait in one pool; more get 503.",
    )
    backlog_per_account: int = setting(
        200_000, whole(1, 1_000_000_000), "Messages of one account that may wait; more get 503."
    )
    retention_days: int = setting(
        0,
        whole(0, 36_500),
        "After how many days messages and their facts are dropped, by whole months, and what people"
        " wrote to us; 0 keeps them.",
    )
    media_bytes_per_account: int = setting(
        1_073_741_824,
        whole(0, 1_000_000_000_000_000),
        "Bytes of files that one account may keep, those that people sent it included.",
    )
    group_commit_max: int = setting(
        256, whole(1, 10_000), "Most sends that are committed in one transaction."
    )
    committers: int = setting(
        1, whole(1, 16), "Transactions of sends that one process runs at the same time."
    )

    sandbox_rate: int = setting(
        1000, whole(1, 100_000), "Messages that one sandbox device sends in a second."
    )
    sandbox_delivered_seconds: float = setting(
        1.0, seconds(0, 3600), "How long after it was sent a sandbox message is `Delivered`."
    )
    sandbox_read_seconds: float = setting(
        2.0, seconds(0, 3600), "How long after it was sent a sandbox message is `Read`."
    )

    sandbox_wire_url: str | None = setting(
        None,
        HTTP_URL,
        "An address to which sandbox devices post each message instead of simulating its send.",
    )

    cloud_graph_url: str = setting(
        "https://graph.facebook.com",
        BASE_URL,
        "Where official numbers reach the provider; a device's own `graph_url` goes before it.",
    )
    cloud_api_version: str = setting(
        "v26.0", API_VERSION, "Version of the provider's API that official numbers speak."
    )

    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", one_of("debug", "info", "warning", "error"), "The least that is logged."
    )
    log_format: Literal["auto", "json", "console"] = setting(
        "auto",
        one_of("auto", "json", "console"),
        "JSON lines, or lines for people; `auto` is `console` on a terminal, else `json`.",
    )


@dataclass(frozen=True, slots=True)
class Key:
    """A setting as it was declared."""

    name: str
    default: object
    kind: Kind[object]
    doc: str
    secret: bool


KEYS = {f.name: Key(f.name, f.default, **f.metadata) for f in fields(Settings)}


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, and where."""

    value: object
    place: str


def load(
    environ: Mapping[str, str],
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
    *,
    shared: Collection[str] = OF_API,
) -> Settings:
    """The settings, where flags win over the environment and that over the TOML file.

    Without `file` it is the one that WAYPOST_CONFIG names; `shared` are the keys that are needed
    with a database URL. Raises ConfigError with every fault.
    """
    faults: list[str] = []
    given: dict[str, Given] = {}
    for source in _sources(environ, file, flags or {}, faults):
        faults.extend(source.unknown(KEYS))
        given |= {name: Given(value, source.place(name)) for name, value in source.values.items()}
    settings = Settings(**_parse(given, faults))
    faults.extend(_conflicts(settings, given, shared))
    if faults:
        raise ConfigError(faults)
    return settings


def _sources(
    environ: Mapping[str, str],
    file: Path | None,
    flags: Mapping[str, object],
    faults: list[str],
) -> Iterator[Source]:
    named = environ.get(CONFIG_VARIABLE)
    if path := file or (Path(named) if named else None):
        try:
            yield from_file(path)
        except ConfigError as error:
            faults.extend(error.faults)
    yield from_environ(environ)
    yield from_flags(flags)


def _parse(given: Mapping[str, Given], faults: list[str]) -> dict[str, Any]:
    values = {}
    for name, key in KEYS.items():
        if name in given:
            try:
                values[name] = key.kind.parse(_as_text(given[name].value))
            except ValueError:
                faults.append(_not_as_expected(key, given[name]))
    return values


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    if isinstance(value, bool) or not isinstance(value, str | int | float | Path):
        raise ValueError
    return str(value)


def _not_as_expected(key: Key, given: Given) -> str:
    shown = "a value that is not shown" if key.secret else repr(given.value)
    return f"{given.place}: got {shown}; it should be {key.kind.expected}"


def _conflicts(
    settings: Settings, given: Mapping[str, Given], shared: Collection[str]
) -> Iterator[str]:
    for name in shared:
        if "database_url" in given and name not in given:
            yield (
                f"{variable(name)}: not set; with a database URL it is required,"
                " the same on every machine"
            )
    if settings.api_processes > 1 and "limits_url" not in given:
        yield (
            f"{given['api_processes'].place}: got {settings.api_processes}; more than one needs"
            f" {variable('limits_url')}, a Redis or Valkey in which they share their rate limits"
        )
    password, username = settings.admin_password, settings.admin_username
    if password is not None and password.casefold() == username.casefold():
        yield f"{given['admin_password'].place}: it should not be the administrator's username"


def table() -> str:
    """The table of docs/configuration.md, in Markdown."""
    head = ["| Variable | Default | It should be | Meaning |", "|---|---|---|---|"]
    return "\n".join(head + [_row(key) for key in KEYS.values()])


def _row(key: Key) -> str:
    default = "none" if key.default in (None, ()) else f"`{key.default}`"
    return f"| `{variable(key.name)}` | {default} | {key.kind.expected} | {key.doc} |"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
