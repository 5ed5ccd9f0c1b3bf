"""The documentation page that this API implements, read by code: its examples and its answers."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT = Path(__file__).with_name("original-api-docs.txt").read_text("utf-8")
BASE_URL = "https://whatsapp.kuijpersconsulting.co.za"
MASKED_EMAIL = "[email protected]"

# The forms of texts on the page: whoever reads one may take it apart.
FORMS = (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", r"msg_\w+", r"\d+")


@dataclass(frozen=True)
class Exchange:
    """Commands of the page, and the answer that it shows for them."""

    curls: tuple[str, ...]
    answer: dict[str, Any]


def exchanges() -> list[Exchange]:
    """Every curl and every answer of the page; the error format is an answer without a curl."""
    found: list[Exchange] = []
    curls: list[str] = []
    for block in _blocks(iter(TEXT.splitlines())):
        if block.startswith("curl"):
            curls.append(block)
        else:
            found.append(Exchange(tuple(curls), json.loads(block)))
            curls = []
    assert not curls, "the page shows no answer for its last curl"
    return found


def example(language: str) -> str:
    """The program under the heading `<language> Example`."""
    after = TEXT.partition(f"\n{language} Example\n")[2]
    return re.split(r"\n(?:\w+ Example|SDKs & Libraries)\n", after)[0] + "\n"


def limits() -> dict[str, int]:
    """Requests per minute, by the page's own headings."""
    found = re.findall(r"^- ([\w ]+): (\d+) requests per minute$", TEXT, re.MULTILINE)
    return {name: int(number) for name, number in found}


def errors() -> set[tuple[int, str]]:
    """The rows of the page's table of errors."""
    found = re.findall(r"^(\d{3}) \| ([A-Z_]+) \|$", TEXT, re.MULTILINE)
    return {(int(status), code) for status, code in found}


def fill(text: str, real: Mapping[str, str]) -> str:
    """The example with its placeholders replaced; nothing else of it changes."""
    for placeholder, value in real.items():
        text = text.replace(placeholder, value)
    return text


def differences(documented: Any, real: Any, where: str = "$") -> list[str]:
    """Where the real answer lacks a documented field, or has another type or form of text."""
    if documented is None:
        return [] if real is None or isinstance(real, str) else [f"{where}: {real!r}"]
    if type(documented) is not type(real):
        return [f"{where}: {real!r} is no {type(documented).__name__}"]
    if isinstance(documented, dict):
        missing = [f"{where}.{name}: missing" for name in documented.keys() - real.keys()]
        both = documented.keys() & real.keys()
        return missing + [
            d for n in both for d in differences(documented[n], real[n], f"{where}.{n}")
        ]
    if isinstance(documented, list):
        empty = [] if real else [f"{where}: empty"]
        return empty + [d for each in real for d in differences(documented[0], each, f"{where}[]")]
    if isinstance(documented, str) and _form(documented) != _form(real):
        return [f"{where}: {real!r} has not the form of {documented!r}"]
    return []


def _form(text: str) -> str | None:
    return next((form for form in FORMS if re.fullmatch(form, text)), None)


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("curl "):
            yield _whole(line, lines, shlex.split)
        elif line == "{":
            yield _whole(line, lines, json.loads)


def _whole(text: str, lines: Iterator[str], parse: Callable[[str], object]) -> str:
    """The first line and as many more as it takes until all of it can be parsed."""
    while True:
        try:
            parse(text)
        except ValueError:
            text += "\n" + next(lines)
        else:
            return text
