create table receipt (
    tenant_id      bigint not null,
    room_nid       bigint not null,
    user_nid       bigint not null,
    kind           smallint not null,    -- 1 m.read, 2 m.read.private, 3 m.fully_read is account data
    thread         text not null,        -- '': unthreaded, 'main', or the root's event id
    event_nid      bigint not null,
    event_position bigint not null,
    ts             bigint not null,
    position       bigint not null,
    constraint receipt_pkey primary key (tenant_id, room_nid, user_nid, kind, thread)
);
create index receipt_log on receipt (tenant_id, position);
select make_tenant_table('receipt');

create table typing (
    tenant_id  bigint not null,
    room_nid   bigint not null,
    user_nid   bigint not null,
    expires_ts bigint not null,          -- 0: stopped
    position   bigint not null,
    constraint typing_pkey primary key (tenant_id, room_nid, user_nid)
);
create index typing_log on typing (tenant_id, position);
select make_tenant_table('typing');

create table presence (
    tenant_id      bigint not null,
    user_nid       bigint not null,
    presence       smallint not null,    -- 0 offline, 1 unavailable, 2 online
    status_msg     text,
    last_active_ts bigint not null,
    position       bigint not null,
    constraint presence_pkey primary key (tenant_id, user_nid)
);
create index presence_log on presence (tenant_id, position);
select make_tenant_table('presence');

create table to_device (
    tenant_id  bigint not null,
    device_nid bigint not null,
    position   bigint not null,
    message_nid bigint not null,
    message    bytea not null,           -- JSON {sender, type, content}
    constraint to_device_pkey primary key (tenant_id, device_nid, position, message_nid)
);
create index to_device_log on to_device (tenant_id, position);
select make_tenant_table('to_device');

create table to_device_txn (
    tenant_id  bigint not null,
    device_nid bigint not null,
    txn_id     text not null,
    created_ts bigint not null,
    constraint to_device_txn_pkey primary key (tenant_id, device_nid, txn_id)
);
select make_tenant_table('to_device_txn');

-- The last change of a user's devices or cross-signing keys.
create table device_list_change (
    tenant_id bigint not null,
    user_nid  bigint not null,
    position  bigint not null,
    constraint device_list_change_pkey primary key (tenant_id, user_nid)
);
create index device_list_change_log on device_list_change (tenant_id, position);
select make_tenant_table('device_list_change');
