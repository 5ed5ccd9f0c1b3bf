"""Leases, pacing, fairness, order, batches, idempotency and timers."""

from waypost.migrations.script import run, text_of

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(text_of("0002_dispatch.sql"))
