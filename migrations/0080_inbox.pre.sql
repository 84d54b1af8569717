-- What other servers send us (timserver/usecases/federation/receive_transaction.py).

-- Transactions that were answered: who sends one again gets the same answer.
create table inbound_transaction (
    tenant_id  bigint not null,
    txn_hash   bytea not null,           -- of the origin and its transaction id, which may be long
    answer     bytea not null,
    expires_ts bigint not null,
    constraint inbound_transaction_pkey primary key (tenant_id, txn_hash)
);
create index inbound_transaction_expiry on inbound_transaction (tenant_id, expires_ts);
select make_tenant_table('inbound_transaction');

-- Events that wait for others before them, which must be asked for; accepted, so they are not lost by a crash.
create table inbox (
    tenant_id   bigint not null,
    room_nid    bigint not null,
    event_hash  bytea not null,          -- as in event
    origin      text not null,           -- the server that sent it
    received_ts bigint not null,
    place       integer not null,        -- in its transaction
    pdu         bytea not null,          -- as it came
    constraint inbox_pkey primary key (tenant_id, origin, room_nid, event_hash)
);
create index inbox_order on inbox (tenant_id, origin, room_nid, received_ts, place);
select make_tenant_table('inbox');

-- Where something waits in the inbox, and when somebody must look: it belongs to no tenant, since one loop asks for all
-- of them and shares its time between the servers that send. It says no more than that there is something.
create table inbox_queue (
    tenant_id      bigint not null,
    room_nid       bigint not null,
    origin         text not null,
    due_ts         bigint not null,
    lease_until_ts bigint not null default 0,  -- somebody is at it; after a crash another one may
    attempts       integer not null default 0, -- in vain, since the last event that found its place
    constraint inbox_queue_pkey primary key (tenant_id, room_nid, origin),
    constraint inbox_queue_tenant_fkey foreign key (tenant_id) references tenant (tenant_id) on delete cascade
);
create index inbox_queue_due on inbox_queue (due_ts);
grant select, insert, update, delete on inbox_queue to timserver_app;
