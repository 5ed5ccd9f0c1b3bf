"""The house: accounts, credits, templates, devices, messages, their facts and the queue."""

from waypost.migrations.script import run, text_of
from waypost.queue.install import install_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(text_of("0001_house.sql"))
    run(install_sql())
