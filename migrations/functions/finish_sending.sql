-- A destination has received the transaction that `p_owner` took: what was in it is no longer kept. True when there is
-- more for it.
-- Not durable at once: what a crash takes back is sent again under the same id.
create function finish_sending(p_tenant bigint, p_server bigint, p_owner bigint, p_now bigint)
returns table (is_more boolean) language plpgsql as $$
declare
    d destination;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform set_config('synchronous_commit', 'off', true);
    update destination u set
        sent_position = u.taken_position, catch_up_room = coalesce(u.taken_room, u.catch_up_room),
        taken_position = null, taken_room = null, lease_until_ts = p_now, failing_since_ts = null, next_try_ts = 0,
        refusals = 0
        where u.tenant_id = p_tenant and u.server_nid = p_server and u.lease_owner = p_owner
            and u.taken_position is not null returning * into d;
    if not found then
        return query select false;
        return;
    end if;
    delete from to_device_outbox t
        where t.tenant_id = p_tenant and t.server_nid = p_server and t.position <= d.sent_position;
    return query select d.wanted_position > d.sent_position or d.catch_up_to is not null;
end $$;
