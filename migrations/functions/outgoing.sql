-- What a destination gets of the part (p_after, p_up_to] of the log, in its order: one row per fact.
-- Kinds as in log_tail: 1 event (`body`: the PDU), 2 receipt (`ts`, `detail`: thread, `body`: event_hash), 4 to-device
-- (`body`: the EDU's content), 5 device list (`number`: the change before, `detail`: device id), 6 typing (`ts`: until
-- when), 7 presence (`ts`: last active, `number`: what, `detail`: status_msg); and 8: a local user has joined a room
-- where the server is. Without `p_pdus` 1 and 8 are left out, without `p_passing` 6 and 7.
-- The plan does not depend on the values, and takes ten times as long as the query.
create function outgoing(
    p_tenant bigint, p_server bigint, p_after bigint, p_up_to bigint, p_pdus boolean, p_passing boolean, p_presence boolean
) returns table (
    kind smallint, "position" bigint, user_nid bigint, room_id text, room_version text, ts bigint, "number" bigint,
    detail text, body bytea
) language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    return query
        select 1::smallint, o.position, e.sender_nid, null::text, null::text, null::bigint, null::bigint, null::text, e.json
            from outbox o
            join room_server r on r.tenant_id = p_tenant and r.room_nid = o.room_nid and r.server_nid = p_server
                and r.since_position < o.position and coalesce(r.until_position, o.position) >= o.position
            join event e on e.tenant_id = p_tenant and e.event_nid = o.event_nid
            where p_pdus and o.tenant_id = p_tenant and o.position > p_after and o.position <= p_up_to
        union all select 8::smallint, o.position, m.user_nid, null, null, null, null, null, null
            from outbox o
            join event e on e.tenant_id = p_tenant and e.event_nid = o.event_nid and e.type_nid = 2
            join membership m on m.tenant_id = p_tenant and m.user_nid = e.key_nid and m.room_nid = o.room_nid
                and m.membership = 1 and m.local and m.join_position = o.position
            join room_server r on r.tenant_id = p_tenant and r.room_nid = o.room_nid and r.server_nid = p_server
                and r.until_position is null
            where p_pdus and o.tenant_id = p_tenant and o.position > p_after and o.position <= p_up_to
        union all select 4::smallint, t.position, null, null, null, null, null, null, t.message
            from to_device_outbox t where t.tenant_id = p_tenant and t.server_nid = p_server
                and t.position > p_after and t.position <= p_up_to
        union all select 5::smallint, c.position, c.user_nid, null, null, null, c.previous_position, c.device_id, null
            from device_change c where c.tenant_id = p_tenant and c.position > p_after and c.position <= p_up_to
                and exists (select from membership m join room_server r on r.tenant_id = p_tenant
                            and r.room_nid = m.room_nid and r.server_nid = p_server and r.until_position is null
                            where m.tenant_id = p_tenant and m.user_nid = c.user_nid and m.membership = 1 and m.local)
        union all select 2::smallint, x.position, x.user_nid, room.room_id, room.room_version, x.ts, null, x.thread,
                         e.event_hash
            from receipt x
            join membership m on m.tenant_id = p_tenant and m.user_nid = x.user_nid and m.room_nid = x.room_nid
                and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = x.room_nid and r.server_nid = p_server
                and r.until_position is null
            join room on room.tenant_id = p_tenant and room.room_nid = x.room_nid
            join event e on e.tenant_id = p_tenant and e.event_nid = x.event_nid
            where x.tenant_id = p_tenant and x.position > p_after and x.position <= p_up_to and x.kind = 1
        union all select 6::smallint, y.position, y.user_nid, room.room_id, null, y.expires_ts, null, null, null
            from typing y
            join membership m on m.tenant_id = p_tenant and m.user_nid = y.user_nid and m.room_nid = y.room_nid
                and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = y.room_nid and r.server_nid = p_server
                and r.until_position is null
            join room on room.tenant_id = p_tenant and room.room_nid = y.room_nid
            where p_passing and y.tenant_id = p_tenant and y.position > p_after and y.position <= p_up_to
        union all select 7::smallint, p.position, p.user_nid, null, null, p.last_active_ts, p.presence::bigint,
                         p.status_msg, null
            from presence p where p_passing and p_presence and p.tenant_id = p_tenant and p.position > p_after
                and p.position <= p_up_to
                and exists (select from membership m join room_server r on r.tenant_id = p_tenant
                            and r.room_nid = m.room_nid and r.server_nid = p_server and r.until_position is null
                            where m.tenant_id = p_tenant and m.user_nid = p.user_nid and m.membership = 1 and m.local)
        order by 2;
end $$;
