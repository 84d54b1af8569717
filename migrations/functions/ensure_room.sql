-- The number of a room that the tenant may not be in: of a new one, which has no history and no state yet, `p_room`.
create function ensure_room(p_tenant bigint, p_room bigint, p_room_id text, p_room_version text, p_now bigint)
returns table (room_nid bigint) language plpgsql as $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    insert into room (tenant_id, room_nid, room_id, room_version, created_ts)
        values (p_tenant, p_room, p_room_id, p_room_version, p_now) on conflict do nothing;
    if found then
        insert into room_head (tenant_id, room_nid, version, extremities, depth, snapshot_nid, position)
            values (p_tenant, p_room, 0, '{}', 0, 0, 0);
        insert into room_summary (tenant_id, room_nid) values (p_tenant, p_room);
    end if;
    return query select r.room_nid from room r where r.tenant_id = p_tenant and r.room_id = p_room_id;
end $$;
