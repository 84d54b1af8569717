-- Public keys of other servers: facts of the world, the same for every tenant, so this table belongs to none.
create table server_key (
    server_name    text not null,
    key_id         text not null,
    public_key     bytea not null,
    valid_until_ts bigint not null,  -- as the server says, at most 7 days after it was fetched
    expired_ts     bigint,           -- since then the server itself does not use it
    fetched_ts     bigint not null,
    response       bytea not null,   -- the signed document that names the key, for who asks us as a notary
    constraint server_key_pkey primary key (server_name, key_id)
);
grant select, insert, update, delete on server_key to timserver_app;
