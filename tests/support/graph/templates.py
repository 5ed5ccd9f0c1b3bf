"""Whether what fills a template fits it, and the text that comes of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.graph.refusals import Refusal
from tests.support.graph.world import Template, World

PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
FORBIDDEN = re.compile(r"[\n\t]| {5,}")
MOST_HEADER, MOST_BODY, MOST_BODY_ALONE, MOST_CODE = 60, 1024, 32_768, 15
MEDIA = ("IMAGE", "VIDEO", "DOCUMENT")
PARAMETER_OF_BUTTON = {"URL": "text", "COPY_CODE": "coupon_code", "QUICK_REPLY": "payload"}
NOT_SENDABLE = {
    "PAUSED": (132015, "is paused due to low quality"),
    "DISABLED": (132016, "was disabled"),
}

Component = Mapping[str, Any]


class Unfit(Exception):
    """What fills the template does not fit it."""

    def __init__(self, code: int, details: str) -> None:
        super().__init__(details)
        self.refusal = Refusal(code, details)


def template_problem(sent: object, business_id: str, world: World) -> Refusal | None:
    """Why the Graph refuses this template object, or None."""
    try:
        _check(sent, business_id, world)
    except Unfit as unfit:
        return unfit.refusal
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Refusal(100, f"template is not in its shape: {error!r}")
    return None


def rendered(sent: Mapping[str, Any], business_id: str, world: World) -> str:
    """The body's text as the user reads it, of a template object without problem."""
    template = world.templates[business_id, sent["name"], sent["language"]["code"]]
    body = _component(template.components, "BODY")
    given = _component(sent.get("components", []), "BODY")
    return _filled(template, body.get("text", ""), given.get("parameters", []))


def _check(sent: Any, business_id: str, world: World) -> None:
    if unknown := sent.keys() - {"name", "language", "components"}:
        raise Unfit(100, f"Unexpected key {', '.join(sorted(unknown))} on template.")
    if sent["language"].get("policy", "deterministic") != "deterministic":
        raise Unfit(100, "language.policy must be deterministic.")
    template = _found(sent, business_id, world)
    components = sent.get("components", [])
    kinds = [each["type"].upper() for each in components]
    if unknown := set(kinds) - {"HEADER", "BODY", "BUTTON"}:
        raise Unfit(100, f"{unknown} is no component.")
    if kinds.count("HEADER") > 1 or kinds.count("BODY") > 1:
        raise Unfit(132000, "There may be one header and one body.")
    _check_header(template, _component(components, "HEADER").get("parameters", []))
    _check_body(template, _component(components, "BODY").get("parameters", []))
    _check_buttons(template, [each for each in components if each["type"].upper() == "BUTTON"])


def _found(sent: Mapping[str, Any], business_id: str, world: World) -> Template:
    name, language = sent["name"], sent["language"]["code"]
    template = world.templates.get((business_id, name, language))
    if template is None or template.status not in ("APPROVED", *NOT_SENDABLE):
        raise Unfit(132001, f"template name ({name}) does not exist in {language}")
    if template.status in NOT_SENDABLE:
        code, why = NOT_SENDABLE[template.status]
        raise Unfit(code, f"template {name} {why}")
    return template


def _component(components: Sequence[Component], kind: str) -> Component:
    return next((each for each in components if each["type"].upper() == kind), {})


def _check_header(template: Template, parameters: Sequence[Component]) -> None:
    header = _component(template.components, "HEADER")
    format = header.get("format", "TEXT")
    if format in MEDIA or format == "LOCATION":
        if [each["type"].upper() for each in parameters] != [format]:
            raise Unfit(132012, f"header: expected one {format} parameter")
        return
    text = header.get("text", "")
    _check_values(template, "header", text, parameters)
    if len(_filled(template, text, parameters)) > MOST_HEADER:
        raise Unfit(132005, f"Translated text too long: the header has over {MOST_HEADER}.")


def _check_body(template: Template, parameters: Sequence[Component]) -> None:
    text = _component(template.components, "BODY").get("text", "")
    _check_values(template, "body", text, parameters)
    most = MOST_BODY_ALONE if len(template.components) == 1 else MOST_BODY
    if len(_filled(template, text, parameters)) > most:
        raise Unfit(132005, f"Translated text too long: the body has over {most}.")
    values = [each.get("text", "") for each in parameters]
    if template.category == "AUTHENTICATION" and any(len(each) > MOST_CODE for each in values):
        raise Unfit(132018, f"A code has at most {MOST_CODE} characters.")


def _check_values(
    template: Template, where: str, text: str, parameters: Sequence[Component]
) -> None:
    places = list(dict.fromkeys(PLACE.findall(text)))
    if len(parameters) != len(places):
        raise Unfit(
            132000,
            f"{where}: number of localizable_params ({len(parameters)}) does not match the "
            f"expected number of params ({len(places)})",
        )
    if any(each["type"] not in ("text", "currency", "date_time") for each in parameters):
        raise Unfit(132012, f"{where}: parameters must be text")
    names = [each.get("parameter_name") for each in parameters]
    wanted = places if template.parameter_format == "NAMED" else [None] * len(places)
    if sorted(map(str, names)) != sorted(map(str, wanted)):
        raise Unfit(132012, f"{where}: parameter names do not match: {names}")
    for each in parameters:
        _check_value(where, each)


def _check_value(where: str, parameter: Component) -> None:
    if parameter["type"] != "text":
        return
    if not isinstance(parameter["text"], str) or not parameter["text"]:
        raise Unfit(131008, f"{where}: a text parameter is empty")
    if FORBIDDEN.search(parameter["text"]):
        raise Unfit(132018, f"{where}: text has new-line/tab or more than 4 consecutive spaces")


def _check_buttons(template: Template, sent: Sequence[Component]) -> None:
    buttons = _component(template.components, "BUTTONS").get("buttons", [])
    given = {int(each["index"]): each for each in sent}
    if len(given) < len(sent) or any(index >= len(buttons) for index in given):
        raise Unfit(132000, "buttons: an index is given twice, or has no button")
    for index, button in enumerate(buttons):
        _check_button(button, index, given.get(index))


def _check_button(button: Component, index: int, given: Component | None) -> None:
    kind = button["type"]
    if given is None:
        if kind == "COPY_CODE" or PLACE.search(button.get("url", "")):
            raise Unfit(
                131008, f"buttons: Button at index {index} of type {kind} needs a parameter"
            )
        return
    if kind not in PARAMETER_OF_BUTTON or given["sub_type"].upper() != kind:
        raise Unfit(132012, f"buttons: Button at index {index} is of type {kind}")
    if kind == "URL" and not PLACE.search(button["url"]):
        raise Unfit(132000, f"buttons: the url of the button at index {index} has no place")
    (parameter,) = given["parameters"]
    wanted = PARAMETER_OF_BUTTON[kind]
    if parameter["type"] != wanted or not parameter.get(wanted):
        raise Unfit(132012, f"buttons: Button at index {index} needs a {wanted}")


def _filled(template: Template, text: str, parameters: Sequence[Component]) -> str:
    if template.parameter_format == "NAMED":
        values = {each["parameter_name"]: _shown(each) for each in parameters}
    else:
        values = {str(place): _shown(each) for place, each in enumerate(parameters, 1)}
    return PLACE.sub(lambda found: values.get(found[1], found[0]), text)


def _shown(parameter: Component) -> str:
    kind = parameter["type"]
    value = parameter[kind]
    return str(value if kind == "text" else value["fallback_value"])
