-- Nothing may be sent to a destination: all that waits for it goes.
create function drop_sending(p_tenant bigint, p_server bigint, p_owner bigint, p_now bigint)
returns table (dropped bigint) language plpgsql as $$
declare
    spread bigint;
    gone bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    select s.spread_position into spread from sending s where s.tenant_id = p_tenant for update;
    update destination u set
        sent_position = spread, wanted_position = spread, taken_position = null, taken_room = null, lease_until_ts = p_now,
        failing_since_ts = null, next_try_ts = 0, refusals = 0, behind = false, catch_up_from = null, catch_up_to = null,
        catch_up_room = 0
        where u.tenant_id = p_tenant and u.server_nid = p_server and u.lease_owner = p_owner;
    if not found then
        return query select 0::bigint;
        return;
    end if;
    delete from to_device_outbox t
        where t.tenant_id = p_tenant and t.server_nid = p_server and t.position <= spread;
    get diagnostics gone = row_count;
    return query select gone;
end $$;
