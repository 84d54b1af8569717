-- What a destination that catches up gets of the rooms (p_after_room, p_up_to_room]: of each room the newest events that
-- no other follows, if they are newer than `p_from`; of a room that it has left since, the last event that was for it.
create function outgoing_of_rooms(
    p_tenant bigint, p_server bigint, p_after_room bigint, p_up_to_room bigint, p_from bigint
) returns table ("position" bigint, sender_nid bigint, body bytea) language plpgsql as $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    return query
        select n.position, n.sender_nid, n.json from room_server r
            join room_head h on h.tenant_id = p_tenant and h.room_nid = r.room_nid and h.position > p_from
            cross join lateral (
                select e.position, e.sender_nid, e.json from event e
                    where r.until_position is null and e.tenant_id = p_tenant and e.event_nid = any (h.extremities)
                        and e.position > greatest(p_from, r.since_position) and e.flags & 14 = 0
                    order by e.position desc limit 5) n
            where r.tenant_id = p_tenant and r.server_nid = p_server and r.room_nid > p_after_room
                and r.room_nid <= p_up_to_room
        union all select n.position, n.sender_nid, n.json from room_server r
            cross join lateral (
                select e.position, e.sender_nid, e.json from event e
                    where e.tenant_id = p_tenant and e.room_nid = r.room_nid and e.position <= r.until_position
                        and e.position > greatest(p_from, r.since_position) and e.flags & 14 = 0
                    order by e.position desc limit 1) n
            where r.tenant_id = p_tenant and r.server_nid = p_server and r.room_nid > p_after_room
                and r.room_nid <= p_up_to_room and r.until_position > p_from
        order by 1;
end $$;
