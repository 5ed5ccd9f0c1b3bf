"""What a send carries of an approved template: each of its places with what fills it.

What no provider would take is refused before it is accepted.
"""

from collections.abc import Mapping

from waypost.drivers.outgoing import Approved, ButtonParameter, Media, Parameter
from waypost.kit.errors import Invalid, Problem
from waypost.templates.model import Format, Header, Provider
from waypost.templates.render import names_in, problem_of_value, shown

MAX_HEADER = 60
"""Most characters of what fills a header."""

NO_FILE = "is required: the approved template shows a file in its header"
NO_PLACE = "cannot be sent: the approved template has no place for a file"


def wanted(body: str, provider: Provider | None) -> list[str]:
    """The variables that a send has to bring: of the body, then of header and buttons."""
    beside = () if provider is None else provider.beside_the_body()
    return list(dict.fromkeys((*names_in(body), *beside)))


def approved(provider: Provider, variables: Mapping[str, object], file: Media | None) -> Approved:
    """The approved template with its places filled, `file` in its header; refused where one cannot.

    Every problem with a variable is named, one with the file after these.
    """
    header = provider.header or Header()
    texts = texts_of(provider, variables)
    return Approved(
        provider.name,
        provider.language,
        tuple(_parameter(provider, name, texts) for name in header.variables),
        _fitting(header, file),
        tuple(_parameter(provider, name, texts) for name in provider.variables),
        tuple(ButtonParameter(b.index, b.kind, texts[b.variable]) for b in provider.buttons),
    )


def texts_of(provider: Provider, variables: Mapping[str, object]) -> dict[str, str]:
    """What fills the places, by variable; refused with all that cannot."""
    in_header = provider.header.variables if provider.header else ()
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for name in dict.fromkeys((*provider.variables, *provider.beside_the_body())):
        problem = problem_of_value(name, variables)
        if problem is None:
            texts[name] = shown(variables[name])
            problem = _misfit(name, texts[name], name in in_header)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise Invalid.fields(*problems)
    return texts


def _misfit(name: str, text: str, is_in_header: bool) -> Problem | None:
    """Why the provider would not take a text that we could keep."""
    field = f"variables.{name}"
    if not text.strip():
        return Problem(field, "must not be empty: it fills a place of an approved template")
    if is_in_header and len(text) > MAX_HEADER:
        return Problem(field, f"has {len(text)} characters; a header takes {MAX_HEADER} at most")
    return None


def _parameter(provider: Provider, name: str, texts: Mapping[str, str]) -> Parameter:
    is_named = provider.parameter_format is Format.NAMED
    return Parameter(texts[name], name if is_named else None)


def _fitting(header: Header, file: Media | None) -> Media | None:
    """The file, where the header shows one of its kind."""
    wanted = header.media
    if file is None and wanted is not None:
        raise Invalid.field("media", NO_FILE)
    if file is not None and wanted is None:
        raise Invalid.field("media", NO_PLACE)
    if file is not None and file.kind is not wanted:
        problem = f"is {file.kind}, and the approved template shows {wanted} in its header"
        raise Invalid.field("media.type", problem)
    return file
