"""Official numbers: sealed secrets, provider ids, callbacks, approved templates, media, inbox."""

from waypost.migrations.script import run, text_of

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(text_of("0003_official_numbers.sql"))
