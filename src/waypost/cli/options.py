"""Options that commands share."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from waypost.kit.config import Settings, load
from waypost.kit.log import setup


def read_settings(
    config: Path | None, flags: Mapping[str, object], shared: Collection[str] = ()
) -> Settings:
    """The settings, with flags over the environment over the file; logs set up by them.

    `shared` are the keys without which the command cannot use a database URL.
    """
    settings = load(os.environ, config, flags, shared=shared)
    setup(settings.log_level, settings.log_format, "cli")
    return settings
