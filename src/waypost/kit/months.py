"""Monthly partitions by id: UUIDv7 carries its time, so a month is a range of ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
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
    start = start_of(now)
    for _ in range(ahead + 1):
        after = _next(start)
        yield Month(f"{start:%Y_%m}", first_id_at(start), first_id_at(after))
        start = after


def start_of(moment: datetime) -> datetime:
    """When the month of this moment began."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_named(name: str) -> Month:
    """The month of that name, such as 2026_03."""
    start = datetime.strptime(name, "%Y_%m").replace(tzinfo=UTC)
    return next(months_from(start, ahead=0))


def partition_sql(table: str, month: Month, fill: int = 100) -> str:
    """Makes the table's partition of the month, unless it is there.

    `fill` is the share of a page that inserts use, in percent: rows that are updated in place
    need the rest.
    """
    return (
        f"create table if not exists {table}_{month.name} partition of {table} "
        f"for values from ('{month.first}') to ('{month.end}') with (fillfactor = {fill})"
    )


def shut_sql(table: str) -> str:
    """Keeps everybody else out of the table, until the transaction ends, to change its months.

    Whoever comes after us waits behind us, so we wait for those inside only half a second.
    """
    return f"set local lock_timeout = '500ms'; lock table only {table} in access exclusive mode"


def aside_sql(table: str, month: Month) -> str:
    """Takes the month out of the table, which is shut; its rows are then in `{table}_old`."""
    return (
        f"alter table {table} detach partition {table}_{month.name}; "
        f"alter table {table}_{month.name} rename to {table}_old"
    )


def _next(start: datetime) -> datetime:
    years, month = divmod(start.month, 12)
    return start.replace(year=start.year + years, month=month + 1)
