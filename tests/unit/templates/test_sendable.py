"""What was read from the provider's list and filled is what the provider takes."""

from uuid import UUID

import pytest
from tests.support.graph.templates import rendered, template_problem
from tests.support.graph.world import BUSINESS, Template, World, usual_templates

from waypost.drivers.cloud import payload
from waypost.drivers.cloud.templates import templates
from waypost.drivers.outgoing import Approved, Media, Outgoing, Ref
from waypost.templates.fill import approved, wanted
from waypost.templates.model import Draft
from waypost.templates.read import draft_of
from waypost.templates.render import render

USUAL = [each for each in usual_templates() if each.status == "APPROVED"]


def listed(template: Template) -> Draft:
    """As we read it from the list."""
    (read,) = templates([vars(template) | {"id": "1"}])
    draft = draft_of(read)
    assert isinstance(draft, Draft), draft
    return draft


def sent(filled: Approved) -> dict[str, object]:
    """The template object of its send."""
    ref = Ref(1, UUID(int=1), 1)
    outgoing = Outgoing(ref, "27821234567", "", "x", 1, approved=filled)
    message = payload.message(outgoing, None)["template"]
    assert isinstance(message, dict)
    return message


@pytest.mark.parametrize("template", USUAL, ids=lambda each: f"{each.name}-{each.language}")
def test_a_filled_template_is_taken_and_reads_as_our_text(template: Template) -> None:
    draft = listed(template)
    assert draft.provider is not None
    values = {name: f"v{n}" for n, name in enumerate(wanted(draft.body, draft.provider))}
    header = draft.provider.header
    file = header and header.media and Media(header.media, "https://example.com/a")

    message = sent(approved(draft.provider, values, file or None))

    assert template_problem(message, BUSINESS, World()) is None
    assert rendered(message, BUSINESS, World()) == render(draft.body, values)
