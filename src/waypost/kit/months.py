"""Monthly partitions by id: UUIDv7 carries its time, so a month is a range of ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from waypost.kit.ids import first_id_at

AHEAD = 3


@dataclass(frozen=True, slots=True)
class Month:
    """One month's range of ids, the end not included."""

    name: str
    first: UUID
    end: UUID


def months_from(now: datetime, ahead: int = AHEAD) -> Iterator[Month]:
    """This month and those that come."""
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(ahead + 1):
        after = _next(start)
        yield Month(f"{start:%Y_%m}", first_id_at(start), first_id_at(after))
        start = after


def partition_sql(table: str, month: Month, fill: int = 100) -> str:
    """Makes the table's partition of the month, unless it is there.

    `fill` is the share of a page that inserts use, in percent: rows that are updated in place
    need the rest.
    """
    return (
        f"create table if not exists {table}_{month.name} partition of {table} "
        f"for values from ('{month.first}') to ('{month.end}') with (fillfactor = {fill})"
    )


def _next(start: datetime) -> datetime:
    years, month = divmod(start.month, 12)
    return start.replace(year=start.year + years, month=month + 1)
