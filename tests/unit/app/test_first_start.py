"""The keys that a data directory keeps."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from waypost.app.first_start import with_keys, with_seal_key
from waypost.kit.config import Settings

GIVEN = "k" * 32


def test_keys_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first, second = with_keys(settings), with_keys(settings)

    assert first == second
    assert first.jwt_secret != first.seal_key
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jwt-secret", "seal-key"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    assert min(len(first.jwt_secret or ""), len(first.seal_key or "")) >= 32


def test_a_worker_has_the_seal_key_that_its_server_made_and_makes_no_other(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    worker = with_seal_key(settings)

    assert worker.jwt_secret is None
    assert [path.name for path in tmp_path.iterdir()] == ["seal-key"]
    assert with_keys(settings).seal_key == worker.seal_key


def test_keys_that_are_set_are_not_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=GIVEN, seal_key=GIVEN)

    assert with_keys(settings) == settings
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_at_once_have_the_same_keys(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with ProcessPoolExecutor(3, get_context("spawn")) as processes:
        found = set(processes.map(with_keys, [settings] * 12))

    assert len(found) == 1
