"""`/control`: how a test tells the Graph what to do, and asks what it was asked."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.support.graph.access import GRAPH
from tests.support.graph.answers import json_answer
from tests.support.graph.courier import Manner
from tests.support.graph.routes import Handler, is_verified

routes = web.RouteTableDef()


@routes.post("/control/faults")
async def faults(request: web.Request) -> web.Response:
    request.app[GRAPH].faults.replace(await request.json())
    return json_answer({})


@routes.post("/control/manner")
async def manner(request: web.Request) -> web.Response:
    request.app[GRAPH].courier.behave(Manner.read(await request.json()))
    return json_answer({})


@routes.post("/control/businesses")
async def businesses(request: web.Request) -> web.Response:
    """With `callback_url` it is verified first, as the Graph does."""
    told = await request.json()
    world = request.app[GRAPH].world
    verify = told.pop("verify", True)
    made = world.put_business(told)
    url = told.get("callback_url")
    if url and verify and not await is_verified(url, made.verify_token):
        world.put_business({"id": made.id, "callback_url": None})
        raise ValueError(f"{url} does not give the challenge back.")
    return json_answer(asdict(made))


@routes.post("/control/numbers")
async def numbers(request: web.Request) -> web.Response:
    return json_answer(asdict(request.app[GRAPH].world.put_number(await request.json())))


@routes.post("/control/templates")
async def templates(request: web.Request) -> web.Response:
    return json_answer(asdict(request.app[GRAPH].change_template(await request.json())))


@routes.post("/control/inbound")
async def inbound(request: web.Request) -> web.Response:
    return json_answer({"id": request.app[GRAPH].write(await request.json())})


@routes.post("/control/changes")
async def changes(request: web.Request) -> web.Response:
    told = await request.json()
    request.app[GRAPH].tell(told["business_id"], told["changes"])
    return json_answer({})


@routes.get("/control/posts")
async def posts(request: web.Request) -> web.Response:
    found = request.app[GRAPH].notes.posts[int(request.query.get("after", 0)) :]
    return json_answer([asdict(post) for post in found])


@routes.get("/control/state")
async def state(request: web.Request) -> web.Response:
    graph = request.app[GRAPH]
    told: dict[str, Any] = {
        "waiting": graph.courier.waiting,
        "calls": graph.notes.calls,
        "posts": len(graph.notes.posts),
        "files": len(graph.world.files),
        "deliveries": [asdict(each) for each in graph.courier.deliveries],
    }
    return json_answer(told)


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What a test told wrongly is told back."""
    if not request.path.startswith("/control/"):
        return await handler(request)
    try:
        return await handler(request)
    except (KeyError, TypeError, ValueError) as error:
        return json_answer({"problem": f"{type(error).__name__}: {error}"}, 400)
