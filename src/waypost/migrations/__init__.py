"""The schema, in steps. Each is ordered plain SQL; Alembic keeps count."""
