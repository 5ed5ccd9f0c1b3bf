"""Who may ask for what, by their token."""

from hmac import compare_digest

from aiohttp import web

from tests.support.graph.graph import Graph
from tests.support.graph.refusals import Refusal
from tests.support.graph.world import Business, File, Number, Template

GRAPH = web.AppKey("graph", Graph)
VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")


def id_of(request: web.Request) -> str:
    return request.match_info["id"]


def allowed(request: web.Request, business_id: str) -> Business | Refusal:
    """The business account, for who has its token."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        return Refusal(200, "(#200) Provide valid app ID")
    businesses = request.app[GRAPH].world.businesses
    if not any(compare_digest(token, each.token) for each in businesses.values()):
        return Refusal(190, "Error validating access token: Session has expired.")
    business = businesses.get(business_id)
    if business is None or business.token != token:
        return Refusal(33, f"Object with ID '{request.match_info.get('id')}' does not exist.")
    return business


def own_thing(request: web.Request) -> Number | File | Template | Refusal:
    """What has this id, for who has its business account's token."""
    if request.match_info["version"] not in VERSIONS:
        return Refusal(100, f"There is no version {request.match_info['version']}.")
    world, id = request.app[GRAPH].world, id_of(request)
    templates = {each.id: each for each in world.templates.values()}
    thing = world.numbers.get(id) or world.files.get(id) or templates.get(id)
    number = world.numbers[thing.number_id] if isinstance(thing, File) else thing
    owner = allowed(request, "" if number is None else number.business_id)
    if isinstance(owner, Refusal):
        return owner
    return thing or Refusal(33, f"Object with ID '{id}' does not exist.")


def own_number(request: web.Request) -> Number | Refusal:
    thing = own_thing(request)
    return thing if isinstance(thing, Number | Refusal) else Refusal(33, "This is no number.")


def own_business(request: web.Request) -> Business | Refusal:
    if request.match_info["version"] not in VERSIONS:
        return Refusal(100, f"There is no version {request.match_info['version']}.")
    return allowed(request, id_of(request))
