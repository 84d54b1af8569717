create table room (
    tenant_id    bigint not null,
    room_nid     bigint not null,
    room_id      text not null,
    room_version text not null,
    created_ts   bigint not null,
    in_directory boolean not null default false,
    constraint room_pkey primary key (tenant_id, room_nid),
    constraint room_id_key unique (tenant_id, room_id)
);
create index room_directory on room (tenant_id, room_nid) where in_directory;
select make_tenant_table('room');

-- What every append touches: narrow, so that its updates stay in the page (HOT). `version` is the arbiter between
-- processes: an append names the version it was built on, and writes nothing when that is stale.
create table room_head (
    tenant_id    bigint not null,
    room_nid     bigint not null,
    version      bigint not null,
    extremities  bigint[] not null,
    depth        bigint not null,
    snapshot_nid bigint not null,        -- the state after the extremities
    position     bigint not null,        -- of the newest event
    constraint room_head_pkey primary key (tenant_id, room_nid)
) with (fillfactor = 40);
select make_tenant_table('room_head');

create table event (
    tenant_id    bigint not null,
    event_nid    bigint not null,
    room_nid     bigint not null,
    event_hash   bytea not null,         -- the event id as bytes: 32 of hash; rooms 1 and 2: the text
    position     bigint,                 -- place in the tenant's log; null: outlier; negative: came by backfill
    depth        bigint not null,
    ts           bigint not null,        -- origin_server_ts
    type_nid     bigint not null,
    key_nid      bigint,                 -- state key; null: not state
    sender_nid   bigint not null,
    flags        integer not null default 0,   -- 1 redacted, 2 outlier, 4 rejected, 8 soft-failed
    prev         bigint[] not null,
    auth         bigint[] not null,
    snapshot_nid bigint not null,        -- the state before the event
    replaces_nid bigint,                 -- the state event under the same key in the state before
    thread_nid   bigint,                 -- the root of the thread it belongs to
    redacted_by  bigint,
    push_default smallint not null default 0,  -- what default rules say: 0 nothing, 1 notify, 2 highlight
    push_except  bigint[],               -- users for whom it is otherwise: user_nid * 4 + outcome
    device_nid   bigint,                 -- who sent it, for the transaction id
    txn_id       text,
    json         bytea not null,         -- the exact PDU
    constraint event_pkey primary key (tenant_id, event_nid),
    constraint event_hash_key unique (tenant_id, event_hash)
);
create index event_room on event (tenant_id, room_nid, position);
create index event_log on event (tenant_id, position) include (room_nid);
create unique index event_txn on event (tenant_id, device_nid, txn_id, room_nid, type_nid) where txn_id is not null;
create index event_thread on event (tenant_id, room_nid, thread_nid, position) where thread_nid is not null;
select make_tenant_table('event');

-- Packed states (DESIGN 3): sorted varint pairs key -> event, against a base, at most two hops.
create table snapshot (
    tenant_id    bigint not null,
    snapshot_nid bigint not null,
    room_nid     bigint not null,
    base_nid     bigint,
    others       bytea not null,
    members      bytea not null,
    constraint snapshot_pkey primary key (tenant_id, snapshot_nid)
);
create index snapshot_room on snapshot (tenant_id, room_nid);
select make_tenant_table('snapshot');

create table current_state (
    tenant_id bigint not null,
    room_nid  bigint not null,
    key_nid   bigint not null,
    type_nid  bigint not null,
    event_nid bigint not null,           -- 0: no longer part of the state
    position  bigint not null,           -- of the change
    constraint current_state_pkey primary key (tenant_id, room_nid, key_nid)
);
create index current_state_change on current_state (tenant_id, room_nid, position);
select make_tenant_table('current_state');

-- The log of changes of current state: alone feeds state_after, sliding sync, device lists, application services.
create table state_change (
    tenant_id     bigint not null,
    room_nid      bigint not null,
    position      bigint not null,
    key_nid       bigint not null,
    event_nid     bigint not null,       -- 0: removed
    old_event_nid bigint not null,       -- 0: none before
    constraint state_change_pkey primary key (tenant_id, room_nid, position, key_nid)
);
select make_tenant_table('state_change');

create table membership (
    tenant_id  bigint not null,
    room_nid   bigint not null,
    user_nid   bigint not null,
    membership smallint not null,        -- 1 join, 2 invite, 3 knock, 4 leave, 5 ban
    event_nid  bigint not null,
    position   bigint not null,
    join_position bigint,                -- where the present (or last) time in the room began
    local      boolean not null,
    forgotten  boolean not null default false,
    stripped   bytea,                    -- invite_room_state or knock_room_state as it was shown: JSON array
    constraint membership_pkey primary key (tenant_id, user_nid, room_nid)
);
create index membership_room on membership (tenant_id, room_nid, membership);
create index membership_change on membership (tenant_id, room_nid, position);
select make_tenant_table('membership');

create table room_summary (
    tenant_id bigint not null,
    room_nid  bigint not null,
    joined    integer not null default 0,
    invited   integer not null default 0,
    constraint room_summary_pkey primary key (tenant_id, room_nid)
);
select make_tenant_table('room_summary');

create table relation (
    tenant_id   bigint not null,
    room_nid    bigint not null,
    target_hash bytea not null,          -- the event id it relates to, as in event.event_hash; may not be here yet
    rel_type    text not null,
    event_nid   bigint not null,
    type_nid    bigint not null,
    sender_nid  bigint not null,
    position    bigint,
    key         text,                    -- of an annotation
    constraint relation_pkey primary key (tenant_id, event_nid)
);
create index relation_target on relation (tenant_id, target_hash, rel_type, position);
select make_tenant_table('relation');

create table room_alias (
    tenant_id   bigint not null,
    alias       text not null,
    room_nid    bigint not null,
    creator_nid bigint not null,
    constraint room_alias_pkey primary key (tenant_id, alias)
);
create index room_alias_room on room_alias (tenant_id, room_nid);
select make_tenant_table('room_alias');
