-- What a device may not tell: each secret sealed under a key that is not in the database.
create table device_secrets (
    device_id  bigint not null references devices on delete cascade,
    name       text not null,
    sealed     bytea not null,
    primary key (device_id, name)
);

alter table devices drop constraint devices_kind_check;
alter table devices add constraint devices_kind_check check (kind in ('sandbox', 'cloud'));

-- What the provider says of a device's number.
alter table devices
    add number_facts  jsonb,
    add number_at     timestamptz;
create unique index devices_phone_number_id on devices ((config->>'phone_number_id'))
    where kind = 'cloud';

-- Beside its text: a file, or an approved template with what fills it. Null for a plain text.
alter table messages add content jsonb;

-- Which message a provider's id means, where the provider chooses it; pruned by age.
create table provider_ids (
    provider_id  text not null,
    device_id    bigint not null,
    account_id   bigint not null,
    message_id   uuid not null,
    mark         integer not null,
    created_at   timestamptz not null,
    primary key (provider_id, device_id)
);
create index provider_ids_created on provider_ids (created_at);

-- Which accounts wrote to whom by which number, and when last: whose it is when they write back.
-- An index that a change of `wrote_at` costs nothing is enough to prune by age.
create table chats (
    recipient   text not null,
    device_id   bigint not null,
    account_id  bigint not null,
    wrote_at    timestamptz not null,
    primary key (recipient, device_id, account_id)
) with (fillfactor = 80);
create index chats_wrote on chats using brin (wrote_at);

-- Calls of providers, kept before they are answered, worked off by the workers.
create table callbacks (
    id           bigint generated always as identity primary key,
    device_id    bigint not null,
    body         bytea not null,
    received_at  timestamptz not null,
    due_at       timestamptz not null,
    attempts     integer not null default 0,
    trouble      text
);
create index callbacks_due on callbacks (due_at, id);

-- What a provider told and nobody here knows what to do with; pruned by age.
create table provider_notices (
    id         bigint generated always as identity primary key,
    device_id  bigint,
    field      text not null,
    value      jsonb not null,
    at         timestamptz not null
);
create index provider_notices_at on provider_notices using brin (at);

-- What the provider stopped of a device, as callbacks told: itself, all with its token or of its
-- account, or a template. The worker that runs it obeys; pruned by age.
create table device_stops (
    device_id  bigint not null references devices on delete cascade,
    level      text not null,
    template   text not null default '',
    language   text not null default '',
    code       text not null,
    reason     text not null,
    at         timestamptz not null,
    until      timestamptz not null,
    primary key (device_id, level, template, language)
);

-- Templates as a business account has them at the provider.
create table provider_templates (
    business_account_id  text not null,
    name                 text not null,
    language             text not null,
    provider_id          text not null,
    status               text not null,
    category             text,
    format               text,
    components           jsonb not null,
    quality              text,
    reason               text,
    told_at              timestamptz not null,
    primary key (business_account_id, name, language)
);

-- Files, once for each account and content, in pieces.
create table media (
    account_id  bigint not null,
    id          uuid not null,
    kind        text not null,
    mime        text not null,
    filename    text not null,
    size        bigint not null,
    sha256      bytea not null,
    created_at  timestamptz not null,
    keep_until  timestamptz not null,
    primary key (account_id, id),
    unique (account_id, sha256, kind, mime, filename)
);
create index media_keep_until on media (keep_until);

create table media_pieces (
    account_id  bigint not null,
    media_id    uuid not null,
    place       integer not null,
    bytes       bytea not null,
    primary key (account_id, media_id, place),
    foreign key (account_id, media_id) references media on delete cascade
);
alter table media_pieces alter bytes set storage external;

create table media_uploads (
    account_id       bigint not null,
    media_id         uuid not null,
    device_id        bigint not null references devices on delete cascade,
    phone_number_id  text not null,
    provider_id      text not null,
    uploaded_at      timestamptz not null,
    primary key (account_id, media_id, device_id),
    foreign key (account_id, media_id) references media on delete cascade
);

-- What people wrote to us; without an account where nobody had written to them before. `answers` is
-- our message that it answers, by the provider's id `reply_to`, which is not known for ever. Its
-- file is fetched after it is kept: `media` is what the provider told of it.
create table inbound (
    id             uuid primary key,
    account_id     bigint,
    device_id      bigint not null,
    provider_id    text not null,
    sender         text,
    sender_id      text,
    kind           text not null,
    text           text,
    content        jsonb not null,
    reply_to       text,
    answers        uuid,
    media          jsonb,
    media_id       uuid,
    media_trouble  text,
    at             timestamptz not null,
    received_at    timestamptz not null,
    unique (device_id, provider_id)
);
create index inbound_account on inbound (account_id, id);

create table media_fetches (
    inbound_id  uuid primary key references inbound on delete cascade,
    device_id   bigint not null,
    attempts    integer not null default 0,
    due_at      timestamptz not null,
    trouble     text
);
create index media_fetches_due on media_fetches (device_id, due_at);
