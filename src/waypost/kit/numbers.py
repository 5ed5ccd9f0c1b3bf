"""Phone numbers: taken in many spellings, kept and shown as digits only."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS
from phonenumbers import PhoneMetadata

_SPELLING = re.compile(r"\+?[0-9][0-9 -]{1,30}")
_SEPARATORS = str.maketrans("", "", "+ -")


def normalise(text: str) -> str | None:
    """The digits of a possible international number; None for anything else.

    `+`, spaces and dashes are taken; what counts as possible is decided by `phonenumbers`.
    """
    text = text.strip(" ")  # also what is left of a `+` that a URL did not quote
    if not _SPELLING.fullmatch(text):
        return None
    digits = text if text.isdigit() else text.translate(_SEPARATORS)
    return digits if _is_plain(digits) else _parsed(digits)


def _is_plain(digits: str) -> bool:
    """Whether the library would surely take these digits as they are.

    Ten times as fast as asking it: the lengths that its metadata gives for the calling code fit,
    and nothing at the start could be a national prefix for it to strip.
    """
    for width in (2, 3, 1):
        rule = _RULES.get(digits[:width])
        if rule is not None:
            lengths, prefix = rule
            return len(digits) - width in lengths and not prefix.match(digits, width)
    return False


@lru_cache(maxsize=16_384)
def _parsed(digits: str) -> str | None:
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def _rules() -> dict[str, tuple[frozenset[int], re.Pattern[str]]]:
    """For each calling code: possible lengths, and what a national prefix may look like."""
    rules = {}
    for code, regions in REGIONS.items():
        metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
        if metadata is not None and metadata.general_desc is not None:
            prefix = metadata.national_prefix_for_parsing or "0"
            lengths = frozenset(metadata.general_desc.possible_length)
            rules[str(code)] = lengths, re.compile(f"0|{prefix}")
    return rules


_RULES = _rules()
