-- Tenants and what finds them. These tables belong to no tenant; all others start their key with tenant_id.

create sequence nid_seq increment by 256 start with 4096;  -- blocks of numeric ids; below 4096: fixed in the code
grant usage on sequence nid_seq to timserver_app;

create table tenant (
    tenant_id   bigint not null,
    server_name text not null,
    variant     text not null,
    tim_version text not null,
    settings    text not null default '{}',
    client_url  text,
    created_ts  bigint not null,
    constraint tenant_pkey primary key (tenant_id),
    constraint tenant_server_name_key unique (server_name),
    constraint tenant_variant_check check (variant in ('pro', 'epa', 'off'))
);
grant select, insert, update, delete on tenant to timserver_app;

create table tenant_host (
    host      text not null,
    tenant_id bigint not null,
    constraint tenant_host_pkey primary key (host),
    constraint tenant_host_tenant_fkey foreign key (tenant_id) references tenant (tenant_id) on delete cascade
);
create index tenant_host_tenant on tenant_host (tenant_id);
grant select, insert, update, delete on tenant_host to timserver_app;

-- What makes a table a tenant's: row-level security, forced for the owner too, and rights for the serving role.
create function make_tenant_table(name text) returns void language plpgsql as $$
begin
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
        'create policy tenant_wall on %I using (tenant_id = current_setting(''tim.tenant'', true)::bigint)', name);
    execute format('grant select, insert, update, delete on %I to timserver_app', name);
end $$;

create table tenant_key (
    tenant_id  bigint not null,
    key_id     text not null,
    seed       bytea not null,      -- encrypted with the process's master key
    public_key bytea not null,
    created_ts bigint not null,
    expired_ts bigint,
    constraint tenant_key_pkey primary key (tenant_id, key_id)
);
select make_tenant_table('tenant_key');

-- The position of the tenant's log: everything that a sync can show takes its place from here, last before commit.
create table log_position (
    tenant_id bigint not null,
    position  bigint not null,
    constraint log_position_pkey primary key (tenant_id)
) with (fillfactor = 20);
select make_tenant_table('log_position');

-- Dictionary: user ids, event types and state keys as numbers.
create table term (
    tenant_id bigint not null,
    nid       bigint not null,
    name      bytea not null,
    constraint term_pkey primary key (tenant_id, nid),
    constraint term_name_key unique (tenant_id, name)
);
select make_tenant_table('term');
