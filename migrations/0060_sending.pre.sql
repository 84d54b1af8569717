-- What is to be sent to other servers (timserver/usecases/federation/sending).

-- Which tenants have something to send, and when somebody must look: it belongs to no tenant, since one loop asks for all
-- of them; it says no more than that there is something. A tenant that has never federated has no row.
create table sending (
    tenant_id       bigint not null,
    due_ts          bigint,              -- null: nothing is to be done
    spread_position bigint not null,     -- up to here destinations know that there is something for them
    constraint sending_pkey primary key (tenant_id),
    constraint sending_tenant_fkey foreign key (tenant_id) references tenant (tenant_id) on delete cascade
) with (fillfactor = 50);
create index sending_due on sending (due_ts) where due_ts is not null;
grant select, insert, update, delete on sending to timserver_app;

-- One row for each server that something was ever sent to. All that it gets has a place in the tenant's log, so one
-- position says how far it is. A transaction is the part (sent_position, taken_position] of the log: it is the same one
-- after a crash, under the same id. There is something to send while wanted_position > sent_position.
create table destination (
    tenant_id        bigint not null,
    server_nid       bigint not null,    -- the number of its name
    epoch_ts         bigint not null,    -- when the row was made: keeps transaction ids apart for ever
    sent_position    bigint not null,
    wanted_position  bigint not null,
    taken_position   bigint,             -- the end of the transaction that is under way, or has failed
    taken_room       bigint,             -- of a catch-up: the last room of the transaction
    lease_owner      bigint not null default 0,
    lease_until_ts   bigint not null default 0,
    failing_since_ts bigint,             -- null: the last transaction was received
    next_try_ts      bigint not null default 0,
    heard_ts         bigint not null default 0,   -- when it last asked something of us while it was failing
    refusals         integer not null default 0,  -- how often this transaction was refused for what is in it
    behind           boolean not null default false,  -- the outbox no longer keeps events for it: it will catch up
    catch_up_from    bigint,             -- catching up: what it had of the rooms before
    catch_up_to      bigint,             -- catching up: what comes after is sent one by one again
    catch_up_room    bigint not null default 0,   -- catching up: rooms up to this number are done
    constraint destination_pkey primary key (tenant_id, server_nid)
) with (fillfactor = 50);
create index destination_pending on destination (tenant_id, server_nid) where wanted_position > sent_position;
select make_tenant_table('destination');

-- Messages to devices on other servers, kept until they were received: the content of an m.direct_to_device EDU.
create table to_device_outbox (
    tenant_id  bigint not null,
    server_nid bigint not null,
    position   bigint not null,
    message    bytea not null,
    created_ts bigint not null,
    constraint to_device_outbox_pkey primary key (tenant_id, server_nid, position)
);
create index to_device_outbox_log on to_device_outbox (tenant_id, position);
select make_tenant_table('to_device_outbox');

-- The last change of each device of local users, for m.device_list_update; `device_id` is '' for cross-signing keys.
create table device_change (
    tenant_id         bigint not null,
    user_nid          bigint not null,
    device_id         text not null,
    position          bigint not null,   -- the stream_id
    previous_position bigint,            -- of the user's change before: the prev_id
    constraint device_change_pkey primary key (tenant_id, user_nid, device_id)
);
create index device_change_log on device_change (tenant_id, position);
select make_tenant_table('device_change');
