"""Whether the body of a send is one that the Graph would take."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.graph.refusals import Refusal
from tests.support.graph.templates import template_problem
from tests.support.graph.world import Number, World

ENVELOPE = {
    "messaging_product",
    "recipient_type",
    "to",
    "recipient",
    "type",
    "context",
    "biz_opaque_callback_data",
    "recipient_identity_key_hash",
}
MOST_OPAQUE, MOST_TEXT, MOST_CAPTION, MOST_BUTTONS = 512, 4096, 1024, 3
MOST_BUTTON_TITLE, MOST_BUTTON_ID = 20, 256
PHONE = re.compile(r"\+[1-9]\d{6,14}")
USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")

KINDS: dict[str, tuple[str, ...]] = {
    "image": ("image/jpeg", "image/png"),
    "video": ("video/mp4", "video/3gpp"),
    "audio": ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
    "document": (),
    "sticker": ("image/webp",),
}
EXTRAS = {
    "image": {"caption"},
    "video": {"caption"},
    "audio": {"voice"},
    "document": {"caption", "filename"},
    "sticker": set[str](),
}
Body = Mapping[str, Any]


class Wrong(Exception):
    """The body is one that the Graph refuses."""

    def __init__(self, code: int, details: str) -> None:
        super().__init__(details)
        self.refusal = Refusal(code, details)


def problem(body: object, number: Number, world: World) -> Refusal | None:
    """Why the Graph refuses it, or None."""
    try:
        check(body, number, world)
    except Wrong as wrong:
        return wrong.refusal
    return None


def check(body: object, number: Number, world: World) -> None:
    """Raises Wrong for what the Graph refuses."""
    sent = record(body, "the body")
    kind = word(sent, "type")
    only(sent, ENVELOPE | {kind}, "the body")
    if sent.get("messaging_product") != "whatsapp":
        raise Wrong(100, "(#100) The parameter messaging_product is required: whatsapp.")
    _recipient(sent, number)
    if len(sent.get("biz_opaque_callback_data", "")) > MOST_OPAQUE:
        raise Wrong(100, f"biz_opaque_callback_data must be at most {MOST_OPAQUE} characters.")
    if "context" in sent:
        word(record(sent["context"], "context"), "message_id")
    if kind not in CHECKS:
        raise Wrong(131051, f"Message type {kind} is not supported.")
    if kind not in sent:
        raise Wrong(131008, f"Parameter {kind} is missing.")
    if kind == "template":
        refusal = template_problem(sent["template"], number.business_id, world)
        if refusal is not None:
            raise Wrong(refusal.code, refusal.details)
    CHECKS[kind](sent[kind], number, world)


def record(value: object, name: str) -> Body:
    """The object that stands there."""
    if not isinstance(value, dict):
        raise Wrong(100, f"{name} must be an object.")
    return value


def word(value: Body, name: str, most: int = MOST_TEXT) -> str:
    """The text that stands there: not empty, and not too long."""
    found = value.get(name)
    if found is None:
        raise Wrong(131008, f"Parameter {name} is missing.")
    if not isinstance(found, str) or not found:
        raise Wrong(100, f"Parameter {name} must be a text that is not empty.")
    if len(found) > most:
        raise Wrong(100, f"Parameter {name} must be at most {most} characters long.")
    return found


def only(value: Body, known: set[str], name: str) -> None:
    """No fields but these."""
    if unknown := value.keys() - known:
        raise Wrong(100, f"Unexpected key {', '.join(sorted(unknown))} on {name}.")


def digits(text: str) -> str:
    """A number without what people put between its digits."""
    return re.sub(r"[^\d]", "", text)


def _recipient(sent: Body, number: Number) -> None:
    if sent.get("recipient_type", "individual") not in ("individual", "group"):
        raise Wrong(100, "recipient_type must be individual or group.")
    if "to" not in sent:
        if not USER_ID.fullmatch(word(sent, "recipient")):
            raise Wrong(131009, "recipient is no user id.")
        return
    to = word(sent, "to")
    if sent.get("recipient_type") == "group":
        return
    if not to.startswith("+"):
        # The real one would take it, put the business's own country before it, and might reach
        # somebody else: nobody may mean that.
        raise Wrong(131009, "to has no +: it would be read as a number of your own country.")
    if not PHONE.fullmatch(re.sub(r"[ ()-]", "", to)):
        raise Wrong(131009, "to is no phone number.")
    if digits(to) == number.digits:
        raise Wrong(131021, "Recipient and sender are the same.")


def _text(value: object, number: Number, world: World) -> None:
    text = record(value, "text")
    only(text, {"body", "preview_url"}, "text")
    word(text, "body")
    if not isinstance(text.get("preview_url", False), bool):
        raise Wrong(100, "preview_url must be a boolean.")


def _media(kind: str) -> Callable[[object, Number, World], None]:
    def checked(value: object, number: Number, world: World) -> None:
        media = record(value, kind)
        only(media, {"id", "link"} | EXTRAS[kind], kind)
        check_media(media, kind, number, world)
        if "caption" in media:
            word(media, "caption", MOST_CAPTION)
        if "filename" in media:
            word(media, "filename")

    return checked


def check_media(media: Body, kind: str, number: Number, world: World) -> None:
    """One of id and link: an id that this number uploaded, or a link that can be fetched."""
    if ("id" in media) == ("link" in media):
        raise Wrong(100, f"{kind} needs one of id and link.")
    if "id" in media:
        file = world.files.get(word(media, "id"))
        if file is None or file.number_id != number.id:
            raise Wrong(131009, f"{media['id']} is no media of this number.")
    elif not re.fullmatch(r"https?://[^\s/]+(/\S*)?", word(media, "link")):
        raise Wrong(131009, "link is no http address.")


def is_shown_as(kind: str, mime: str) -> bool:
    """Whether a file of this type can be sent as this kind; else it fails later, with 131053."""
    return not KINDS[kind] or mime.partition(";")[0] in KINDS[kind]


def _location(value: object, number: Number, world: World) -> None:
    place = record(value, "location")
    only(place, {"latitude", "longitude", "name", "address"}, "location")
    for name in ("latitude", "longitude"):
        try:
            float(place[name])
        except (KeyError, TypeError, ValueError) as error:
            raise Wrong(131009, f"{name} must be a number.") from error


def _contacts(value: object, number: Number, world: World) -> None:
    if not isinstance(value, list) or not value:
        raise Wrong(100, "contacts must be a list.")
    for each in value:
        name = record(record(each, "contact").get("name"), "name")
        word(name, "formatted_name")
        if len(name) < 2:
            raise Wrong(131009, "name needs one more part besides formatted_name.")


def _reaction(value: object, number: Number, world: World) -> None:
    reaction = record(value, "reaction")
    only(reaction, {"message_id", "emoji"}, "reaction")
    word(reaction, "message_id")
    if not isinstance(reaction.get("emoji"), str):
        raise Wrong(131008, "Parameter emoji is missing.")


def _interactive(value: object, number: Number, world: World) -> None:
    interactive = record(value, "interactive")
    word(record(interactive.get("body"), "body"), "text", MOST_CAPTION)
    action = record(interactive.get("action"), "action")
    if word(interactive, "type") != "button":
        return
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= MOST_BUTTONS:
        raise Wrong(131009, "buttons must be 1 to 3.")
    for each in buttons:
        reply = record(record(each, "button").get("reply"), "reply")
        word(reply, "id", MOST_BUTTON_ID)
        word(reply, "title", MOST_BUTTON_TITLE)


def _template(value: object, number: Number, world: World) -> None:
    """What fits the template is checked with it; here the files that fill its header."""
    for component in record(value, "template").get("components", []):
        for parameter in component.get("parameters", []):
            if (kind := parameter["type"]) in KINDS:
                media = record(parameter.get(kind), kind)
                only(media, {"id", "link", "filename"}, kind)
                check_media(media, kind, number, world)


CHECKS: dict[str, Callable[[object, Number, World], None]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": _template,
    **{kind: _media(kind) for kind in KINDS},
}
