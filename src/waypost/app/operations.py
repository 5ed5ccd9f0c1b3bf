"""Routes for operators and their machines: is it alive, is it ready, how is it doing."""

from fastapi import Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from waypost.app import migrate
from waypost.app.metrics import Backlog, exposition
from waypost.devices import leases, pools
from waypost.kit.db import DatabaseAway, Tx
from waypost.kit.routing import Db, Time, contract_router
from waypost.queue import depths
from waypost.queue.model import lane_of


class Health(BaseModel):
    """That the process answers."""

    status: str


class Readiness(BaseModel):
    """Whether messages can be accepted and sent, and what was looked at."""

    status: str
    checks: dict[str, bool]


router = contract_router("", "Operations")


@router.get("/healthz")
async def healthz() -> Health:
    """This process answers."""
    return Health(status="ok")


@router.get("/readyz")
async def readyz(db: Db, response: Response) -> Readiness:
    """Database, schema and workers: 200 when messages can be accepted and sent, else 503."""
    checks = await _checks(db)
    ready = all(checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(status="ready" if ready else "not ready", checks=checks)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(db: Db, clock: Time) -> Response:
    """Prometheus metrics of every process on this box, and of the queue."""
    try:
        backlog = await _backlog(db, clock)
    except DatabaseAway:
        backlog = []  # the processes' own metrics are still worth having
    return Response(exposition(backlog), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _backlog(db: Db, clock: Time) -> list[Backlog]:
    async with db.read() as tx:
        return [await _of_pool(tx, pool.id, clock) for pool in await pools.listed(tx)]


async def _of_pool(tx: Tx, pool_id: int, clock: Time) -> Backlog:
    depth = await depths.of(tx, lane_of(pool_id))
    age = 0.0 if depth.since is None else (clock.now() - depth.since).total_seconds()
    return Backlog(pool_id, depth.waiting, max(0.0, age))


async def _checks(db: Db) -> dict[str, bool]:
    try:
        async with db.read() as tx:
            schema = await migrate.current(tx) == migrate.newest()
            worker = schema and await leases.workers(tx) > 0
        return {"database": True, "schema": schema, "worker": worker}
    except DatabaseAway:
        return {"database": False, "schema": False, "worker": False}
