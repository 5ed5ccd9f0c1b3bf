"""The lean lane: the two send routes and message-status as plain ASGI, in front of FastAPI.

The same verbs, limits and errors as everywhere else; measured at twice the requests a second.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from waypost.accounts.guard import Guard
from waypost.accounts.model import Principal
from waypost.kit.clock import Clock
from waypost.kit.db import Database
from waypost.kit.errors import Invalid, MethodNotAllowed, Problem, cut_off
from waypost.kit.web import App, Exchange, Receive, Scope, Send, exchange_of, respond
from waypost.messages import estimate, find, idempotency, show
from waypost.messages.group_commit import GroupCommit
from waypost.messages.model import Class, QueueType, show_batch_id, show_id
from waypost.messages.schemas import (
    NOT_A_NUMBER,
    Bulk,
    BulkAnswer,
    BulkResult,
    SendAnswer,
    Single,
    read_bulk,
    read_send,
)
from waypost.messages.submission import Acceptance, Repeatable, Skipped, Submission

SEND = "/api/messages/send-message"
BULK = "/api/messages/send-bulk-message"
STATUS = "/api/messages/message-status/"

Handler = Callable[[Scope, Receive, Exchange], Awaitable[bytes]]

_encode = msgspec.json.Encoder().encode


class Lane:
    """Answers the three hot routes and hands every other request on."""

    def __init__(
        self,
        app: App,
        db: Database,
        guard: Guard,
        commit: GroupCommit,
        clock: Clock,
        queue_type: QueueType,
    ) -> None:
        self._app = app
        self._db = db
        self._guard = guard
        self._commit = commit
        self._clock = clock
        self._queue_type = queue_type
        self._posts: dict[str, Handler] = {SEND: self._send, BULK: self._bulk}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path in self._posts:
            await self._answer(self._posts[path], path, "POST", scope, receive, send)
        elif path.startswith(STATUS):
            await self._answer(self._status, STATUS + "{queue_id}", "GET", scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(
        self, handler: Handler, route: str, method: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        exchange = exchange_of(scope)
        exchange.route = route
        if scope["method"] != method:
            raise MethodNotAllowed(f"This route takes {method} only.", headers={"Allow": method})
        _refuse_query(scope["query_string"])
        await respond(send, 200, await handler(scope, receive, exchange))

    async def _send(self, scope: Scope, receive: Receive, exchange: Exchange) -> bytes:
        who = await self._guard.admit(exchange, _authorization(scope), "send")
        body = await _whole(receive)
        repeatable = _repeatable(scope, SEND, body)
        single = read_send(body, self._clock.now())
        accepted = await self._submit(exchange, who, Class.SINGLE, single, repeatable)
        return _encode(_send_answer(accepted, self._queue_type))

    async def _bulk(self, scope: Scope, receive: Receive, exchange: Exchange) -> bytes:
        who = await self._guard.admit(exchange, _authorization(scope), "bulk")
        body = await _whole(receive)
        repeatable = _repeatable(scope, BULK, body)
        bulk = read_bulk(body, self._clock.now())
        if not bulk.recipients:
            raise Invalid.field("numbers", "holds no possible phone number")
        accepted = await self._submit(exchange, who, Class.BULK, bulk, repeatable)
        return _encode(_bulk_answer(bulk, accepted, self._queue_type))

    async def _submit(
        self,
        exchange: Exchange,
        who: Principal,
        kind: Class,
        asked: Single | Bulk,
        repeatable: Repeatable | None,
    ) -> Acceptance:
        accepted = await self._commit.submit(
            Submission(
                who.account_id,
                who.pool_id,
                kind,
                asked.content,
                asked.recipients,
                asked.options,
                who.weight,
                repeatable,
            )
        )
        if accepted.is_replay:
            exchange.headers[idempotency.REPLAY] = "true"
        return accepted

    async def _status(self, scope: Scope, _receive: Receive, exchange: Exchange) -> bytes:
        who = await self._guard.admit(exchange, _authorization(scope), "status")
        queue_id, now = scope["path"][len(STATUS) :], self._clock.now()
        async with self._db.read() as tx:
            found = await find.message(tx, who.account_id, queue_id)
            leaves = await estimate.of(tx, who.account_id, found, now)
        return _encode(show.status(found, leaves, now))


def _send_answer(accepted: Acceptance, queue_type: QueueType) -> SendAnswer:
    (id,) = accepted.ids
    return SendAnswer(
        message=f"Message {_done(accepted)} successfully",
        queue_id=show_id(id),
        remaining_credits=accepted.remaining_credits,
        queue_position=accepted.queue_position,
        available_devices=accepted.available_devices,
        total_devices=accepted.total_devices,
        queue_type=queue_type,
    )


def _bulk_answer(bulk: Bulk, accepted: Acceptance, queue_type: QueueType) -> BulkAnswer:
    came = dict(zip((r.number for r in bulk.recipients), accepted.outcomes, strict=True))
    assert accepted.batch_id is not None  # every bulk has one
    queue_ids = [show_id(id) for id in accepted.ids]
    results = [
        _not_a_number(given) if recipient is None else _result(recipient.number, came)
        for given, recipient in bulk.given
    ]
    return BulkAnswer(
        message=f"Bulk message {_done(accepted)} successfully for {len(queue_ids)} numbers",
        messages_created=len(queue_ids),
        remaining_credits=accepted.remaining_credits,
        batch_id=show_batch_id(accepted.batch_id),
        queue_ids=queue_ids,
        results=results,
        queue_position=accepted.queue_position,
        available_devices=accepted.available_devices,
        total_devices=accepted.total_devices,
        queue_type=queue_type,
    )


def _done(accepted: Acceptance) -> str:
    return "scheduled" if accepted.is_scheduled else "queued"


def _result(number: str, came: dict[str, UUID | Skipped]) -> BulkResult:
    outcome = came[number]
    if isinstance(outcome, Skipped):
        return BulkResult(number, error=outcome.code, message=outcome.message)
    return BulkResult(number, queue_id=show_id(outcome))


def _not_a_number(given: str) -> BulkResult:
    return BulkResult(given, error=Invalid.code, message=f"number: {NOT_A_NUMBER}")


def _repeatable(scope: Scope, route: str, body: bytes) -> Repeatable | None:
    keys = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    return idempotency.repeatable(keys, route, body)


def _authorization(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value)
    return None


async def _whole(receive: Receive) -> bytes:
    """The whole body; the edge bounds its size."""
    body, is_more = b"", True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise cut_off()
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
    return body


def _refuse_query(query: bytes) -> None:
    if query:
        names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
        raise Invalid.fields(*(Problem(name, "is not a parameter here") for name in names))
