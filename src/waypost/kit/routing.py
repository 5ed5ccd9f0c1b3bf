"""How FastAPI's routes speak the contract: its errors, its times, its refusal of the unknown."""

from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from waypost.kit.clock import Clock
from waypost.kit.db import Database
from waypost.kit.errors import (
    Internal,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Problem,
    Refusal,
    cut_off,
)
from waypost.kit.seal import Sealer
from waypost.kit.web import error_body, exchange_of


def _digits(text: str) -> str:
    """An id has one way to be written: pydantic would read `1.0` and `+1` too."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be digits")
    return text


Id = Annotated[int, Path(ge=1, le=2**63 - 1), BeforeValidator(_digits)]


class Body(BaseModel):
    """A request body or query: unknown fields are refused, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """Query parameters: text to be read as types; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


def database(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


def clock(request: Request) -> Clock:
    time: Clock = request.app.state.clock
    return time


def sealer(request: Request) -> Sealer:
    sealer: Sealer = request.app.state.sealer
    return sealer


Db = Annotated[Database, Depends(database)]
Time = Annotated[Clock, Depends(clock)]
Seal = Annotated[Sealer, Depends(sealer)]


class Route(APIRoute):
    """A route that refuses query parameters it does not know, and names itself to the edge."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = set(_query_names(self.dependant))

        async def checked(request: Request) -> Response:
            exchange_of(request.scope).route = self.path
            unknown = [name for name in request.query_params if name not in known]
            if unknown:
                raise Invalid.fields(*(Problem(n, "is not a parameter here") for n in unknown))
            return await handle(request)

        return checked


def contract_router(prefix: str, tag: str) -> APIRouter:
    """A feature's routes."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Route)


def zulu(at: datetime) -> str:
    """A time as the contract shows it: UTC, whole seconds, ending in Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def zulu_or_none(at: datetime | None) -> str | None:
    return None if at is None else zulu(at)


def speak_contract(app: FastAPI) -> None:
    """Answer every failure of the application in the contract's one shape."""
    app.add_exception_handler(Refusal, _answer(_itself))
    app.add_exception_handler(RequestValidationError, _answer(_of_validation))
    app.add_exception_handler(HTTPException, _answer(_of_http))
    app.add_exception_handler(ClientDisconnect, _answer(lambda _: cut_off()))
    app.add_exception_handler(Exception, _answer(lambda _: Internal()))


def _answer(
    refusal_of: Callable[[Any], Refusal],
) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        body = error_body(refusal, exchange_of(request.scope).request_id)
        return Response(
            body, refusal.status, headers=refusal.headers, media_type="application/json"
        )

    return handle


def _itself(refusal: Refusal) -> Refusal:
    return refusal


def _of_validation(error: RequestValidationError) -> Refusal:
    faults = error.errors()
    if any(fault["loc"][0] == "path" for fault in faults):
        return NotFound("There is nothing here by that id.")
    return Invalid.fields(*(_problem(fault) for fault in faults))


def _problem(fault: Any) -> Problem:
    if fault["type"] == "json_invalid":
        return Problem("body", "is not valid JSON")
    where = fault["loc"][1:]
    is_null_field = fault["input"] is None and bool(where) and isinstance(where[-1], str)
    problem = "is required" if is_null_field else _plain(fault)
    return Problem(".".join(map(str, where)) or "body", problem)


def _plain(fault: Any) -> str:
    """What pydantic found, in words that follow a field's name."""
    match fault["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a field here"
        case "too_short":
            return "has {actual_length} entries; {min_length} is the least".format(**fault["ctx"])
        case "too_long":
            return "has {actual_length} entries; {max_length} is the most".format(**fault["ctx"])
    text: str = fault["msg"].removeprefix("Value error, ")
    return text.replace("Input should be", "must be").replace("String should", "must")


def _of_http(error: HTTPException) -> Refusal:
    if isinstance(error.__cause__, Refusal):
        return error.__cause__  # FastAPI wraps what reading the body raised
    if isinstance(error.__cause__, ClientDisconnect):
        return cut_off()
    if error.status_code == 405:
        return MethodNotAllowed("This route does not take that method.", headers=error.headers)
    if error.status_code == 404:
        return NotFound("There is no such route.")
    if error.status_code < 500:
        return Invalid.field("body", "cannot be read")
    return Internal()


def _query_names(dependant: Dependant) -> Iterator[str]:
    for param in dependant.query_params:
        model = param.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (field.alias or name for name, field in model.model_fields.items())
        else:
            yield param.alias
    for inner in dependant.dependencies:
        yield from _query_names(inner)
