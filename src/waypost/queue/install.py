"""PgQueuer's schema, as our migrations lay it down."""

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings, Durability

# PgQueuer's own log and statistics may be lost in a crash: our events are the log. Its trigger is
# dropped because a NOTIFY in every commit lets only one commit through at a time (`queue.bell`
# rings after the commit instead), and so are the indexes that only its own reports read.
_TRIM = """
drop trigger {trigger} on {queue};
drop index {queue}_priority_id_id1_idx, {queue}_updated_id_id1_idx;
drop index {log}_created, {log}_job_id_status, {log}_not_aggregated, {log}_status;
"""


def install_sql() -> str:
    """What creates the queue."""
    settings = DBSettings(durability=Durability.balanced)
    environment = QueryBuilderEnvironment(settings)
    trim = _TRIM.format(
        trigger=settings.trigger, queue=settings.queue_table, log=settings.queue_table_log
    )
    return environment.build_install_query() + environment.build_optimize_autovacuum_query() + trim
