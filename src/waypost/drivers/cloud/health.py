"""How a number stands at the provider, the provider's JSON → facts; pure."""

from collections.abc import Iterator, Mapping

from waypost.drivers.cloud import errors
from waypost.drivers.cloud.errors import Level, Told
from waypost.drivers.cloud.loose import record, records, text

FIELDS = (
    "display_phone_number,verified_name,quality_rating,throughput,"
    "whatsapp_business_manager_messaging_limit,health_status"
)

BLOCKED = "BLOCKED"

_SENDS_CODES = {"141006": "131042"}  # payment has a code of its own here

Json = Mapping[str, object]


def facts(told: Json) -> dict[str, object]:
    """What a device's owner is shown of its number; null is what the provider does not tell.

    `messaging_limit` is how many people the business may write to first within 24 hours.
    """
    health = record(told.get("health_status"))
    return {
        "display_phone_number": text(told.get("display_phone_number")),
        "verified_name": text(told.get("verified_name")),
        "quality": text(told.get("quality_rating")),
        "throughput": text(record(told.get("throughput")).get("level")),
        "messaging_limit": text(told.get("whatsapp_business_manager_messaging_limit")),
        "can_send": text(health.get("can_send_message")),
        "problems": list(_problems(health)),
    }


def trouble(told: Json) -> Told | None:
    """Why the number cannot send; None where it can, or the provider names no error of the table.

    A code decides, never the word: numbers that send well are often called limited.
    """
    health = record(told.get("health_status"))
    if health.get("can_send_message") != BLOCKED:
        return None
    stopping = {Level.DEVICE, Level.TOKEN, Level.ACCOUNT}
    for _, error in _errors(health):
        code = text(error.get("error_code")) or ""
        said = {"code": _SENDS_CODES.get(code, code), "message": error.get("error_description")}
        why = errors.told(said)
        if errors.fault(why).level in stopping:
            return why
    return None


def _problems(health: Json) -> Iterator[dict[str, str | None]]:
    for entity, error in _errors(health):
        yield {
            "of": text(entity.get("entity_type")),
            "code": text(error.get("error_code")),
            "description": text(error.get("error_description")),
            "solution": text(error.get("possible_solution")),
        }


def _errors(health: Json) -> Iterator[tuple[Json, Json]]:
    for entity in records(health.get("entities")):
        for error in records(entity.get("errors")):
            yield entity, error
