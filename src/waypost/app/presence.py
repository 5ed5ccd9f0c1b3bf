"""How processes appear in the database's activity, where others see that they live."""

WORKER = "waypost worker"
