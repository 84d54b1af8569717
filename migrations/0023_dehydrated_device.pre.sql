-- A device without a session that collects messages for the next login (MSC3814); it is a row of `device` too.
create table dehydrated_device (
    tenant_id   bigint not null,
    user_nid    bigint not null,
    device_nid  bigint not null,
    device_data bytea not null,          -- JSON
    constraint dehydrated_device_pkey primary key (tenant_id, user_nid)
);
select make_tenant_table('dehydrated_device');
