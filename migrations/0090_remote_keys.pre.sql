-- What is remembered of the devices of other servers' users; their cross-signing keys stand in `cross_signing_key`.
-- A list holds as long as its user shares a room with somebody here without a break since `position`.
create table remote_device_list (
    tenant_id bigint not null,
    user_nid  bigint not null,
    stream_id bigint not null,           -- the other server's version of the list
    position  bigint not null,           -- of our log, when the list was known to be complete
    stale     boolean not null default false,  -- an update is missing: to be fetched anew
    constraint remote_device_list_pkey primary key (tenant_id, user_nid)
);
select make_tenant_table('remote_device_list');

create table remote_device (
    tenant_id    bigint not null,
    user_nid     bigint not null,
    device_id    text not null,
    display_name text,
    json         bytea,                  -- identity keys without `unsigned`; null: it has none
    constraint remote_device_pkey primary key (tenant_id, user_nid, device_id)
);
select make_tenant_table('remote_device');

-- To-device messages of other servers that have been delivered: they may be sent again.
create table remote_to_device_txn (
    tenant_id  bigint not null,
    server_nid bigint not null,          -- the number of the other server's name
    message_id text not null,
    created_ts bigint not null,
    constraint remote_to_device_txn_pkey primary key (tenant_id, server_nid, message_id)
);
create index remote_to_device_txn_age on remote_to_device_txn (tenant_id, created_ts);
select make_tenant_table('remote_to_device_txn');
