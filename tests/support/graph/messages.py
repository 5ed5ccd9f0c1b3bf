"""Takes messages or refuses them, notes them, and lets their statuses follow."""

import time
from collections.abc import Mapping
from typing import Any

from tests.support.graph import payloads
from tests.support.graph.courier import Courier
from tests.support.graph.faults import NONE, Asked, Fault, Faults
from tests.support.graph.limits import Limits
from tests.support.graph.notes import Notes
from tests.support.graph.refusals import Refusal
from tests.support.graph.shapes import KINDS, digits, is_shown_as, problem
from tests.support.graph.templates import rendered
from tests.support.graph.world import Number, World

Body = Mapping[str, Any]


class Messages:
    """The messages of all numbers."""

    def __init__(self, world: World, faults: Faults, courier: Courier, notes: Notes) -> None:
        self._world = world
        self._faults = faults
        self._courier = courier
        self._notes = notes
        self._limits = Limits()

    async def post(self, number: Number, body: Any) -> tuple[Refusal | dict[str, Any], Fault]:
        """What is answered to a post, and how that answer is to be spoilt."""
        wrong = problem(body, number, self._world)
        if wrong is not None:
            self._notes.note(number.id, body, code=wrong.code, details=wrong.details)
            return wrong, NONE
        to, text = _user(body), self._text(number, body)
        fault = self._struck(number, body, to, text)
        if not fault.taken:
            refusal = fault.refusal
            code = refusal.code if fault.refuses else 0
            self._notes.note(number.id, body, text=text, fault=fault.written, code=code)
            return refusal, fault
        if (over := self._over_limit(number, to)) is not None:
            self._notes.note(number.id, body, text=text, code=over.code)
            return over, NONE
        return await self._take(number, body, to, text, fault), fault

    def _struck(self, number: Number, body: Body, to: str, text: str) -> Fault:
        template = body["template"]["name"] if body["type"] == "template" else None
        return self._faults.chosen(Asked("messages", number.id, to, template), text)

    def _over_limit(self, number: Number, to: str) -> Refusal | None:
        if number.mps is not None and not self._limits.allows_number(number.id, number.mps):
            return Refusal(130429, "Cloud API message throughput has been reached.")
        if number.pairs and not self._limits.allows_pair(number.id, to):
            return Refusal(131056, "Too many messages sent from this number to the same user.")
        return None

    async def _take(
        self, number: Number, body: Body, to: str, text: str, fault: Fault
    ) -> dict[str, Any]:
        wamid = payloads.new_wamid(to)
        self._notes.note(number.id, body, text=text, fault=fault.written, wamid=wamid)
        updates = self._updates(number, body, to, wamid, self._failure(number, body, to, fault))
        try:
            if fault.way == "early" and updates:
                await self._courier.send_now(updates.pop(0))
        finally:  # also where the sender has hung up meanwhile: the message is taken
            self._courier.send(*updates)
        message = {"id": wamid}
        if fault.way == "held":
            message["message_status"] = "held_for_quality_assessment"
        elif body["type"] == "template":
            message["message_status"] = "accepted"
        return {
            "messaging_product": "whatsapp",
            "contacts": [{"input": body.get("to", to), "wa_id": to}],
            "messages": [message],
        }

    def _failure(self, number: Number, body: Body, to: str, fault: Fault) -> Refusal | None:
        """Why a message that was taken will not arrive."""
        if fault.way == "failed":
            return Refusal(fault.code, "It was told to fail so.")
        kind = body["type"]
        if kind != "template" and number.windows and not self._world.has_window(number.id, to):
            return Refusal(131047, "More than 24 hours have passed since the user last replied.")
        if kind in KINDS and "id" in body[kind]:
            mime = self._world.files[body[kind]["id"]].mime
            if not is_shown_as(kind, mime):
                return Refusal(131053, f"{mime} cannot be sent as {kind}.")
        return None

    def _updates(
        self,
        number: Number,
        body: Body,
        to: str,
        wamid: str,
        failure: Refusal | None,
    ) -> list[payloads.Update]:
        manner = self._courier.manner
        opaque = body.get("biz_opaque_callback_data")
        if manner.opaque == "never" or (failure and manner.opaque == "unless_failed"):
            opaque = None
        now = time.time()
        if failure is not None:
            return [payloads.status(number, wamid, to, "failed", now, opaque, failure=failure)]
        category = self._category(number, body)
        return [
            payloads.status(number, wamid, to, what, now + place, opaque, category)
            for place, what in enumerate(manner.statuses)
        ]

    def _category(self, number: Number, body: Body) -> str:
        if body["type"] != "template":
            return "service"
        sent = body["template"]
        key = (number.business_id, sent["name"], sent["language"]["code"])
        return self._world.templates[key].category.lower()

    def _text(self, number: Number, body: Body) -> str:
        kind = body["type"]
        if kind == "template":
            return rendered(body["template"], number.business_id, self._world)
        content = body[kind]
        found = content.get("body", content.get("caption", "")) if isinstance(content, dict) else ""
        return str(found) if not isinstance(found, dict) else str(found.get("text", ""))


def _user(body: Body) -> str:
    return digits(body["to"]) if "to" in body else str(body["recipient"])
