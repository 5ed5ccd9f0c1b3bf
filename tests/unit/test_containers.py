"""The containers pass their linters, and keep what operators rely on."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from waypost.kit.config import KEYS, load

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE_FILES = ["compose.yaml", "compose.scale.yaml"]
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


def lint(tool: str, *arguments: str) -> None:
    done = subprocess.run([BIN / tool, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def instructions(name: str) -> list[str]:
    """The Dockerfile's lines that begin with this instruction, without it."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(f"{name} ") for line in text.splitlines() if line.startswith(name)]


def services(file: str) -> dict[str, dict[str, Any]]:
    return yaml.safe_load((ROOT / file).read_text())["services"]


def environments(file: str) -> Iterator[tuple[str, dict[str, str]]]:
    for name, service in services(file).items():
        yield name, service.get("environment", {})


def test_the_dockerfile_passes_its_linter() -> None:
    lint("hadolint", "--failure-threshold", "style", "Dockerfile")


def test_the_compose_files_pass_their_linters() -> None:
    lint("yamllint", "--strict", ".yamllint.yaml", *COMPOSE_FILES)
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *COMPOSE_FILES)


def test_the_image_does_not_run_as_root() -> None:
    assert instructions("USER") == ["10001:10001"]


def test_every_stage_stands_on_one_pinned_base() -> None:
    bases = {line.split()[0] for line in instructions("FROM")}

    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases.pop())


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_every_foreign_image_has_a_version(file: str) -> None:
    foreign = [service["image"] for service in services(file).values() if "build" not in service]

    assert all(re.search(r":\d", image) for image in foreign)


def test_the_image_installs_only_what_the_lock_file_hashes() -> None:
    locked, own = [line for line in instructions("RUN") if "pip install" in line]

    assert "--require-hashes" in locked
    assert "--no-deps" in own


def test_the_docker_context_holds_all_that_is_copied_and_nothing_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [line.split()[:-1] for line in instructions("COPY") if "--from" not in line]

    assert ignored[1] == "*"
    assert {f"!{path}" for paths in copied for path in paths} <= set(ignored)


def test_a_container_is_healthy_when_its_server_answers() -> None:
    [check] = instructions("HEALTHCHECK")
    [port] = instructions("EXPOSE")

    assert f"http://127.0.0.1:{port}/healthz" in check


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_our_containers_can_do_no_more_than_they_must(file: str) -> None:
    for service in services(file).values():
        if "build" in service:
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert service["read_only"] is True
            assert service["init"] is True


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_no_port_is_open_to_the_world(file: str) -> None:
    ports = [port for service in services(file).values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_secrets_have_no_default_and_a_missing_one_stops_the_start_with_a_sentence() -> None:
    text = (ROOT / "compose.scale.yaml").read_text()
    required = {m["name"] for m in VARIABLE.finditer(text) if m["rest"].startswith(":?")}
    named = {m["name"] for m in VARIABLE.finditer(text)}

    assert required == named
    assert named == {
        "POSTGRES_PASSWORD",
        "WAYPOST_JWT_SECRET",
        "WAYPOST_SEAL_KEY",
        "WAYPOST_ADMIN_PASSWORD",
    }
    for _, environment in environments("compose.scale.yaml"):
        secrets = [v for k, v in environment.items() if k.endswith(("SECRET", "KEY", "PASSWORD"))]
        assert all(VARIABLE.fullmatch(value) for value in secrets)


@pytest.mark.parametrize("service", ["migrate", "api", "worker"])
def test_the_settings_of_a_service_are_accepted(service: str) -> None:
    environment = dict(environments("compose.scale.yaml"))[service]
    filled = {
        name: VARIABLE.sub("0123456789abcdef" * 4, text) for name, text in environment.items()
    }

    settings = load(filled)

    assert {name.removeprefix("WAYPOST_").lower() for name in filled} <= KEYS.keys()
    assert settings.database_url
    assert settings.limits_url


def test_two_apis_and_two_workers_wait_for_the_migration() -> None:
    by_name = services("compose.scale.yaml")

    for name in ("api", "worker"):
        assert by_name[name]["deploy"]["replicas"] == 2
        after = by_name[name]["depends_on"]["migrate"]
        assert after == {"condition": "service_completed_successfully"}
    assert by_name["api"]["command"][:2] == ["serve", "--no-worker"]
