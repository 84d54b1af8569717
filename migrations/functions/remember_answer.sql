-- Keep the answer of a transaction of another server until `p_expires`; the first one stays. One round trip, one commit.
-- Not durable at once: receiving again what a crash has forgotten changes nothing.
create function remember_answer(p_tenant bigint, p_hash bytea, p_answer bytea, p_now bigint, p_expires bigint)
returns table (done boolean) language plpgsql as $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform set_config('synchronous_commit', 'off', true);
    insert into inbound_transaction as t (tenant_id, txn_hash, answer, expires_ts)
        values (p_tenant, p_hash, p_answer, p_expires)
        on conflict (tenant_id, txn_hash) do update set answer = excluded.answer, expires_ts = excluded.expires_ts
            where t.expires_ts <= p_now;
    return query select true;
end $$;
