-- A membership of a user of ours in a room that we are not in: the event stands in the log and in no room's history.
create function store_out_of_band(
    p_tenant bigint, p_room bigint, p_nid bigint, p_hash bytea, p_depth bigint, p_ts bigint, p_user bigint, p_sender bigint, p_membership smallint, p_stripped bytea, p_json bytea
) returns table ("position" bigint) language plpgsql as $$
declare
    reached bigint;
    before smallint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform 1 from room_head h where h.tenant_id = p_tenant and h.room_nid = p_room for update;
    select m.membership into before from membership m
        where m.tenant_id = p_tenant and m.user_nid = p_user and m.room_nid = p_room;
    update room_head h set version = h.version + 1 where h.tenant_id = p_tenant and h.room_nid = p_room;
    update log_position l set position = l.position + 1 where l.tenant_id = p_tenant returning l.position into reached;
    insert into event (tenant_id, event_nid, room_nid, event_hash, position, depth, ts, type_nid, key_nid, sender_nid,
                       flags, prev, auth, snapshot_nid, json)
        values (p_tenant, p_nid, p_room, p_hash, reached, p_depth, p_ts, 2, p_user, p_sender, 2, '{}', '{}', 0, p_json)
        on conflict on constraint event_hash_key do update set position = excluded.position;
    insert into membership as m (tenant_id, room_nid, user_nid, membership, event_nid, position, local, stripped)
        select p_tenant, p_room, p_user, p_membership, e.event_nid, reached, true, p_stripped
            from event e where e.tenant_id = p_tenant and e.event_hash = p_hash
        on conflict (tenant_id, user_nid, room_nid) do update set
            membership = excluded.membership, event_nid = excluded.event_nid, position = excluded.position,
            stripped = excluded.stripped, forgotten = m.forgotten and excluded.membership in (4, 5);
    update room_summary r set invited = r.invited + (p_membership = 2)::int - (before is not distinct from 2::smallint)::int
        where r.tenant_id = p_tenant and r.room_nid = p_room;
    return query select reached;
end $$;
