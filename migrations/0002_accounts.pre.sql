create table account (
    tenant_id     bigint not null,
    user_nid      bigint not null,
    localpart     text not null,
    password_hash text,
    state         smallint not null default 0,   -- 0 active, 1 locked, 2 suspended, 3 deactivated
    erased        boolean not null default false,
    is_admin      boolean not null default false,
    created_ts    bigint not null,
    constraint account_pkey primary key (tenant_id, user_nid),
    constraint account_localpart_key unique (tenant_id, localpart)
);
select make_tenant_table('account');

create table device (
    tenant_id    bigint not null,
    user_nid     bigint not null,
    device_id    text not null,
    device_nid   bigint not null,
    display_name text,
    created_ts   bigint not null,
    seen_ts      bigint,
    seen_ip      text,
    seen_agent   text,
    constraint device_pkey primary key (tenant_id, user_nid, device_id),
    constraint device_nid_key unique (tenant_id, device_nid)
);
select make_tenant_table('device');

-- Tokens are kept as SHA-256 hashes (RELIABILITY S10). A refresh keeps the old pair until the new one is used once.
create table access_token (
    tenant_id  bigint not null,
    token_hash bytea not null,
    user_nid   bigint not null,
    device_nid bigint not null,
    expires_ts bigint,
    used       boolean not null default false,
    constraint access_token_pkey primary key (tenant_id, token_hash)
);
create index access_token_device on access_token (tenant_id, device_nid);
select make_tenant_table('access_token');

create table refresh_token (
    tenant_id         bigint not null,
    token_hash        bytea not null,
    user_nid          bigint not null,
    device_nid        bigint not null,
    access_token_hash bytea not null,    -- the access token that was given out with it
    next_token_hash   bytea,             -- the refresh token that replaces it, once the new pair was made
    constraint refresh_token_pkey primary key (tenant_id, token_hash)
);
create index refresh_token_device on refresh_token (tenant_id, device_nid);
select make_tenant_table('refresh_token');

create table uia_session (
    tenant_id  bigint not null,
    session_id text not null,
    request    bytea not null,           -- SHA-256 of method, path and body without "auth"
    completed  text[] not null,
    created_ts bigint not null,
    constraint uia_session_pkey primary key (tenant_id, session_id)
);
select make_tenant_table('uia_session');

create table profile_field (
    tenant_id bigint not null,
    user_nid  bigint not null,
    name      text not null,
    value     bytea not null,            -- JSON
    constraint profile_field_pkey primary key (tenant_id, user_nid, name)
);
select make_tenant_table('profile_field');

create table account_data (
    tenant_id bigint not null,
    user_nid  bigint not null,
    room_nid  bigint not null,           -- 0: global
    type      text not null,
    content   bytea not null,            -- JSON
    position  bigint not null,
    constraint account_data_pkey primary key (tenant_id, user_nid, room_nid, type)
);
create index account_data_position on account_data (tenant_id, user_nid, position);
create index account_data_log on account_data (tenant_id, position);
select make_tenant_table('account_data');

create table sync_filter (
    tenant_id bigint not null,
    user_nid  bigint not null,
    filter_id bigint not null,
    body      bytea not null,            -- JSON
    constraint sync_filter_pkey primary key (tenant_id, user_nid, filter_id)
);
select make_tenant_table('sync_filter');

create table openid_token (
    tenant_id  bigint not null,
    token_hash bytea not null,
    user_nid   bigint not null,
    expires_ts bigint not null,
    constraint openid_token_pkey primary key (tenant_id, token_hash)
);
select make_tenant_table('openid_token');
