-- The servers that something in the part (p_after, p_up_to] of the log must be sent to: events in rooms where they are,
-- messages to their devices; device lists, public receipts, typing and presence of local users that they share a room
-- with. A step of take_sending.
-- The plan does not depend on the values, and takes ten times as long as the query.
create function concerned_servers(p_tenant bigint, p_after bigint, p_up_to bigint, p_presence boolean)
returns table (server_nid bigint) language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    return query
        select r.server_nid from outbox o
            join room_server r on r.tenant_id = p_tenant and r.room_nid = o.room_nid and r.since_position < o.position
                and coalesce(r.until_position, o.position) >= o.position
            where o.tenant_id = p_tenant and o.position > p_after and o.position <= p_up_to
        union select t.server_nid from to_device_outbox t
            where t.tenant_id = p_tenant and t.position > p_after and t.position <= p_up_to
        union select r.server_nid from device_change c
            join membership m on m.tenant_id = p_tenant and m.user_nid = c.user_nid and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = m.room_nid and r.until_position is null
            where c.tenant_id = p_tenant and c.position > p_after and c.position <= p_up_to
        union select r.server_nid from receipt x
            join membership m on m.tenant_id = p_tenant and m.user_nid = x.user_nid and m.room_nid = x.room_nid
                and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = x.room_nid and r.until_position is null
            where x.tenant_id = p_tenant and x.position > p_after and x.position <= p_up_to and x.kind = 1
        union select r.server_nid from typing y
            join membership m on m.tenant_id = p_tenant and m.user_nid = y.user_nid and m.room_nid = y.room_nid
                and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = y.room_nid and r.until_position is null
            where y.tenant_id = p_tenant and y.position > p_after and y.position <= p_up_to
        union select r.server_nid from presence p
            join membership m on m.tenant_id = p_tenant and m.user_nid = p.user_nid and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = m.room_nid and r.until_position is null
            where p_presence and p.tenant_id = p_tenant and p.position > p_after and p.position <= p_up_to;
end $$;
