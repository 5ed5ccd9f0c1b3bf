"""Routes that the provider of official numbers calls: outside /api, and known by its signature."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import PlainTextResponse

from waypost.devices import vault
from waypost.drivers.cloud.signature import is_same, is_signed
from waypost.intake import callbacks
from waypost.kit.db import Database
from waypost.kit.errors import Forbidden
from waypost.kit.routing import Db, Id, Seal, Time
from waypost.kit.seal import Sealer
from waypost.kit.web import Bodies, exchange_of

PATH = "/callbacks/cloud"
BODIES = Bodies(most=3 * 1_048_576)
"""As large as the provider makes them."""

NOT_TOKEN = "The verify token is not this device's."
NOT_SIGNED = "The body is not signed with this device's app secret."


def _name(request: Request) -> None:
    """The edge counts by route; parameters that the provider may add one day are not refused."""
    exchange_of(request.scope).route = PATH + "/{device_id}"


router = APIRouter(prefix=PATH, tags=["Callbacks"], dependencies=[Depends(_name)])


@router.get("/{device_id}", response_class=PlainTextResponse)
async def verify(
    db: Db,
    sealer: Seal,
    device_id: Id,
    mode: Annotated[str, Query(alias="hub.mode")] = "",
    token: Annotated[str, Query(alias="hub.verify_token")] = "",
    challenge: Annotated[str, Query(alias="hub.challenge")] = "",
) -> PlainTextResponse:
    """Prove to the provider that this address is its customer's, by the device's verify token."""
    ours = await _secret(db, sealer, device_id, vault.VERIFY_TOKEN)
    if ours is None or not is_same(token, ours) or mode != "subscribe":
        raise Forbidden(NOT_TOKEN)
    return PlainTextResponse(challenge)


@router.post("/{device_id}", response_class=PlainTextResponse)
async def receive(
    request: Request,
    db: Db,
    time: Time,
    sealer: Seal,
    device_id: Id,
    signature: Annotated[str, Header(alias="X-Hub-Signature-256")] = "",
) -> PlainTextResponse:
    """What the provider tells, signed with the device's app secret; 200 says that it is kept."""
    body = await request.body()
    secret = await _secret(db, sealer, device_id, vault.APP_SECRET)
    # A device that is not there answers as one with another secret does.
    if secret is None or not is_signed(body, signature, secret):
        raise Forbidden(NOT_SIGNED)
    at = time.now()
    await db.transact(lambda tx: callbacks.keep(tx, device_id, body, at))
    return PlainTextResponse("")


async def _secret(db: Database, sealer: Sealer, device_id: int, name: str) -> str | None:
    async with db.read() as tx:
        secrets = await vault.opened(tx, sealer, device_id)
    return None if secrets is None else secrets.get(name)
