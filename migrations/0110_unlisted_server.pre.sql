-- Servers in rooms of a TI-M tenant that are not in the federation list, of which its users have been told (FED-10).
create table unlisted_server (
    tenant_id  bigint not null,
    server_nid bigint not null,          -- the number of its name
    told_ts    bigint not null,
    constraint unlisted_server_pkey primary key (tenant_id, server_nid)
);
select make_tenant_table('unlisted_server');
