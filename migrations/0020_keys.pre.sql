-- Keys are stored as canonical JSON, so that "the same key" is a comparison of bytes.
create table device_key (
    tenant_id   bigint not null,
    device_nid  bigint not null,
    user_nid    bigint not null,
    json        bytea not null,
    replaceable boolean not null default false,  -- the device was logged in anew since its keys were uploaded
    constraint device_key_pkey primary key (tenant_id, device_nid)
);
create index device_key_user on device_key (tenant_id, user_nid);
select make_tenant_table('device_key');

-- A claimed key stays for a while as a mark, so that a repeated upload does not bring it back.
create table one_time_key (
    tenant_id  bigint not null,
    device_nid bigint not null,
    algorithm  text not null,
    key_id     text not null,
    ordinal    bigint not null,          -- order of upload within the device
    claimed    boolean not null default false,
    json       bytea not null,
    constraint one_time_key_pkey primary key (tenant_id, device_nid, algorithm, key_id)
);
create index one_time_key_next on one_time_key (tenant_id, device_nid, algorithm, ordinal) where not claimed;
select make_tenant_table('one_time_key');

create table fallback_key (
    tenant_id  bigint not null,
    device_nid bigint not null,
    algorithm  text not null,
    key_id     text not null,
    used       boolean not null default false,
    json       bytea not null,
    constraint fallback_key_pkey primary key (tenant_id, device_nid, algorithm)
);
select make_tenant_table('fallback_key');

create table cross_signing_key (
    tenant_id  bigint not null,
    user_nid   bigint not null,
    usage      text not null,
    public_key text not null,            -- unpadded base64, without the algorithm
    json       bytea not null,
    constraint cross_signing_key_pkey primary key (tenant_id, user_nid, usage),
    constraint cross_signing_key_usage_check check (usage in ('master', 'self_signing', 'user_signing'))
);
select make_tenant_table('cross_signing_key');

-- Signatures that came by themselves, on a key of `target_nid`.
create table key_signature (
    tenant_id      bigint not null,
    target_nid     bigint not null,
    target_key     text not null,        -- device id or public cross-signing key
    signer_nid     bigint not null,
    signing_key_id text not null,        -- algorithm:key
    signature      text not null,
    constraint key_signature_pkey primary key (tenant_id, target_nid, target_key, signer_nid, signing_key_id)
);
select make_tenant_table('key_signature');

create table key_backup (
    tenant_id bigint not null,
    user_nid  bigint not null,
    version   bigint not null,
    algorithm text not null,
    auth_data bytea not null,            -- JSON
    etag      bigint not null default 0,
    count     bigint not null default 0,
    deleted   boolean not null default false,  -- kept so that its number is not given out again
    constraint key_backup_pkey primary key (tenant_id, user_nid, version)
);
select make_tenant_table('key_backup');

create table room_key (
    tenant_id           bigint not null,
    user_nid            bigint not null,
    version             bigint not null,
    room_id             text not null,
    session_id          text not null,
    first_message_index bigint not null,
    forwarded_count     bigint not null,
    is_verified         boolean not null,
    session_data        bytea not null,  -- JSON
    constraint room_key_pkey primary key (tenant_id, user_nid, version, room_id, session_id)
);
select make_tenant_table('room_key');
