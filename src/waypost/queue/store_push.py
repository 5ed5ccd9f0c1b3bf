"""SQL of queueing: clocks moved on, chains looked at, places counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from waypost.kit.db import Tx
from waypost.queue.fairness import ROOM, STEP
from waypost.queue.model import Entry, Flow, Lane
from waypost.queue.places import EXACT_UP_TO, SAMPLE_SIZE, Sample

# The jobs of these chains, held: who would end one waits, and who is ending one is waited for. In
# the order of ids, as whoever takes several takes them so.
_JOBS = """
found as materialized (
    select id from pgqueuer
     where dedupe_key = any($1::text[]) and status in ('queued', 'picked')
), jobs as materialized (
    select dedupe_key from pgqueuer
     where id = any(array(select id from found)) order by id for update
)"""

# How many are parked in each chain, counted as far as places are.
_PARKED = f"""
parked as materialized (
    select wanted.chain, count(*)::integer as waiting
      from unnest($1::text[]) as wanted(chain)
     cross join lateral (
        select from parked_jobs p where p.chain = wanted.chain limit {EXACT_UP_TO}) as p
     group by wanted.chain
)"""

_CHAINS = """
       array(select dedupe_key from jobs) as with_job,
       array(select chain from parked order by chain) as with_parked,
       array(select waiting from parked order by chain) as waiting"""

LOOK = f"with {_JOBS}, {_PARKED} select {_CHAINS}"

# The next jobs of a lane down to a priority, those included that wait for their next try: else a
# thousand of them at its head would have to be walked past for each message.
_NEAR = f"""
select priority, id, execute_after <= statement_timestamp() as is_due from pgqueuer
 where entrypoint = {{lane}} and status = 'queued' and priority >= {{lowest}}
 order by priority desc, id limit {EXACT_UP_TO + 1}
"""

NEAR = _NEAR.format(lane="$1", lowest="$2")

# All that is to be known before a message is queued, at once: flows' clocks before and after,
# the lane's, who stands in the chains, and who in front.
PREPARE = f"""
with flows as materialized (
    select w.*, coalesce(c.base, {ROOM}) as base, greatest(c.now, f.finish, 0) as start
      from unnest($2::bigint[], $3::smallint[], $4::text[], $5::bigint[]) with ordinality
        as w(account_id, kind, lane, cost, n)
      left join lane_clocks c on c.lane = w.lane
      left join flow_clocks f
        on f.account_id = w.account_id and f.kind = w.kind and f.lane = w.lane
), moved as (
    insert into flow_clocks (account_id, kind, lane, finish)
    select account_id, kind, lane, start + cost from flows
     order by account_id, kind, lane
    on conflict (account_id, kind, lane) do update set finish = excluded.finish
), lanes as (
    select lane, min(base) as base, min(base - (start + cost) / {STEP}) as lowest,
           array_agg(n order by n) as flows, array_agg(start order by n) as starts
      from flows group by lane
), {_JOBS}, {_PARKED}
select l.lane, l.base, l.flows, l.starts, near.due, near.last, near.seen, {_CHAINS}
  from lanes l
 cross join lateral (
    select coalesce(array_agg(priority) filter (where is_due), '{{}}') as due,
           coalesce(min(priority), 0) as last, count(*) as seen
      from ({_NEAR.format(lane="l.lane", lowest="l.lowest")}) as next) as near
"""

# The oldest of a lane that are due, by the index on it.
DUE = f"""
select priority from pgqueuer
 where entrypoint = $1 and status = 'queued' and execute_after <= statement_timestamp()
 order by execute_after limit {EXACT_UP_TO + 1}
"""

# From each of some points on, how far down the next few reach.
SAMPLE = f"""
select point.priority, near.due, near.last
  from unnest($2::bigint[]) with ordinality as point(priority, n)
 cross join lateral (
    select count(*) filter (where next.is_due) as due,
           coalesce(min(next.priority), point.priority) as last
      from (select priority, execute_after <= statement_timestamp() as is_due from pgqueuer
             where entrypoint = $1 and status = 'queued' and priority <= point.priority
             order by priority desc, id limit {SAMPLE_SIZE}) as next) as near
 order by point.n
"""

PARK = """
insert into parked_jobs (chain, lane, message_id, priority)
select chain, lane, message_id, priority
  from unnest($1::text[], $2::text[], $3::uuid[], $4::integer[]) with ordinality
    as t(chain, lane, message_id, priority, n) order by n
"""

WIND_BACK = """
update flow_clocks set finish = $4
 where account_id = $1 and kind = $2 and lane = $3 and finish = $5
"""


@dataclass(frozen=True, slots=True)
class Chains:
    """What stands in some chains: which have a job, and how many are parked in each."""

    with_job: frozenset[str]
    parked: dict[str, int]

    @property
    def strays(self) -> list[str]:
        """Those where something is parked behind nothing."""
        return [chain for chain in self.parked if chain not in self.with_job]


@dataclass(frozen=True, slots=True)
class Near:
    """The next jobs of a lane, down to some priority: those that are due, and the last of all."""

    due: list[int]
    last: int
    is_whole: bool


class Next(NamedTuple):
    """One of the next jobs of a lane."""

    priority: int
    id: int
    is_due: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where the flows started, each lane's base, what stands in the chains and in front."""

    starts: dict[Flow, int]
    bases: dict[Lane, int]
    near: dict[Lane, Near]
    chains: Chains


async def prepare(tx: Tx, flows: dict[Flow, int], chains: Sequence[str]) -> Prepared:
    """Move these flows' clocks on by what they are charged; hold the jobs of these chains."""
    named = list(flows)
    rows = await tx.fetch(
        PREPARE,
        chains,
        [account_id for account_id, _, _ in named],
        [kind for _, kind, _ in named],
        [lane for _, _, lane in named],
        list(flows.values()),
    )
    return Prepared(
        {
            named[n - 1]: start
            for row in rows
            for n, start in zip(row["flows"], row["starts"], strict=True)
        },
        {row["lane"]: row["base"] for row in rows},
        {row["lane"]: Near(row["due"], row["last"], row["seen"] <= EXACT_UP_TO) for row in rows},
        _chains(rows[0]),
    )


async def look(tx: Tx, chains: Sequence[str]) -> Chains:
    """What stands in these chains; their jobs are held."""
    row = await tx.fetchrow(LOOK, chains)
    assert row is not None
    return _chains(row)


async def near(tx: Tx, lane: Lane, lowest: int) -> list[Next]:
    """The lane's next jobs down to this priority; one more than are counted, if there are."""
    return [Next(*row) for row in await tx.fetch(NEAR, lane, lowest)]


async def due(tx: Tx, lane: Lane) -> list[int]:
    """The priorities of what is due in the lane; a few more than are counted, if there are."""
    return [row["priority"] for row in await tx.fetch(DUE, lane)]


async def samples(tx: Tx, lane: Lane, points: Sequence[int]) -> list[Sample]:
    """How densely the lane is filled at each of these priorities and below."""
    return [Sample(*row) for row in await tx.fetch(SAMPLE, lane, points)]


async def park(tx: Tx, parked: Sequence[tuple[Entry, int]]) -> None:
    """Have these wait, with their priorities, behind the jobs of their chains."""
    await tx.execute(
        PARK,
        [entry.about.key for entry, _ in parked],
        [entry.lane for entry, _ in parked],
        [entry.about.message_id for entry, _ in parked],
        [priority for _, priority in parked],
    )


async def wind_back(tx: Tx, flow: Flow, before: int, after: int) -> None:
    """Set the flow's clock back from `after`, if that is where it stands."""
    account_id, kind, lane = flow
    await tx.execute(WIND_BACK, account_id, kind, lane, before, after)


def _chains(row: Any) -> Chains:
    parked = dict(zip(row["with_parked"], row["waiting"], strict=True))
    return Chains(frozenset(row["with_job"]), parked)
