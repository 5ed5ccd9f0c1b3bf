"""The OpenAPI document: FastAPI's own, plus the lean lane's routes and the one error shape."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from waypost.messages import idempotency, lane
from waypost.messages.schemas import BulkAnswer, BulkBody, SendAnswer, SendBody

REF = "#/components/schemas/{name}"

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "message", "code", "request_id"],
    "properties": {
        "error": {"type": "string", "examples": ["INSUFFICIENT_CREDITS"]},
        "message": {"type": "string"},
        "code": {"type": "integer", "examples": [403]},
        "request_id": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
}

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": idempotency.HEADER,
    "in": "header",
    "required": False,
    "description": "A name of this request, for a retry: within 24 hours the same key and body get"
    " the first answer again, and nothing is sent or charged twice. Another body under the same"
    " key is refused (422, `IDEMPOTENCY_MISMATCH`).",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": idempotency.MAX_KEY,
        "pattern": "^[!-~]+$",
    },
}
IDEMPOTENT_REPLAY: dict[str, Any] = {
    "description": "`true` where this is the answer of an earlier request of the same key.",
    "schema": {"type": "string", "enum": ["true"]},
}

OPEN = {
    "/api/auth/login",
    "/api/auth/register",
    "/api/auth/refresh",
    "/callbacks/cloud/{device_id}",
    "/healthz",
    "/readyz",
    "/metrics",
}


def describe(app: FastAPI) -> None:
    """Give the application its document, made on first use."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    components = document.setdefault("components", {})
    structs = [SendBody, SendAnswer, BulkBody, BulkAnswer]
    _, schemas = msgspec.json.schema_components(structs, ref_template=REF)
    components.setdefault("schemas", {}).update(schemas | {"Error": ERROR})
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    document["paths"].update(_lane_paths())
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _complete(operation, is_open=path in OPEN)
    return document


def _lane_paths() -> dict[str, Any]:
    return {
        lane.SEND: {"post": _post("Send a message", "send_message", SendBody, SendAnswer)},
        lane.BULK: {"post": _post("Send to many", "send_bulk_message", BulkBody, BulkAnswer)},
        lane.STATUS + "{queue_id}": {
            "get": {
                "tags": ["Messages"],
                "summary": "Where a message stands",
                "operationId": "message_status",
                "parameters": [
                    {
                        "name": "queue_id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                    }
                ],
                "responses": {"200": _json("The message", "StatusAnswer")},
            }
        },
    }


def _post(
    summary: str, name: str, body: type[msgspec.Struct], answer: type[msgspec.Struct]
) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": REF.format(name=body.__name__)}}}
    success = _json(answer.__doc__ or summary, answer.__name__)
    return {
        "tags": ["Messages"],
        "summary": summary,
        "description": body.__doc__,
        "operationId": name,
        "parameters": [IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": success | {"headers": {idempotency.REPLAY: IDEMPOTENT_REPLAY}}},
    }


def _complete(operation: dict[str, Any], is_open: bool) -> None:
    """What is true of every route: its errors, and whether it wants a token."""
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = _json("Any failure", "Error")
    if not is_open:
        operation["security"] = [{"bearer": []}]


def _json(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": REF.format(name=schema)}}}
    return {"description": description, "content": content}
