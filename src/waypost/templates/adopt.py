"""Make an account's templates from the approved ones of its pool's numbers, and follow these later.

Which of ours stands for an approved one is told by the latter's name and language. What its owner
chose stays: its name, what its variables are called, which file its header shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from waypost.drivers.news import ApprovedTemplate
from waypost.kit.db import Tx
from waypost.templates import store, store_provider
from waypost.templates.model import Draft, Format, Header, Known, Mine, Provider
from waypost.templates.read import MAX_NAME, Unusable, draft_of
from waypost.templates.render import renamed

APPROVED = "APPROVED"
NAME_TAKEN = "Other templates of yours have the names that it could have here."


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came of each template that the provider has."""

    created: Sequence[Mine]
    updated: Sequence[Mine]
    unchanged: Sequence[Mine]
    skipped: Sequence[Unusable]


async def adopt(tx: Tx, account_id: int, pool_id: int, at: datetime) -> Adopted:
    """Make what is missing of the account's templates, and change what the provider changed."""
    # The names first: who does the same meanwhile has then taken them, or is seen with all it did.
    names = await store.names(tx, account_id)
    mine = _by_known(await store.mine(tx, account_id))
    usable, skipped = _usable(await store_provider.listed(tx, pool_id))
    missing, nameless = _missing(usable, mine, names)
    created = await store.insert_all(tx, account_id, missing, at)
    made = {each.provider.known for each in created}
    nameless += [draft for draft in missing if _known(draft) not in made]
    updated, unchanged = _compared(usable, mine)
    await store.follow(tx, account_id, updated, at)
    return Adopted(created, updated, unchanged, skipped + [_nameless(d) for d in nameless])


def followed(mine: Mine, told: Draft) -> Mine:
    """Ours as the provider has it now, in the words that its owner chose."""
    was, now = mine.provider, _provider(told)
    names = _words(was, now)
    kept = {(button.index, button.kind): button for button in was.buttons}
    provider = replace(
        now,
        variables=tuple(names.get(name, name) for name in now.variables),
        header=_header(was, now),
        buttons=tuple(kept.get((each.index, each.kind), each) for each in now.buttons),
    )
    return replace(mine, body=renamed(told.body, names), provider=provider)


def _usable(told: Sequence[ApprovedTemplate]) -> tuple[list[Draft], list[Unusable]]:
    """What could be sent, and what could not."""
    drafts: list[Draft] = []
    skipped: list[Unusable] = []
    for each in told:
        if each.status == APPROVED:
            read = draft_of(each)
        else:
            read = Unusable(each.name, each.language, f"It is {each.status} at the provider.")
        if isinstance(read, Unusable):
            skipped.append(read)
        else:
            drafts.append(read)
    return drafts, skipped


def _missing(
    usable: Sequence[Draft], mine: Mapping[Known, Sequence[Mine]], names: set[str]
) -> tuple[list[Draft], list[Draft]]:
    """What is to be made, each with a name of its own, and those for which there is none."""
    named: list[Draft] = []
    nameless: list[Draft] = []
    for draft in usable:
        if _known(draft) in mine:
            continue
        name = next((name for name in _possible(draft) if name.lower() not in names), None)
        if name is None:
            nameless.append(draft)
        else:
            names.add(name.lower())
            named.append(replace(draft, name=name))
    return named, nameless


def _possible(draft: Draft) -> tuple[str, str]:
    """Its name, and with its language where it has several."""
    tail = f" ({draft.language})"
    return draft.name[:MAX_NAME], draft.name[: MAX_NAME - len(tail)] + tail


def _compared(
    usable: Sequence[Draft], mine: Mapping[Known, Sequence[Mine]]
) -> tuple[list[Mine], list[Mine]]:
    """Ours that are to be changed, as they will be, and those that stay as they are."""
    pairs = [
        (each, followed(each, draft)) for draft in usable for each in mine.get(_known(draft), ())
    ]
    updated = [now for was, now in pairs if now != was]
    return updated, [was for was, now in pairs if now == was]


def _words(was: Provider, now: Provider) -> Mapping[str, str]:
    """By our first name for each place of the body what its owner calls it."""
    is_by_place = was.parameter_format is now.parameter_format is Format.POSITIONAL
    if not is_by_place or len(was.variables) != len(now.variables):
        return {}
    return dict(zip(now.variables, was.variables, strict=True))


def _header(was: Provider, now: Provider) -> Header | None:
    """The owner's, where it still fits."""
    ours, theirs = was.header, now.header
    if ours is None or theirs is None or ours.media is not theirs.media:
        return theirs
    is_by_place = was.parameter_format is now.parameter_format is Format.POSITIONAL
    fits = is_by_place and len(ours.variables) == len(theirs.variables)
    return ours if fits or ours.variables == theirs.variables else theirs


def _by_known(mine: Sequence[Mine]) -> dict[Known, list[Mine]]:
    found: dict[Known, list[Mine]] = {}
    for each in mine:
        found.setdefault(each.provider.known, []).append(each)
    return found


def _provider(draft: Draft) -> Provider:
    assert draft.provider is not None  # every one that was read has one
    return draft.provider


def _known(draft: Draft) -> Known:
    return _provider(draft).known


def _nameless(draft: Draft) -> Unusable:
    return Unusable(*_known(draft), NAME_TAKEN)
