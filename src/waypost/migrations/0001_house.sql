-- Pools and devices: who carries messages.
create table pools (
    id          bigint generated always as identity primary key,
    name        text not null,
    is_default  boolean not null default false,
    created_at  timestamptz not null
);
create unique index pools_name on pools (lower(name));
create unique index pools_default on pools (is_default) where is_default;

create table devices (
    id            bigint generated always as identity primary key,
    pool_id       bigint not null references pools,
    name          text not null,
    kind          text not null check (kind in ('sandbox')),
    state         text not null check (state in ('connected', 'disconnected', 'logged_out')),
    state_reason  text,
    state_at      timestamptz not null,
    is_paused     boolean not null default false,
    config        jsonb not null default '{}',
    created_at    timestamptz not null
);
create unique index devices_name on devices (lower(name));
create index devices_pool on devices (pool_id);

-- Accounts, their sessions, and what admins did.
create table accounts (
    id                   bigint generated always as identity primary key,
    username             text not null,
    email                text,
    notification_number  text,
    password_hash        text not null,
    is_admin             boolean not null default false,
    is_active            boolean not null default true,
    pool_id              bigint not null references pools,
    rate_limits          jsonb not null default '{}',
    created_at           timestamptz not null,
    deleted_at           timestamptz
);
create unique index accounts_username on accounts (lower(username)) where deleted_at is null;
create index accounts_pool on accounts (pool_id);

create table sessions (
    id          uuid primary key,
    account_id  bigint not null references accounts,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    revoked_at  timestamptz
);
create index sessions_account on sessions (account_id) where revoked_at is null;
create index sessions_expiry on sessions (expires_at);

create table refresh_tokens (
    digest      bytea primary key,
    session_id  uuid not null references sessions on delete cascade,
    created_at  timestamptz not null,
    used_at     timestamptz
);
create index refresh_tokens_session on refresh_tokens (session_id);

create table audit (
    id        bigint generated always as identity primary key,
    at        timestamptz not null,
    actor_id  bigint,
    action    text not null,
    target    text not null,
    detail    jsonb not null default '{}'
);

-- Money: whole credits, an append-only ledger, and the balance that is its sum.
create table wallets (
    account_id  bigint primary key,
    credits     bigint not null default 0 check (credits >= 0),
    entries     bigint not null default 0
) with (fillfactor = 50);

create table ledger (
    account_id  bigint not null,
    number      bigint not null,
    delta       bigint not null check (delta <> 0),
    balance     bigint not null check (balance >= 0),
    kind        text not null check (kind in ('signup', 'grant', 'charge', 'refund')),
    message_id  uuid,
    actor_id    bigint,
    reason      text,
    at          timestamptz not null,
    primary key (account_id, number)
);

create index ledger_at on ledger using brin (at);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end $$;
create trigger ledger_is_append_only before update or delete or truncate on ledger
    for each statement execute function refuse_change();

-- Templates.
create table templates (
    account_id  bigint not null,
    id          bigint generated always as identity,
    name        text not null,
    body        text not null,
    language    text,
    category    text,
    provider    jsonb,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (account_id, id)
);
create unique index templates_name on templates (account_id, lower(name));

-- Messages and their facts: partitioned by the month in the UUIDv7. No foreign keys on this path:
-- accounts and devices are never deleted from under them.
create table message_counts (
    account_id  bigint primary key,
    total       bigint not null default 0
) with (fillfactor = 50);

create table messages (
    account_id     bigint not null,
    id             uuid not null,
    number         bigint not null,
    class          text not null check (class in ('single', 'bulk')),
    recipient      text not null,
    body           text not null,
    template_id    bigint,
    pool_id        bigint not null,
    status         text not null,
    attempts       integer not null default 0,
    mark           integer not null default 0,
    facts          integer not null,
    device_id      bigint,
    provider_id    text,
    error_code     text,
    error_message  text,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    expires_at     timestamptz not null,
    sent_at        timestamptz,
    delivered_at   timestamptz,
    read_at        timestamptz,
    primary key (account_id, id)
) partition by range (id);
create index messages_number on messages (account_id, number);
create index messages_recipient on messages (account_id, recipient, number);
create index messages_id on messages (id);

create table message_events (
    account_id  bigint not null,
    message_id  uuid not null,
    number      integer not null,
    type        text not null,
    at          timestamptz not null,
    detail      jsonb,
    primary key (account_id, message_id, number)
) partition by range (message_id);
