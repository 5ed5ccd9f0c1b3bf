"""Where settings are given: the command line, the environment, a TOML file."""

import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

PREFIX = "WAYPOST_"
CONFIG_VARIABLE = "WAYPOST_CONFIG"
TEST_PREFIX = "WAYPOST_TEST_"  # the test suite's own variables, which a server under test inherits


class ConfigError(Exception):
    """The settings cannot be used; the text has one line for each fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Source:
    """Values by the settings' names, and how this source spells a name."""

    values: Mapping[str, object]
    spell: Callable[[str], str]
    file: Path | None = None

    def place(self, name: str) -> str:
        """Where a person finds this setting."""
        return f"{self.file}: {self.spell(name)}" if self.file else self.spell(name)

    def unknown(self, known: Collection[str]) -> Iterator[str]:
        """A fault for each name that is no setting."""
        for name in self.values:
            if name not in known:
                bare = name.lower().removeprefix(PREFIX.lower())
                near = get_close_matches(bare, known, n=1)
                hint = f"; did you mean {self.spell(near[0])}?" if near else ""
                yield f"{self.place(name)}: no such setting{hint}"


def from_flags(flags: Mapping[str, object]) -> Source:
    """What the command line gives; None is not given."""
    given = {name: value for name, value in flags.items() if value is not None}
    return Source(given, lambda name: "--" + name.replace("_", "-"))


def is_setting(variable: str) -> bool:
    """Whether an environment variable would be read as a setting."""
    return variable.startswith(PREFIX) and not variable.startswith(TEST_PREFIX)


def from_environ(environ: Mapping[str, str]) -> Source:
    """What WAYPOST_* variables give; an empty one is not given, as compose files say it."""
    given = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if is_setting(name) and name != CONFIG_VARIABLE and text
    }
    return Source(given, variable)


def from_file(path: Path) -> Source:
    """What a TOML file gives; ConfigError when it cannot be read."""
    try:
        return Source(tomllib.loads(path.read_text("utf-8")), str, path)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from error


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()
