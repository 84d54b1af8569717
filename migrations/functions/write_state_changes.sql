-- Current state, its log, memberships and counts for the state events of an append (step of append_events).
create function write_state_changes(
    p_tenant bigint, p_room bigint, p_before bigint, p_nids bigint[], p_types bigint[], p_keys bigint[],
    p_replaces bigint[], p_memberships smallint[], p_local boolean[], p_stripped bytea[],
    p_joined integer, p_invited integer
) returns void language plpgsql as $$
begin
    insert into current_state (tenant_id, room_nid, key_nid, type_nid, event_nid, position)
        select distinct on (s.key) p_tenant, p_room, s.key, s.type, s.nid, p_before + s.i
        from unnest(p_keys, p_types, p_nids) with ordinality s (key, type, nid, i)
        where s.key is not null order by s.key, s.i desc
        on conflict (tenant_id, room_nid, key_nid)
            do update set event_nid = excluded.event_nid, position = excluded.position;
    insert into state_change (tenant_id, room_nid, position, key_nid, event_nid, old_event_nid)
        select p_tenant, p_room, p_before + s.i, s.key, s.nid, coalesce(s.old, 0)
        from unnest(p_keys, p_nids, p_replaces) with ordinality s (key, nid, old, i) where s.key is not null;
    if array_remove(p_memberships, null) <> '{}' then
        insert into membership as m (tenant_id, room_nid, user_nid, membership, event_nid, position, join_position,
                                     local, stripped)
            select distinct on (s.key) p_tenant, p_room, s.key, s.membership, s.nid, p_before + s.i,
                   case when s.membership = 1 then p_before + s.i end, s.local, s.stripped
            from unnest(p_keys, p_nids, p_memberships, p_local, p_stripped)
                with ordinality s (key, nid, membership, local, stripped, i)
            where s.membership is not null order by s.key, s.i desc
            on conflict (tenant_id, user_nid, room_nid) do update set
                join_position = case when excluded.membership = 1 and m.membership <> 1 then excluded.join_position
                                     else m.join_position end,
                membership = excluded.membership, event_nid = excluded.event_nid, position = excluded.position,
                local = excluded.local, stripped = excluded.stripped,
                forgotten = m.forgotten and excluded.membership in (4, 5);
        update room_summary r set joined = r.joined + p_joined, invited = r.invited + p_invited
            where r.tenant_id = p_tenant and r.room_nid = p_room;
    end if;
end $$;
