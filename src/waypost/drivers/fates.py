"""What the sandbox does with a message, by the last digits of its number: test cards for sends.

`python -m waypost.drivers.fates` prints the table of docs/sandbox.md.
"""

import sys
from dataclasses import dataclass

from waypost.drivers.port import Refused

ENDING = 4
ALWAYS = 1_000_000


@dataclass(frozen=True, slots=True)
class Fate:
    """How a simulated message goes.

    `faults` is how many attempts meet a transient fault, `lost_answers` of how many the answer is
    lost.
    """

    story: str
    refused: Refused | None = None
    fails: bool = False
    delivered: bool = True
    read: bool = True
    slow: bool = False
    faults: int = 0
    drops: bool = False
    lost_answers: int = 0


ORDINARY = Fate("`Sent`, `Delivered` after a second, `Read` a second later.")

FATES = {
    "0001": Fate(
        "Not on WhatsApp: `Failed` with `NOT_ON_WHATSAPP`, refunded.",
        refused=Refused("NOT_ON_WHATSAPP", "The number is not on WhatsApp."),
    ),
    "0002": Fate("`Sent`, and never delivered.", delivered=False, read=False),
    "0003": Fate("`Delivered`, and never read.", read=False),
    "0004": Fate(
        "`Sent`, and a second later `Failed` with `UNDELIVERABLE`, refunded.",
        fails=True,
        delivered=False,
        read=False,
    ),
    "0005": Fate("Slow: three seconds pass before it is `Sent`.", slow=True),
    "0006": Fate("The first attempt meets a transient fault; the second goes.", faults=1),
    "0007": Fate(
        "The device drops for a second; the message goes by another one, or by the same after"
        " it is back.",
        drops=True,
    ),
    "0008": Fate(
        "Every attempt meets a transient fault, until the message is `Expired` and refunded.",
        faults=ALWAYS,
    ),
    "0009": Fate(
        "It arrives, and the answer to the first attempt is lost: it goes again under the same id,"
        " and arrives once. A device that does not deduplicate sends it once: it stays `Sending`,"
        " later `Uncertain`, until its receipt settles it.",
        lost_answers=1,
    ),
    "0010": Fate(
        "Every answer is lost, and nothing is heard later: it becomes `Uncertain`, and your"
        " `on_uncertain` rules. A device that deduplicates first sends it again and again, under"
        " the same id, for as long as it may wait.",
        lost_answers=ALWAYS,
        delivered=False,
        read=False,
    ),
}


def fate_of(number: str) -> Fate:
    """What the table says of a number."""
    return FATES.get(number[-ENDING:], ORDINARY)


def table() -> str:
    """The table of docs/sandbox.md, in Markdown."""
    rows = [("The number ends in", "What happens"), ("---", "---")]
    rows += [(f"`{ending}`", fate.story) for ending, fate in FATES.items()]
    rows += [("anything else", ORDINARY.story)]
    return "\n".join(f"| {ending} | {story} |" for ending, story in rows)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
