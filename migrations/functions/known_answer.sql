-- The answer that a transaction of another server had. One round trip.
create function known_answer(p_tenant bigint, p_hash bytea, p_now bigint) returns table (answer bytea)
language plpgsql as $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    return query select t.answer from inbound_transaction t
        where t.tenant_id = p_tenant and t.txn_hash = p_hash and t.expires_ts > p_now;
end $$;
