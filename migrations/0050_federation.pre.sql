-- Events of other servers: auth vectors, what is missing, which servers are in a room, what is to be sent.

-- Of state events: the place on a chain and what the event's auth chain reaches (core.auth_vector, packed). Null: not
-- worked out; whoever needs it walks the auth events.
alter table event add column chain_nid bigint;
alter table event add column chain_position bigint;
alter table event add column auth_vector bytea;
create index event_chain on event (tenant_id, room_nid, chain_nid, chain_position) where chain_nid is not null;
alter table snapshot add column reach bytea;              -- what the state's events reach, in layers like the state

-- Previous events that an accepted event names and that are not here: where the history begins for us.
create table missing_event (
    tenant_id  bigint not null,
    room_nid   bigint not null,
    event_hash bytea not null,           -- as in event
    named_by   bigint not null,          -- the event that follows it
    constraint missing_event_pkey primary key (tenant_id, room_nid, event_hash, named_by)
);
select make_tenant_table('missing_event');

-- Redactions that came before the event they redact.
create table early_redaction (
    tenant_id    bigint not null,
    target_hash  bytea not null,
    event_nid    bigint not null,        -- the redaction
    constraint early_redaction_pkey primary key (tenant_id, target_hash, event_nid)
);
select make_tenant_table('early_redaction');

alter table membership add column server_nid bigint;      -- the server's number; null: ours
create index membership_server on membership (tenant_id, room_nid, server_nid, membership) where server_nid is not null;

-- Which other servers have somebody joined in a room, and for how long.
create table room_server (
    tenant_id      bigint not null,
    room_nid       bigint not null,
    server_nid     bigint not null,      -- the number of its name
    since_position bigint not null,      -- events after this position are sent there
    until_position bigint,               -- the last one that is; null: it is there still
    constraint room_server_pkey primary key (tenant_id, room_nid, server_nid)
);
create index room_server_rooms on room_server (tenant_id, server_nid, room_nid);
select make_tenant_table('room_server');

-- Events that other servers must get, one row each; every destination has a cursor of its own.
create table outbox (
    tenant_id bigint not null,
    position  bigint not null,           -- the event's
    room_nid  bigint not null,
    event_nid bigint not null,
    constraint outbox_pkey primary key (tenant_id, position)
);
create index outbox_room on outbox (tenant_id, room_nid, position);
select make_tenant_table('outbox');
