"""The provider's list of templates, its JSON → `ApprovedTemplate`; pure."""

from collections.abc import Iterable

from waypost.drivers.cloud.loose import clean, record, records, text
from waypost.drivers.news import ApprovedTemplate

FIELDS = "id,name,language,status,category,components,parameter_format,quality_score"
"""What a list is to be asked for."""


def templates(listed: Iterable[object]) -> list[ApprovedTemplate]:
    """Those of a list that can be told apart; what is not known of one is None."""
    return [template for told in listed if (template := _template(told)) is not None]


def _template(told: object) -> ApprovedTemplate | None:
    given = record(clean(told))
    id, name, language = (text(given.get(field)) for field in ("id", "name", "language"))
    status = text(given.get("status"))
    if id is None or name is None or language is None or status is None:
        return None
    return ApprovedTemplate(
        id,
        name,
        language,
        status,
        text(given.get("category")),
        text(given.get("parameter_format")),
        records(given.get("components")),
        text(record(given.get("quality_score")).get("score")),
    )
