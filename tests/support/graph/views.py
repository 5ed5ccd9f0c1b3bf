"""What the Graph shows of numbers and templates: the fields that were asked for, in pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from yarl import URL

from tests.support.graph.refusals import Refusal
from tests.support.graph.world import Number, Template

Answer = Refusal | Mapping[str, Any]

PAGE_LENGTH, MOST_PAGE = 25, 1000
TEMPLATE_FIELDS = {
    "id",
    "name",
    "language",
    "status",
    "category",
    "components",
    "parameter_format",
    "quality_score",
}
USUAL_TEMPLATE_FIELDS = ("id", "name", "language", "status", "category", "components")
USUAL_FACTS = ("id", "verified_name", "display_phone_number", "quality_rating")


def shown(template: Template, names: set[str]) -> dict[str, Any]:
    """A template, with these of its fields."""
    whole = vars(template) | {"quality_score": {"score": template.quality, "date": 1_780_000_000}}
    return {name: whole[name] for name in sorted(names)}


def paged(url: URL, found: Sequence[Any]) -> Answer:
    """A page, with the cursor and the address of the next while there is one."""
    limit, after = int(url.query.get("limit", PAGE_LENGTH)), url.query.get("after", "")
    if not 1 <= limit <= MOST_PAGE:
        return Refusal(100, f"limit must be 1 to {MOST_PAGE}.")
    start = int(after.removeprefix("after-")) if after else 0
    page, end = found[start : start + limit], start + limit
    cursors = {"before": f"after-{start}", "after": f"after-{end}"}
    paging: dict[str, Any] = {"cursors": cursors}
    if end < len(found):
        next_page = url.update_query({"limit": str(limit), "after": cursors["after"]})
        paging["next"] = str(next_page)
    return {"data": page, "paging": paging} if page else {"data": []}


def facts_of(number: Number, names: set[str]) -> dict[str, Any]:
    """A number, with these of its facts."""
    return {name: value for name, value in every_fact(number).items() if name in names}


def every_fact(number: Number) -> dict[str, Any]:
    """All that can be asked about a number."""
    able = number.can_send_message
    entity: dict[str, Any] = {
        "entity_type": "PHONE_NUMBER",
        "id": number.id,
        "can_send_message": able,
    }
    if able != "AVAILABLE":
        entity["errors"] = [
            {
                "error_code": number.trouble,
                "error_description": "There is a problem.",
                "possible_solution": "See to it.",
            }
        ]
    business = {"entity_type": "WABA", "id": number.business_id, "can_send_message": "AVAILABLE"}
    return {
        "id": number.id,
        "verified_name": number.verified_name,
        "display_phone_number": number.display_phone_number,
        "quality_rating": number.quality_rating,
        "throughput": {"level": number.throughput},
        "whatsapp_business_manager_messaging_limit": number.messaging_limit,
        "health_status": {"can_send_message": able, "entities": [entity, business]},
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "platform_type": "CLOUD_API",
        "status": "CONNECTED",
        "account_mode": "LIVE",
    }


def fields_of(
    query: Mapping[str, str], known: set[str], usual: tuple[str, ...]
) -> set[str] | Refusal:
    """The fields that were asked for; an id always comes with them."""
    asked = set(query["fields"].split(",")) if "fields" in query else set(usual)
    if unknown := asked - known:
        return Refusal(100, f"(#100) Tried accessing nonexisting field ({', '.join(unknown)})")
    return asked | {"id"}
