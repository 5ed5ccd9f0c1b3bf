"""The templates of a business account as its provider lists them, without a provider."""

from datetime import UTC, datetime

from waypost.drivers.news import ApprovedTemplate, TemplatesNews

AT = datetime(2026, 3, 4, 5, 6, 7, 250_000, tzinfo=UTC)


def listed(
    name: str,
    text: str = "Hi {{1}}.",
    *,
    language: str = "en_US",
    status: str = "APPROVED",
    quality: str | None = None,
    category: str = "UTILITY",
) -> ApprovedTemplate:
    """A template as the provider lists it."""
    body = {"type": "BODY", "text": text}
    id = f"{name}/{language}"
    return ApprovedTemplate(id, name, language, status, category, "POSITIONAL", [body], quality)


def news(
    *templates: ApprovedTemplate, business_account_id: str = "b1", at: datetime = AT
) -> TemplatesNews:
    """All templates of a business account."""
    return TemplatesNews(business_account_id, at, templates)
