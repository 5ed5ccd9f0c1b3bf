"""The one queue. PgQueuer is named in this folder only."""
