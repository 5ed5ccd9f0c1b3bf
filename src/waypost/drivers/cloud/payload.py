"""A message → the provider's JSON; pure. Where limits are exceeded the provider refuses it."""

import re
from collections.abc import Iterator

from waypost.drivers.cloud import opaque
from waypost.drivers.outgoing import (
    Approved,
    ButtonParameter,
    Media,
    MediaKind,
    Outgoing,
    Parameter,
)

Json = dict[str, object]

_LINK = re.compile(r"https?://\S", re.IGNORECASE)
_BREAKS = re.compile("[\r\n\t\v\f\x85\u2028\u2029]+")
_GAP = re.compile(r" {5,}")

_BUTTONS = {"url": "text", "quick_reply": "payload", "copy_code": "coupon_code"}
"""How the parameter of each kind of button is called, as its type and as its field."""


def file(outgoing: Outgoing) -> Media | None:
    """The file that the message carries."""
    approved = outgoing.approved
    return outgoing.media if approved is None else approved.header_media


def message(outgoing: Outgoing, file_id: str | None) -> Json:
    """The body of a send; `file_id` is the provider's of a file that we keep."""
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{outgoing.to}",
        **_content(outgoing, file_id),
        "biz_opaque_callback_data": opaque.write(outgoing.ref),
    }


def _content(outgoing: Outgoing, file_id: str | None) -> Json:
    if outgoing.approved is not None:
        return {"type": "template", "template": _template(outgoing.approved, file_id)}
    if outgoing.media is not None:
        return _media(outgoing.media, outgoing.text, file_id)
    body: Json = {"body": outgoing.text}
    if _LINK.search(outgoing.text):
        body["preview_url"] = True
    return {"type": "text", "text": body}


def _media(media: Media, caption: str, file_id: str | None) -> Json:
    shown = _file(media, file_id)
    if caption and media.kind is not MediaKind.AUDIO:
        shown["caption"] = caption
    return {"type": media.kind.value, media.kind.value: shown}


def _file(media: Media, file_id: str | None) -> Json:
    file: Json = {"id": file_id} if media.link is None else {"link": media.link}
    if media.filename is not None and media.kind is MediaKind.DOCUMENT:
        file["filename"] = media.filename
    return file


def _template(approved: Approved, file_id: str | None) -> Json:
    template: Json = {"name": approved.name, "language": {"code": approved.language}}
    if components := list(_components(approved, file_id)):
        template["components"] = components
    return template


def _components(approved: Approved, file_id: str | None) -> Iterator[Json]:
    media = approved.header_media
    if media is not None:
        shown = {"type": media.kind.value, media.kind.value: _file(media, file_id)}
        yield {"type": "header", "parameters": [shown]}
    elif approved.header:
        yield {"type": "header", "parameters": [_parameter(each) for each in approved.header]}
    if approved.body:
        yield {"type": "body", "parameters": [_parameter(each) for each in approved.body]}
    for button in approved.buttons:
        yield _button(button)


def _parameter(parameter: Parameter) -> Json:
    named = {} if parameter.name is None else {"parameter_name": parameter.name}
    return {"type": "text", **named, "text": _on_one_line(parameter.text)}


def _button(button: ButtonParameter) -> Json:
    name = _BUTTONS[button.kind]
    return {
        "type": "button",
        "sub_type": button.kind,
        "index": str(button.index),
        "parameters": [{"type": name, name: button.text}],
    }


def _on_one_line(text: str) -> str:
    """As a template's places take it: no line breaks or tabs, at most four spaces in a row."""
    return _GAP.sub("    ", _BREAKS.sub(" ", text))
