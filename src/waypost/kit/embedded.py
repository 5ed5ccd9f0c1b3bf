"""The private PostgreSQL of a data directory: it is made, started, recovered and stopped here."""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

from waypost.kit.embedded_processes import POLL_SECONDS, end, is_ready
from waypost.kit.embedded_runner import (
    MAJOR,
    EmbeddedError,
    Runner,
    name_inside,
    runner_of,
    user_name,
)
from waypost.kit.log import get

__all__ = ["Embedded", "EmbeddedError", "has_database", "running_url"]

CLAIM_SECONDS = 1.0
STOP_SECONDS = 10.0
NEWS_SECONDS = 5.0
LOG_BYTES = 8_388_608
LOCK = "postgres.lock"
SOCKET_PREFIX = "waypost-"
SOCKET = ".s.PGSQL.5432"
SOCKET_BASES = ("/run", "/tmp")  # noqa: S108  the folder that we make there is ours alone

# Text sorts by its bytes and folds by Unicode on every machine, whatever its C library.
INITDB = (
    "--username=postgres",
    "--auth=peer",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    "--no-sync",
)
# All is flushed at the end: by one call where there is one, as flushing 1,300 files takes long.
SYNC = ("--sync-only", f"--sync-method={'syncfs' if sys.platform == 'linux' else 'fsync'}")
SINGLE_USER = ("--single", "-c", "exit_on_error=on", "-c", "fsync=off")
OURS = """\
CREATE ROLE waypost LOGIN CREATEDB;
CREATE DATABASE waypost OWNER waypost;
"""

# The kernel says which user connects; pg_ident.conf says which users may.
HBA = """\
local all all peer map=waypost
local replication all peer map=waypost
"""
SETTINGS = {
    "listen_addresses": "",
    # Statements and the values of rows hold what people write to each other.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}

log = get(__name__)


def has_database(data_dir: Path) -> bool:
    """Whether a database was made in this data directory."""
    return (data_dir / "postgres").exists()


def running_url(data_dir: Path) -> str | None:
    """The URL of the server that another process has ready on this data directory."""
    try:
        with (data_dir / LOCK).open() as claim:
            if _take(claim.fileno(), fcntl.LOCK_SH):
                return None
            note = claim.read()
    except FileNotFoundError:
        return None
    return _url(Path(note)) if note and is_ready(data_dir / "postgres") else None


class Embedded:
    """The private PostgreSQL of one data directory."""

    def __init__(self, data_dir: Path, start_seconds: float = 600.0) -> None:
        self._dir = data_dir.absolute()
        self._pgdata = self._dir / "postgres"
        self._draft = self._dir / "postgres.new"
        self._lock_file = self._dir / LOCK  # its text says where the socket is
        self._log = self._dir / "postgres.log"
        self._log_offset = 0
        self._start_seconds = start_seconds
        self._lock: int | None = None
        self._runner: Runner | None = None
        self._socket_folder: Path | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def is_running(self) -> bool:
        """Whether the server lives; one system call."""
        return self._server is not None and self._server.poll() is None

    def start(self) -> str:
        """Make, recover or start the server again, whichever it takes; its URL once it is ready.

        A server that died comes back under the same URL. Raises EmbeddedError.
        """
        try:
            with ExitStack() as undo:
                undo.callback(self.stop)
                socket_folder = self._start()
                undo.pop_all()
        except OSError as error:
            raise EmbeddedError(f"PostgreSQL cannot run in {self._dir}: {error}") from error
        return _url(socket_folder)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Shut down fast, after `seconds` hard, and leave the data directory to others."""
        if self._lock is None:
            return
        if self._runner is not None:
            for folder in (self._draft, self._pgdata):
                with suppress(FileNotFoundError):
                    end(folder, self._runner, seconds)
        if self._server is not None:
            self._server.kill()  # it lives only if somebody removed its folder
            self._server.wait()
        if self._socket_folder is not None:
            _empty(self._socket_folder)
            with suppress(OSError):
                self._socket_folder.rmdir()
            os.truncate(self._lock, 0)
        os.close(self._lock)
        self._lock = self._server = self._socket_folder = None

    def rotate_log(self) -> None:
        """Put a full log aside, over the one before; the server writes on in the same file."""
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            shutil.copy(self._log, self._log.with_suffix(".log.1"))
            os.truncate(self._log, 0)

    def _start(self) -> Path:
        self._claim()
        if self._socket_folder is not None and self.is_running():
            return self._socket_folder
        runner = runner_of(self._pgdata)
        self._check_version()
        self._runner = runner  # from here on a stop may have something to end
        if not self._pgdata.exists():
            self._create(runner)
        end(self._pgdata, runner, STOP_SECONDS)  # whatever outlived an earlier Waypost
        (self._pgdata / "postmaster.pid").unlink(missing_ok=True)  # by now anybody's pid
        self._allow_ourselves(runner)
        self._socket_folder = self._open_socket_folder(runner)
        self._launch(runner, self._socket_folder)
        self._wait_until_ready()
        return self._socket_folder

    def _claim(self) -> None:
        """Refuse a second Waypost; the kernel frees the claim of one that was killed."""
        if self._lock is not None:
            return
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + CLAIM_SECONDS
        while not _take(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(lock)
                raise EmbeddedError(
                    f"Another Waypost already runs on {self._dir}: stop it first, "
                    "or give this one a data directory of its own."
                )
            time.sleep(POLL_SECONDS)
        self._lock = lock

    def _check_version(self) -> None:
        if not self._pgdata.exists():
            return
        try:
            version = (self._pgdata / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedError(
                f"{self._pgdata} is in the way and holds no PostgreSQL data: move it elsewhere."
            ) from None
        if version != str(MAJOR):
            raise EmbeddedError(
                f"{self._pgdata} was made by PostgreSQL {version}, and this Waypost has {MAJOR}: "
                "start the Waypost that made it, save its database with pg_dump, "
                "and restore it into a new data directory."
            )

    def _create(self, runner: Runner) -> None:
        """Make the data under another name, so that half of it is never taken for the whole."""
        draft = self._draft
        if draft.exists():
            end(draft, runner, STOP_SECONDS)
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        os.chown(draft, runner.uid, runner.gid, follow_symlinks=False)
        here = name_inside(draft)
        runner.run("initdb", "-D", here, *INITDB, folder=draft)
        runner.run("postgres", *SINGLE_USER, "-D", here, "postgres", folder=draft, text=OURS)
        runner.run("initdb", "-D", here, *SYNC, folder=draft)
        draft.rename(self._pgdata)
        _sync(self._dir)

    def _allow_ourselves(self, runner: Runner) -> None:
        """Root and the user that we are may connect as any role, and nobody else as any."""
        users = {user_name(uid) for uid in (0, os.geteuid())}
        ident = "".join(f'waypost "{user}" all\n' for user in users)
        _replace(self._pgdata / "pg_hba.conf", HBA, runner)
        _replace(self._pgdata / "pg_ident.conf", ident, runner)

    def _open_socket_folder(self, runner: Runner) -> Path:
        """Short, however deep the data is, and closed to all but root and PostgreSQL's user."""
        folder = self._socket_folder or Path(self._lock_file.read_text())
        if not _is_private(folder, runner):
            base = next((base for base in SOCKET_BASES if os.access(base, os.W_OK | os.X_OK)), None)
            folder = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=base))
            os.chown(folder, runner.uid, runner.gid)
            self._lock_file.write_text(str(folder))
        _empty(folder)
        return folder

    def _launch(self, runner: Runner, socket_folder: Path) -> None:
        self.rotate_log()
        settings = SETTINGS | {"unix_socket_directories": str(socket_folder)}
        flags = [f"--{name}={value}" for name, value in settings.items()]
        with open(self._log, "ab", opener=_private) as output:
            self._log_offset = output.tell()
            here = name_inside(self._pgdata)
            self._server = runner.spawn(
                "postgres", "-D", here, *flags, folder=self._pgdata, output=output
            )

    def _wait_until_ready(self) -> None:
        """However long recovery takes: as long as the server lives, it is on its way."""
        begun = time.monotonic()
        news = NEWS_SECONDS
        while not is_ready(self._pgdata):
            waited = time.monotonic() - begun
            if not self.is_running():
                raise self._failure(f"ended {waited:.1f} seconds after its start")
            if waited > self._start_seconds:
                raise self._failure(f"was not ready {waited:.0f} seconds after its start")
            if waited > news:
                log.info("postgres.recovering", seconds=round(waited))
                news += NEWS_SECONDS
            time.sleep(POLL_SECONDS)
        log.info("postgres.ready", seconds=round(time.monotonic() - begun, 2))

    def _failure(self, what: str) -> EmbeddedError:
        with self._log.open(errors="replace") as written:
            written.seek(self._log_offset)
            last_words = written.read().splitlines()[-10:]
        return EmbeddedError(
            "\n".join((f"PostgreSQL {what}. Its log, {self._log}, ends with:", *last_words))
        )


def _url(socket_folder: Path) -> str:
    # The port is said because PGPORT would else be asked.
    return f"postgresql://waypost@/waypost?host={quote(str(socket_folder))}&port=5432"


def _take(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_private(folder: Path, runner: Runner) -> bool:
    """Whether this is a folder that we once made for the socket, not a trap laid there since."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    closed = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return closed and found.st_uid == runner.uid and folder.name.startswith(SOCKET_PREFIX)


def _empty(socket_folder: Path) -> None:
    for name in (SOCKET, f"{SOCKET}.lock"):
        (socket_folder / name).unlink(missing_ok=True)


def _replace(path: Path, text: str, runner: Runner) -> None:
    """Write a new file in its place: root must not follow a link that was laid there."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(draft, "x", opener=_private) as file:
        os.fchown(file.fileno(), runner.uid, runner.gid)
        file.write(text)
    draft.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
