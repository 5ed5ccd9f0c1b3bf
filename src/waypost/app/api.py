"""Settings → the ASGI application of one API process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Protocol

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from waypost.accounts.guard import Guard
from waypost.app import operations, routers
from waypost.app.openapi import describe
from waypost.intake import api as callbacks
from waypost.kit.clock import Clock, SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.kit.ids import Ids
from waypost.kit.limits import Limiter
from waypost.kit.listen import Listener
from waypost.kit.log import get
from waypost.kit.routing import speak_contract
from waypost.kit.seal import sealer
from waypost.kit.web import App, Edge
from waypost.media import api as media
from waypost.messages.accept import Accept
from waypost.messages.backlog import Backlog
from waypost.messages.group_commit import GroupCommit
from waypost.messages.idempotency import HEADER, REPLAY
from waypost.messages.lane import Lane
from waypost.messages.model import QueueType
from waypost.queue.bell import Bell

log = get(__name__)


def build(settings: Settings, database_url: str, queue_type: QueueType) -> App:
    """Everything one API process needs, wired together; it opens when the server starts."""
    db = Database(database_url, settings.database_pool_size, "waypost api")
    return assemble(settings, db, queue_type)


def assemble(settings: Settings, db: Database, queue_type: QueueType) -> App:
    """The application on a database that is not open yet."""
    clock: Clock = SystemClock()
    limiter = Limiter(settings.limits_url)
    guard = Guard(db, settings, clock, limiter)
    listener = Listener(db.url, guard.hearers())
    guard.listener = listener
    bell = Bell(db)
    backlog = Backlog(db, clock, settings.backlog_per_account, settings.backlog_per_pool)
    lifetime = timedelta(seconds=settings.message_lifetime_seconds)
    accept = Accept(clock, Ids(clock), lifetime)
    commit = GroupCommit(db, accept, backlog, bell, settings.group_commit_max, settings.committers)

    app = _fastapi(_Life(db, limiter, commit, (commit, listener, bell)))
    app.state.db, app.state.clock, app.state.guard = db, clock, guard
    app.state.settings, app.state.bell, app.state.sealer = settings, bell, sealer(settings)
    app.state.uploads = asyncio.Semaphore(media.UPLOADS_AT_ONCE)
    lane = Lane(app, db, guard, commit, clock, queue_type)
    others = {callbacks.PATH: callbacks.BODIES, media.PATH: media.BODIES}
    edge = Edge(lane, settings.max_body_bytes, _request_ids(), others)
    # Outermost, so that a browser's page can read the refusals too.
    return _cors(edge, settings) if settings.cors_origins else edge


class _Loop(Protocol):
    async def run(self) -> None: ...


class _Life:
    """What runs beside the requests, from the start of the server to its end."""

    def __init__(
        self, db: Database, limiter: Limiter, commit: GroupCommit, loops: Sequence[_Loop]
    ) -> None:
        self._db = db
        self._limiter = limiter
        self._commit = commit
        self._loops = loops

    @asynccontextmanager
    async def __call__(self, app: FastAPI) -> AsyncIterator[None]:
        await self._db.open()
        committing, *others = (asyncio.create_task(loop.run()) for loop in self._loops)
        for task in (committing, *others):
            task.add_done_callback(_end_with)
        try:
            yield
        finally:
            self._commit.close()
            for task in others:
                task.cancel()
            await asyncio.gather(committing, *others, return_exceptions=True)
            await self._limiter.close()
            await self._db.close()


def _end_with(task: asyncio.Task[None]) -> None:
    """A server whose loop has broken would answer nobody: it stops, and is started again."""
    if not task.cancelled() and (error := task.exception()):
        log.error("api.loop_broke", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _fastapi(life: _Life) -> FastAPI:
    app = FastAPIOffline(
        redoc_url=None,
        title="Waypost",
        summary="A self-hosted WhatsApp messaging API with honest accounting",
        version="0.1.0",
        openapi_url="/openapi.json",
        lifespan=life,
        redirect_slashes=False,
    )
    speak_contract(app)
    for router in routers.ALL:
        app.include_router(router)
    app.include_router(operations.router)
    describe(app)
    return app


def _cors(app: App, settings: Settings) -> App:
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID", HEADER],
        expose_headers=[
            "X-Request-ID",
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "Retry-After",
            REPLAY,
        ],
    )


def _request_ids() -> Callable[[], str]:
    """Ids that differ between processes by chance and within one by count."""
    process, numbers = os.urandom(8).hex(), count(1)
    return lambda: f"req_{process}{next(numbers):08x}"
