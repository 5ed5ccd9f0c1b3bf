-- Who carries a pool: one worker at a time, by a lease that runs out, and an epoch that fences.
create table workers (
    id          uuid primary key,
    started_at  timestamptz not null,
    until       timestamptz not null,
    is_leaving  boolean not null default false
);

create table leases (
    pool_id    bigint primary key references pools on delete cascade,
    worker_id  uuid,
    epoch      bigint not null default 0,
    until      timestamptz not null
) with (fillfactor = 50);

-- Pacing: what a device sets for itself, until when its hours or its cap keep it from sending, and
-- how much it sent on a day.
alter table devices
    add pacing       jsonb not null default '{}',
    add rests_until  timestamptz;

create table device_days (
    device_id  bigint not null references devices on delete cascade,
    day        date not null,
    sent       integer not null,
    primary key (device_id, day)
) with (fillfactor = 50);

-- Accounts: their share of a pool, and what becomes of a message whose answer never came.
alter table accounts
    add weight        integer not null default 1 check (weight between 1 and 100),
    add on_uncertain  text not null default 'hold' check (on_uncertain in ('hold', 'resend', 'fail'));

-- Requests that may be repeated: the first answer, for a day.
create table idempotency (
    account_id   bigint not null,
    key          text not null,
    fingerprint  bytea not null,
    answer       bytea not null,
    created_at   timestamptz not null,
    primary key (account_id, key)
);
create index idempotency_created on idempotency (created_at);

create table batches (
    account_id    bigint not null,
    id            uuid not null,
    state         text not null check (state in ('running', 'paused', 'cancelled')),
    total         integer not null,
    reference     text,
    clock_before  bigint,
    clock_after   bigint,
    created_at    timestamptz not null,
    primary key (account_id, id)
);
create index batches_created on batches using brin (created_at);

-- Of page totals: what retention has dropped, by running number.
alter table message_counts add dropped bigint not null default 0;

-- What the two indexes are on never changes, so that they cost an update nothing. `may_repeat` says
-- whether the transport that a message was marked for drops a second one of the same id.
alter table messages
    add batch_id          uuid,
    add reference         text,
    add wanted_device_id  bigint,
    add send_at           timestamptz,
    add is_held           boolean not null default false,
    add marked_at         timestamptz,
    add may_repeat        boolean not null default true;
create index messages_batch on messages (account_id, batch_id) where batch_id is not null;
create index messages_reference on messages (account_id, reference, number)
    where reference is not null;

-- When to look at a message again: it is due to be queued, or its own deadline is over.
create table alarms (
    account_id  bigint not null,
    message_id  uuid not null,
    at          timestamptz not null,
    primary key (account_id, message_id)
);
create index alarms_at on alarms (at, account_id, message_id);

-- How far a look at all messages, in the order of their ids, has come.
create table walks (
    name     text primary key,
    reached  uuid not null
);
insert into walks values ('waiting', '00000000-0000-0000-0000-000000000000');

-- Fairness: how far each flow (an account's singles, or its bulks, in a lane) and each lane have
-- come. A job's priority is the lane's base less its tag.
create table flow_clocks (
    account_id  bigint not null,
    kind        smallint not null,
    lane        text not null,
    finish      bigint not null,
    primary key (account_id, kind, lane)
) with (fillfactor = 50);

create table lane_clocks (
    lane  text primary key,
    now   bigint not null,
    base  bigint not null
) with (fillfactor = 50);

-- Order: what waits behind another job of its chain (account, class, recipient) is not in the lane.
create table parked_jobs (
    chain       text not null,
    id          bigint generated always as identity,
    lane        text not null,
    message_id  uuid not null,
    priority    integer not null,
    primary key (chain, id)
);
create index parked_jobs_lane on parked_jobs (lane);

-- A job's payload is account, chain, message. A chain is the class and the recipient; with the
-- account it is the job's `dedupe_key`, so that one job of it stands in the queue and no more. The
-- others are parked. What was claimed is given back: no worker runs while the schema changes.
update pgqueuer j
   set payload = substring(j.payload for 8)
              || int8send((case m.class when 'bulk' then 1::bigint << 56 else 0 end)
                          + m.recipient::bigint)
              || substring(j.payload from 9),
       priority = 2000000000, status = 'queued', queue_manager_id = null
  from messages m
 where m.account_id = ('x' || encode(substring(j.payload for 8), 'hex'))::bit(64)::bigint
   and m.id = encode(substring(j.payload from 9), 'hex')::uuid;

-- A job without its message would have been finished by whoever claimed it.
delete from pgqueuer where length(payload) <> 32;

with later as (
    delete from pgqueuer j
     where exists (
           select from pgqueuer before
            where substring(before.payload for 16) = substring(j.payload for 16)
              and before.id < j.id)
    returning j.id, j.entrypoint, j.payload, j.priority
)
insert into parked_jobs (chain, lane, message_id, priority)
select encode(substring(payload for 16), 'hex'), entrypoint,
       encode(substring(payload from 17), 'hex')::uuid, priority
  from later order by id;

update pgqueuer set dedupe_key = encode(substring(payload for 16), 'hex');

-- Which secrets the machines of this database use: fingerprints, so that they agree.
create table keys_in_use (
    name         text primary key,
    fingerprint  text not null,
    since        timestamptz not null
);
