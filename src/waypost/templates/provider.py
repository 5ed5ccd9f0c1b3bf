"""Templates as the provider has them: what it tells is kept, and shown with those of accounts."""

from collections.abc import Sequence

from waypost.drivers.news import TemplateNews, TemplatesNews
from waypost.kit.db import Tx
from waypost.templates import store_provider as store
from waypost.templates.model import Approval, Known


async def note(tx: Tx, news: TemplatesNews | TemplateNews) -> None:
    """Keep what the provider tells, unless it told something newer.

    News of a template that it has not listed yet say too little of it: the next list brings it.
    """
    match news:
        case TemplatesNews():
            await store.replace_all(tx, news)
        case TemplateNews():
            await store.change(tx, news)


async def approvals(tx: Tx, pool_id: int, wanted: Sequence[Known]) -> dict[Known, Approval]:
    """How these stand at the provider of the pool's numbers, those that it knows.

    Where several business accounts have one, it is the one that stands in a send's way, if any.
    """
    return await store.approvals(tx, pool_id, wanted) if wanted else {}
