"""The fake Graph as a whole: its world, its faults, its notes, its courier."""

import base64
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from tests.support.graph import payloads
from tests.support.graph.courier import Courier
from tests.support.graph.faults import Faults
from tests.support.graph.messages import Messages
from tests.support.graph.notes import Notes
from tests.support.graph.shapes import digits
from tests.support.graph.world import File, Number, Template, World


class Graph:
    """A Graph without its HTTP."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self.world = World()
        self.faults = Faults()
        self.notes = Notes(file)
        self.courier = Courier(self.world)
        self.messages = Messages(self.world, self.faults, self.courier, self.notes)
        self.url = ""

    # What users and the provider do.

    def write(self, told: Mapping[str, Any]) -> str:
        """A user writes to a number; its id. See `/control/inbound`."""
        number = self.world.numbers[told.get("number") or next(iter(self.world.numbers))]
        sender, kind = digits(told["from"]), told.get("type", "text")
        content = told.get("content", {"body": told.get("text", "Hello")})
        if "file" in told:
            content = {**told.get("content", {}), **self._attached(number, told["file"])}
        message = {
            "from": sender,
            "from_user_id": f"US.{sender}",
            "id": told.get("id") or payloads.new_wamid(sender),
            "timestamp": str(int(time.time())),
            "type": kind,
            kind: content,
        }
        if "reply_to" in told:
            message["context"] = {"from": number.digits, "id": told["reply_to"]}
        self.world.wrote[number.id, sender] = time.time()
        self.courier.send(payloads.inbound(number, sender, message))
        return str(message["id"])

    def _attached(self, number: Number, told: Mapping[str, Any]) -> dict[str, Any]:
        content = base64.b64decode(told["base64"])
        file = self.world.keep_file(number.id, told["mime"], content, told.get("filename"))
        named = {"filename": file.filename} if file.filename else {}
        return {"id": file.id, "mime_type": file.mime, "sha256": file.sha256, **named}

    def change_template(self, told: dict[str, Any]) -> Template:
        """Make or change a template; with `tell` its state's webhook goes out."""
        tell, reason = told.pop("tell", False), told.pop("reason", None)
        template = self.world.change_template(told)
        if tell:
            value = {
                "event": template.status,
                "message_template_id": int(template.id),
                "message_template_name": template.name,
                "message_template_language": template.language.replace("_", "-"),
                "reason": reason or "NONE",
                "message_template_category": template.category,
            }
            update = payloads.Update(template.business_id, "message_template_status_update", value)
            self.courier.send(update)
        return template

    def tell(self, business_id: str, changes: Sequence[Mapping[str, Any]]) -> None:
        """Bring these changes, each {`field`, `value`}, as they are."""
        for change in changes:
            self.courier.send(payloads.Update(business_id, change["field"], change["value"]))

    def file_answer(self, file: File) -> dict[str, Any]:
        """What the Graph tells of a file."""
        return {
            "messaging_product": "whatsapp",
            "url": f"{self.url}/files/{self.world.link_to(file)}",
            "mime_type": file.mime,
            "sha256": file.sha256,
            "file_size": str(len(file.content)),
            "id": file.id,
        }
