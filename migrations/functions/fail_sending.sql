-- A transaction was not received: it is tried again at `p_next_try`, or at once when the server was heard of since
-- `p_began`. With more than `p_pdus` events waiting the outbox no longer keeps them for it, and it will catch up.
create function fail_sending(
    p_tenant bigint, p_server bigint, p_owner bigint, p_began bigint, p_now bigint, p_next_try bigint, p_is_refused boolean,
    p_pdus integer
) returns table (failing_since_ts bigint) language plpgsql as $$
declare
    d destination;
    waiting bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    update destination u set
        failing_since_ts = coalesce(u.failing_since_ts, p_began), lease_until_ts = p_now,
        next_try_ts = case when u.heard_ts > p_began then p_now else p_next_try end,
        refusals = u.refusals + case when p_is_refused then 1 else 0 end
        where u.tenant_id = p_tenant and u.server_nid = p_server and u.lease_owner = p_owner
            and u.taken_position is not null returning * into d;
    if not found then
        return query select null::bigint;
        return;
    end if;
    if not d.behind then
        select count(*) into waiting from (
            select from outbox o
                join room_server r on r.tenant_id = p_tenant and r.room_nid = o.room_nid and r.server_nid = p_server
                    and r.since_position < o.position and coalesce(r.until_position, o.position) >= o.position
                where o.tenant_id = p_tenant and o.position > greatest(d.sent_position, d.catch_up_to)
                limit p_pdus + 1) x;
        if waiting > p_pdus then
            perform fall_behind(p_tenant, array[p_server]);
        end if;
    end if;
    return query select d.failing_since_ts;
end $$;
