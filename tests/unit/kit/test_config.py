"""The settings are read once, and every fault is told at once."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from waypost.accounts.fields import MAX_USERNAME, Username
from waypost.kit.config import KEYS, OF_API, OF_WORKER, ConfigError, Rate, Settings, load, table

ROOT = Path(__file__).parents[3]
SECRET = "s3cret-" * 6
DATABASE = "postgresql://waypost:hunter2@db/waypost"


def faults(
    environ: Mapping[str, str], file: Path | None = None, flags: Mapping[str, object] | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(environ, file, flags)
    assert str(refused.value).splitlines() == list(refused.value.faults)
    return list(refused.value.faults)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "waypost.toml"


def test_without_any_source_the_defaults_hold() -> None:
    assert load({}) == Settings()


def test_what_is_not_ours_in_the_environment_is_left_alone() -> None:
    environ = {"PATH": "/bin", "PORT": "1", "WAYPOST_TEST_DATABASE_URL": DATABASE}

    assert load(environ) == Settings()


def test_the_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        load({}).port = 1  # type: ignore[misc]  # the assignment is what the test is about


def test_every_setting_can_be_given_in_the_environment() -> None:
    environ = {
        "WAYPOST_DATABASE_URL": DATABASE,
        "WAYPOST_JWT_SECRET": SECRET,
        "WAYPOST_JWT_PREVIOUS_SECRETS": f"{SECRET}1, {SECRET}2",
        "WAYPOST_SEAL_KEY": f"{SECRET}3",
        "WAYPOST_SEAL_PREVIOUS_KEYS": f"{SECRET}4",
        "WAYPOST_CLOUD_GRAPH_URL": "http://127.0.0.1:9000/graph/",
        "WAYPOST_CLOUD_API_VERSION": "v25.0",
        "WAYPOST_DATA_DIR": "/var/lib/waypost",
        "WAYPOST_PORT": "0",
        "WAYPOST_LIMITS_URL": "valkey://cache:6379/0",
        "WAYPOST_API_PROCESSES": "2",
        "WAYPOST_RATE_LIMIT_AUTH": "5/second",
        "WAYPOST_RATE_LIMIT_SEND": "off",
        "WAYPOST_RATE_LIMIT_BULK": "70/hour",
        "WAYPOST_REGISTRATION": "closed",
        "WAYPOST_CORS_ORIGINS": "https://a.example,http://localhost:3000",
        "WAYPOST_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "WAYPOST_STOP_SECONDS": "2.5",
        "WAYPOST_LOG_LEVEL": "WARNING",
        "WAYPOST_ADMIN_PASSWORD": "correct horse",
    }

    settings = load(environ)

    assert settings == Settings(
        database_url=DATABASE,
        jwt_secret=SECRET,
        jwt_previous_secrets=(f"{SECRET}1", f"{SECRET}2"),
        seal_key=f"{SECRET}3",
        seal_previous_keys=(f"{SECRET}4",),
        cloud_graph_url="http://127.0.0.1:9000/graph",
        cloud_api_version="v25.0",
        data_dir=Path("/var/lib/waypost"),
        port=0,
        limits_url="valkey://cache:6379/0",
        api_processes=2,
        rate_limit_auth=Rate(5, 1),
        rate_limit_send=None,
        rate_limit_bulk=Rate(70, 3600),
        registration="closed",
        cors_origins=("https://a.example", "http://localhost:3000"),
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1")),
        stop_seconds=2.5,
        log_level="warning",
        admin_password="correct horse",
    )


def test_a_file_gives_the_same_values_as_the_environment(toml: Path) -> None:
    toml.write_text(
        'port = 9000\nstop_seconds = 3\nrate_limit_send = "7/minute"\n'
        'cors_origins = ["https://a.example", "https://b.example"]\n'
    )

    settings = load({"WAYPOST_CONFIG": str(toml)})

    assert settings == Settings(
        port=9000,
        stop_seconds=3.0,
        rate_limit_send=Rate(7, 60),
        cors_origins=("https://a.example", "https://b.example"),
    )


def test_flags_win_over_the_environment_and_that_over_the_file(toml: Path) -> None:
    toml.write_text('port = 1\nhost = "file"\nlog_level = "debug"\n')
    environ = {"WAYPOST_PORT": "2", "WAYPOST_HOST": "environment"}

    settings = load(environ, toml, {"port": 3, "data_dir": None})

    assert (settings.port, settings.host, settings.log_level) == (3, "environment", "debug")
    assert settings.data_dir == Settings().data_dir


def test_the_named_file_wins_over_the_variable(toml: Path) -> None:
    toml.write_text("port = 1\n")

    assert load({"WAYPOST_CONFIG": "/nowhere.toml"}, toml).port == 1


def test_an_empty_variable_is_not_given() -> None:
    assert load({"WAYPOST_LIMITS_URL": "", "WAYPOST_CONFIG": ""}) == Settings()


def test_every_fault_of_every_source_is_told_at_once(toml: Path) -> None:
    toml.write_text("prot = 1\ncommitters = 0\n")
    environ = {"WAYPOST_PORT": "eighty", "WAYPOST_RATE_LIMT_SEND": "off", "WAYPOST_ZZZ": "1"}

    told = faults(environ, toml, {"api_processes": 2})

    assert told == [
        f"{toml}: prot: no such setting; did you mean port?",
        "WAYPOST_RATE_LIMT_SEND: no such setting; did you mean WAYPOST_RATE_LIMIT_SEND?",
        "WAYPOST_ZZZ: no such setting",
        "WAYPOST_PORT: got 'eighty'; it should be a whole number from 0 to 65535",
        f"{toml}: committers: got 0; it should be a whole number from 1 to 16",
        (
            "--api-processes: got 2; more than one needs WAYPOST_LIMITS_URL,"
            " a Redis or Valkey in which they share their rate limits"
        ),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HOST", "two words"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8080.0"),
        ("STOP_SECONDS", "nan"),
        ("STOP_SECONDS", "-1"),
        ("DATA_DIR", "~nobody-of-that-name/data"),
        ("RATE_LIMIT_SEND", "100"),
        ("RATE_LIMIT_SEND", "0/minute"),
        ("RATE_LIMIT_SEND", "10/day"),
        ("RATE_LIMIT_SEND", "ten/minute"),
        ("REGISTRATION", "ajar"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "a.example"),
        ("CORS_ORIGINS", "https://a.example,https://"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("ADMIN_USERNAME", "the admin"),
        ("CLOUD_API_VERSION", "26"),
        ("CLOUD_API_VERSION", "v26.0/../v1.0"),
        ("CLOUD_GRAPH_URL", "graph.facebook.com"),
        ("CLOUD_GRAPH_URL", "http://graph.facebook.com"),
        ("CLOUD_GRAPH_URL", "http://127.0.0.1.example.com"),
        ("CLOUD_GRAPH_URL", "http://10.0.0.1"),
        ("CLOUD_GRAPH_URL", "https://"),
        ("CLOUD_GRAPH_URL", "https://token@graph.facebook.com"),
        ("CLOUD_GRAPH_URL", "https://graph.facebook.com:port"),
        ("CLOUD_GRAPH_URL", "https://graph.facebook.com/?a=b"),
        ("CLOUD_GRAPH_URL", "https://graph.facebook.com/#a"),
        ("CLOUD_GRAPH_URL", "https://graph.facebook.com/a b"),
        ("CLOUD_GRAPH_URL", "file:///etc/passwd"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_what_it_should_be(name: str, text: str) -> None:
    expected = KEYS[name.lower()].kind.expected

    assert faults({f"WAYPOST_{name}": text}) == [
        f"WAYPOST_{name}: got {text!r}; it should be {expected}"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("JWT_SECRET", "too-short"),
        ("JWT_SECRET", "commas,are,what,separates,previous,secrets"),
        ("JWT_PREVIOUS_SECRETS", f"{SECRET},too-short"),
        ("SEAL_KEY", "short-key"),
        ("SEAL_PREVIOUS_KEYS", f"{SECRET},short-key"),
        ("DATABASE_URL", "mysql://root:hunter2@db/waypost"),
        ("DATABASE_URL", "postgresql:waypost"),
        ("LIMITS_URL", "memcached://hunter2@cache"),
        ("ADMIN_PASSWORD", "hunter2"),
    ],
)
def test_a_secret_is_refused_without_being_shown(name: str, text: str) -> None:
    keys = {"WAYPOST_JWT_SECRET": SECRET, "WAYPOST_SEAL_KEY": SECRET}
    told = faults({**keys, f"WAYPOST_{name}": text})

    assert [fault.split(";")[0] for fault in told] == [
        f"WAYPOST_{name}: got a value that is not shown"
    ]
    assert text not in "".join(told)


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.example.com",
        "https://graph.example.com:8443/base",
        "http://localhost:9000",
        "http://127.0.0.2:9000",
        "http://[::1]:9000",
    ],
)
def test_the_providers_address_is_safe_or_on_this_host(url: str) -> None:
    assert load({"WAYPOST_CLOUD_GRAPH_URL": url}).cloud_graph_url == url


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        (OF_API, ["WAYPOST_JWT_SECRET", "WAYPOST_SEAL_KEY"]),
        (OF_WORKER, ["WAYPOST_SEAL_KEY"]),
    ],
    ids=["api", "worker"],
)
def test_a_database_url_requires_the_keys_that_all_machines_share(
    shared: tuple[str, ...], told: list[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"WAYPOST_DATABASE_URL": DATABASE}, shared=shared)

    assert [fault.split(":")[0] for fault in refused.value.faults] == told


def test_what_neither_serves_nor_sends_needs_no_keys() -> None:
    assert load({"WAYPOST_DATABASE_URL": DATABASE}, shared=()).database_url == DATABASE


def test_the_administrators_password_is_not_the_username() -> None:
    told = faults({"WAYPOST_ADMIN_USERNAME": "postmaster", "WAYPOST_ADMIN_PASSWORD": "Postmaster"})

    assert told == ["WAYPOST_ADMIN_PASSWORD: it should not be the administrator's username"]


@pytest.mark.parametrize("name", ["admin_username", "host"])
def test_a_word_in_a_file_is_not_empty(toml: Path, name: str) -> None:
    toml.write_text(f'{name} = ""')

    expected = KEYS[name].kind.expected
    assert faults({}, toml) == [f"{toml}: {name}: got ''; it should be {expected}"]


def test_the_administrators_name_is_taken_as_any_accounts_is() -> None:
    """One spelling for what looks the same, and no longer than another's."""
    name = "e\u0301" * MAX_USERNAME
    account = TypeAdapter(Username).validate_python("\u00e9" * MAX_USERNAME)

    assert load({"WAYPOST_ADMIN_USERNAME": name}).admin_username == account
    assert len(faults({"WAYPOST_ADMIN_USERNAME": name + "x"})) == 1


@pytest.mark.parametrize("text", ["port = true", "[port]\nnumber = 1", "port = 2026-01-01"])
def test_a_toml_value_that_is_no_number_text_or_list_is_a_fault(toml: Path, text: str) -> None:
    toml.write_text(text)

    assert [fault.split(": got")[0] for fault in faults({}, toml)] == [f"{toml}: port"]


def test_a_file_that_cannot_be_read_is_a_fault_among_the_others(toml: Path) -> None:
    told = faults({"WAYPOST_PORT": "x"}, toml)

    assert told[0] == f"{toml}: cannot be read: No such file or directory"
    assert len(told) == 2


@pytest.mark.parametrize("content", [b"port = \n", b'host = "\xff"\n', b"port = 1\nport = 2\n"])
def test_a_file_that_is_not_toml_is_a_fault(toml: Path, content: bytes) -> None:
    toml.write_bytes(content)

    assert [fault.split(":")[1] for fault in faults({}, toml)] == [" is not TOML"]


def test_secrets_are_not_in_the_printed_settings() -> None:
    settings = Settings(
        database_url=DATABASE,
        jwt_secret=SECRET,
        jwt_previous_secrets=(SECRET,),
        seal_key=SECRET,
        seal_previous_keys=(SECRET,),
        admin_password="hunter2!",
        limits_url="redis://:hunter2@cache",
    )

    assert "s3cret" not in repr(settings)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("name", KEYS)
def test_each_default_is_a_value_that_its_own_kind_reads_back(name: str) -> None:
    default = getattr(Settings(), name)
    if default not in (None, ()):
        assert load({f"WAYPOST_{name.upper()}": str(default)}) == Settings()


def test_the_page_has_the_table_that_the_code_declares() -> None:
    """Mend a difference with the output of `python -m waypost.kit.config`."""
    page = (ROOT / "docs/configuration.md").read_text()

    assert table() in page
    assert page.count("| `WAYPOST_") == len(KEYS)


def test_the_module_prints_the_table() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "waypost.kit.config"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )

    assert printed.stdout.strip() == table()
