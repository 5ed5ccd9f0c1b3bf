"""The Graph's own routes, as a business calls them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.graph.access import (
    GRAPH,
    allowed,
    id_of,
    own_business,
    own_number,
    own_thing,
)
from tests.support.graph.answers import json_answer, page, refused, spoilt
from tests.support.graph.faults import NONE, WAYS, Asked, Fault
from tests.support.graph.refusals import Refusal
from tests.support.graph.shapes import KINDS
from tests.support.graph.views import (
    TEMPLATE_FIELDS,
    USUAL_FACTS,
    USUAL_TEMPLATE_FIELDS,
    Answer,
    every_fact,
    facts_of,
    fields_of,
    paged,
    shown,
)
from tests.support.graph.world import Business, File, Number, Template

MOST_BYTES = {"image": 5, "audio": 16, "video": 16, "document": 100, "sticker": 0.5}
MEGABYTE = 1024 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

routes = web.RouteTableDef()


@routes.post("/{version}/{id}/messages")
async def messages(request: web.Request) -> web.StreamResponse:
    number, body = own_number(request), await json_of(request)
    graph = request.app[GRAPH]
    if isinstance(number, Refusal):
        graph.notes.note(id_of(request), body, code=number.code, details=number.details)
        return refused(number)
    if isinstance(body, dict) and body.get("status") == "read":
        return json_answer(read_mark(body))
    answer, fault = await graph.messages.post(number, body)
    return await written(request, answer, fault, number.business_id)


def read_mark(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if body.keys() - {"messaging_product", "status", "message_id", "typing_indicator"}:
        return Refusal(100, "Unexpected key on a read mark.").body()
    return {"success": True}


@routes.post("/{version}/{id}/media")
async def upload(request: web.Request) -> web.StreamResponse:
    number = own_number(request)
    if isinstance(number, Refusal):
        return refused(number)
    form = await request.post()
    return await faulty(request, "media", number, lambda: stored(request, number, form))


def stored(request: web.Request, number: Number, form: Mapping[str, Any]) -> Answer:
    file = form.get("file")
    if form.get("messaging_product") != "whatsapp":
        return Refusal(100, "(#100) The parameter messaging_product is required: whatsapp.")
    if not isinstance(file, web.FileField):
        return Refusal(100, "(#100) The parameter file is required.")
    if form.get("type", file.content_type) != file.content_type:
        return Refusal(100, f"type is not the file's own, {file.content_type}.")
    kind = kind_of(file.content_type)
    if kind is None:
        return Refusal(100, f"Param file must be of a supported type, not {file.content_type}.")
    content = file.file.read()
    if not 0 < len(content) <= MOST_BYTES[kind] * MEGABYTE:
        return Refusal(131053, f"{len(content)} bytes are not a size for {kind}.")
    kept = request.app[GRAPH].world.keep_file(number.id, file.content_type, content, file.filename)
    return {"id": kept.id}


def kind_of(mime: str) -> str | None:
    """What limits apply to a file of this type."""
    for kind, mimes in KINDS.items():
        if mime.partition(";")[0] in mimes:
            return kind
    return "document" if mime.startswith("application/") or mime == "text/plain" else None


@routes.get("/{version}/{id}/message_templates")
async def templates(request: web.Request) -> web.StreamResponse:
    business = own_business(request)
    if isinstance(business, Refusal):
        return refused(business)
    return await faulty(request, "templates", None, lambda: listed(request, business))


def listed(request: web.Request, business: Business) -> Answer:
    query = request.query
    names = fields_of(query, TEMPLATE_FIELDS, USUAL_TEMPLATE_FIELDS)
    if isinstance(names, Refusal):
        return names
    found = [
        shown(each, names)
        for each in request.app[GRAPH].world.templates_of(business.id)
        if query.get("name", each.name) == each.name
        and query.get("status", each.status) == each.status
    ]
    return paged(request.url, found)


@routes.get("/{version}/{id}/phone_numbers")
async def phone_numbers(request: web.Request) -> web.StreamResponse:
    business = own_business(request)
    if isinstance(business, Refusal):
        return refused(business)
    found = [
        facts_of(each, set(USUAL_FACTS))
        for each in request.app[GRAPH].world.numbers.values()
        if each.business_id == business.id
    ]
    return await written(request, paged(request.url, found), NONE)


@routes.post("/{version}/{id}/subscribed_apps")
async def subscribe(request: web.Request) -> web.StreamResponse:
    """Give the address of this business account's webhooks, which is verified first."""
    business = own_business(request)
    if isinstance(business, Refusal):
        return refused(business)
    told = await json_of(request) or {}
    business.verify_token = told.get("verify_token", business.verify_token)
    if "override_callback_uri" not in told:
        return json_answer({"success": True})
    url = told["override_callback_uri"]
    if not await is_verified(url, business.verify_token):
        return refused(Refusal(100, "(#2200) Callback verification failed."))
    business.callback_url = url
    return json_answer({"success": True})


async def is_verified(url: str, verify_token: str) -> bool:
    """Whether this address gives the challenge back to who knows the token."""
    challenge = str(time.time_ns())
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": verify_token,
        "hub.challenge": challenge,
    }
    try:
        async with aiohttp.ClientSession() as session, session.get(url, params=query) as answer:
            return answer.status == 200 and await answer.text() == challenge
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


@routes.get("/{version}/{id}")
async def one(request: web.Request) -> web.StreamResponse:
    """A number's facts, a file, or a template: ids are of one kind at the Graph."""
    thing = own_thing(request)
    match thing:
        case Refusal():
            return refused(thing)
        case Number():
            return await faulty(request, "number", thing, lambda: facts(request, thing))
        case File():
            graph = request.app[GRAPH]
            number = graph.world.numbers[thing.number_id]
            return await faulty(request, "file", number, lambda: graph.file_answer(thing))
        case Template():
            return await faulty(request, "templates", None, lambda: shown(thing, TEMPLATE_FIELDS))


@routes.delete("/{version}/{id}")
async def delete(request: web.Request) -> web.StreamResponse:
    thing = own_thing(request)
    if isinstance(thing, Refusal):
        return refused(thing)
    if not isinstance(thing, File):
        return refused(Refusal(100, "Only media can be deleted here."))
    del request.app[GRAPH].world.files[thing.id]
    return json_answer({"success": True})


@routes.get("/files/{name}")
async def file(request: web.Request) -> web.StreamResponse:
    """A file's bytes, for five minutes after the link was given, to the same token only."""
    world = request.app[GRAPH].world
    found = world.linked(request.match_info["name"])
    if found is None:
        return page(404)
    number = world.numbers[found.number_id]
    if isinstance(allowed(request, number.business_id), Refusal):
        return page(401)
    fault = request.app[GRAPH].faults.chosen(Asked("link", number.id))
    if fault.way == "http":
        return page(fault.code)
    if fault.way in WAYS:
        return await spoilt(request, fault, {"": found.content.decode("latin-1")})
    return web.Response(body=found.content, content_type=found.mime.partition(";")[0])


def facts(request: web.Request, number: Number) -> Answer:
    names = fields_of(request.query, set(every_fact(number)), USUAL_FACTS)
    return names if isinstance(names, Refusal) else facts_of(number, names)


# How it is answered.


async def faulty(
    request: web.Request, on: str, number: Number | None, make: Callable[[], Answer]
) -> web.StreamResponse:
    """The answer, or what the fault that strikes this request makes of it."""
    id = None if number is None else number.id
    fault = request.app[GRAPH].faults.chosen(Asked(on, id))
    return await written(request, fault.refusal if fault.refuses else make(), fault)


async def written(
    request: web.Request, answer: Answer, fault: Fault, business_id: str = ""
) -> web.StreamResponse:
    if fault.way == "http":
        return page(fault.code)
    if fault.way in WAYS:
        whole = answer.body() if isinstance(answer, Refusal) else answer
        return await spoilt(request, fault, whole)
    return refused(answer, business_id) if isinstance(answer, Refusal) else json_answer(answer)


async def json_of(request: web.Request) -> Any:
    """The body as JSON; what is none is a text."""
    try:
        return await request.json()
    except ValueError:
        return await request.text()


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts each call by its method and route."""
    resource = request.match_info.route.resource
    if resource is not None:
        path = resource.canonical.removeprefix("/{version}/{id}") or "/"
        request.app[GRAPH].notes.calls[f"{request.method} {path}"] += 1
    return await handler(request)
