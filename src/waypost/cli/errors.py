"""Errors at the shell are sentences, not tracebacks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from waypost.accounts.agree import OtherKey
from waypost.app.migrate import Forgetful, TooNew, TooOld
from waypost.app.supervisor import GaveUp
from waypost.kit.config import ConfigError
from waypost.kit.db import AWAY
from waypost.kit.embedded import EmbeddedError
from waypost.kit.errors import Refusal

OURS = (EmbeddedError, Forgetful, GaveUp, OtherKey, TooNew, TooOld, Refusal)


@contextmanager
def as_sentences() -> Iterator[None]:
    """End with exit code 1 and one sentence for everything that a person can mend."""
    try:
        yield
    except ConfigError as error:
        _end("These settings cannot be used:\n" + "\n".join(f"  {f}" for f in error.faults))
    except OURS as error:
        _end(str(error))
    except (PermissionError, NotADirectoryError) as error:
        _end(f"Cannot use {error.filename}: {error.strerror}. Choose another folder.")
    except asyncpg.PostgresError as error:
        _end(f"PostgreSQL says: {error}. Check WAYPOST_DATABASE_URL.")
    except AWAY as error:
        _end(f"The database cannot be reached: {error}. Check WAYPOST_DATABASE_URL.")
    except KeyboardInterrupt:
        _end("Interrupted.", status=130)


def _end(sentence: str, status: int = 1) -> None:
    sys.stderr.write(sentence + "\n")
    sys.exit(status)
