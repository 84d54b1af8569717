-- The last time a device's one-time or fallback keys were added to or given out: its next sync tells new counts.
create table key_count_change (
    tenant_id  bigint not null,
    device_nid bigint not null,
    user_nid   bigint not null,
    position   bigint not null,
    constraint key_count_change_pkey primary key (tenant_id, device_nid)
);
create index key_count_change_log on key_count_change (tenant_id, position);
select make_tenant_table('key_count_change');
