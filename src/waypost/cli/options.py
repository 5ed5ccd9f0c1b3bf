"""Options that commands share."""

import os
from collections.abc import Mapping
from pathlib import Path

from waypost.kit.config import Settings, load
from waypost.kit.log import setup


def read_settings(
    config: Path | None, flags: Mapping[str, object], *, serves: bool = False
) -> Settings:
    """The settings, with flags over the environment over the file; logs set up by them."""
    settings = load(os.environ, config, flags, serves=serves)
    setup(settings.log_level, settings.log_format, "cli")
    return settings
