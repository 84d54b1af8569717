-- A user may be locked and suspended at the same time, so suspension is not a value of account.state.
alter table account add column suspended boolean not null default false;

create table pusher (
    tenant_id  bigint not null,
    user_nid   bigint not null,
    app_id     text not null,
    pushkey    text not null,
    device_nid bigint not null,          -- who set it; goes with the device
    body       bytea not null,           -- JSON, as GET /pushers shows it
    constraint pusher_pkey primary key (tenant_id, user_nid, app_id, pushkey)
);
create index pusher_key on pusher (tenant_id, app_id, pushkey);
create index pusher_device on pusher (tenant_id, device_nid);
select make_tenant_table('pusher');

-- What users reported to the operator: a room, an event in it, or a user.
create table report (
    tenant_id    bigint not null,
    report_nid   bigint not null,
    reporter_nid bigint not null,
    room_id      text,
    event_id     text,
    user_id      text,
    reason       text not null,
    score        integer,
    created_ts   bigint not null,
    constraint report_pkey primary key (tenant_id, report_nid)
);
select make_tenant_table('report');
