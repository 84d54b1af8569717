-- The current state, its log, memberships and counts after state events; `p_positions` are theirs in the log. For
-- `append_events` and `admit_event`. An element of `p_nids` that is 0 takes the key out of the state.
create function write_state_changes(
    p_tenant bigint, p_room bigint, p_positions bigint[], p_nids bigint[], p_types bigint[], p_keys bigint[],
    p_replaces bigint[], p_memberships smallint[], p_local boolean[], p_servers bigint[], p_stripped bytea[],
    p_joined integer, p_invited integer
) returns void language plpgsql as $$
begin
    insert into current_state (tenant_id, room_nid, key_nid, type_nid, event_nid, position)
        select distinct on (s.key) p_tenant, p_room, s.key, s.type, s.nid, s.position
        from unnest(p_keys, p_types, p_nids, p_positions) with ordinality s (key, type, nid, position, i)
        where s.key is not null order by s.key, s.i desc
        on conflict (tenant_id, room_nid, key_nid)
            do update set event_nid = excluded.event_nid, position = excluded.position;
    insert into state_change (tenant_id, room_nid, position, key_nid, event_nid, old_event_nid)
        select p_tenant, p_room, s.position, s.key, s.nid, coalesce(s.old, 0)
        from unnest(p_keys, p_nids, p_replaces, p_positions) s (key, nid, old, position) where s.key is not null;
    if array_remove(p_memberships, null) <> '{}' then
        -- The end of an invite or a knock goes to the server of its user, also when nobody of it is in the room: the
        -- server counts as there for this one event.
        insert into room_server as r (tenant_id, room_nid, server_nid, since_position, until_position)
            select p_tenant, p_room, s.server, max(s.position) - 1, max(s.position)
            from unnest(p_keys, p_memberships, p_servers, p_positions) s (key, membership, server, position)
            join membership m on m.tenant_id = p_tenant and m.user_nid = s.key and m.room_nid = p_room
                and m.membership in (2, 3)
            where s.server is not null and s.membership in (4, 5) group by s.server
            on conflict (tenant_id, room_nid, server_nid) do update set
                since_position = case when r.until_position is null then r.since_position
                                      else excluded.since_position end,
                until_position = case when r.until_position is null then null else excluded.until_position end;
        insert into membership as m (tenant_id, room_nid, user_nid, membership, event_nid, position, join_position,
                                     local, server_nid, stripped)
            select distinct on (s.key) p_tenant, p_room, s.key, s.membership, coalesce(nullif(s.nid, 0), s.old, 0),
                   s.position, case when s.membership = 1 then s.position end, s.local, s.server, s.stripped
            from unnest(p_keys, p_nids, p_replaces, p_memberships, p_local, p_servers, p_stripped, p_positions)
                with ordinality s (key, nid, old, membership, local, server, stripped, position, i)
            where s.membership is not null order by s.key, s.i desc
            on conflict (tenant_id, user_nid, room_nid) do update set
                join_position = case when excluded.membership = 1 and m.membership <> 1 then excluded.join_position
                                     else m.join_position end,
                membership = excluded.membership, event_nid = excluded.event_nid, position = excluded.position,
                local = excluded.local, server_nid = excluded.server_nid, stripped = excluded.stripped,
                forgotten = m.forgotten and excluded.membership in (4, 5);
        update room_summary r set joined = r.joined + p_joined, invited = r.invited + p_invited
            where r.tenant_id = p_tenant and r.room_nid = p_room;
    end if;
    if array_remove(p_servers, null) <> '{}' then
        -- a tenant begins to federate: what it does from here on may concern another server
        insert into sending (tenant_id, spread_position) select p_tenant, min(u.position) from unnest(p_positions) u (position)
            on conflict do nothing;
        insert into room_server as r (tenant_id, room_nid, server_nid, since_position, until_position)
            select p_tenant, p_room, s.server, s.position, case when s.here then null else s.position end
            from (select u.server, max(u.position) as position, exists (
                      select from membership m where m.tenant_id = p_tenant and m.room_nid = p_room
                          and m.server_nid = u.server and m.membership = 1) as here
                  from unnest(p_servers, p_positions) u (server, position) where u.server is not null
                  group by u.server) s
            where s.here or exists (select from room_server k where k.tenant_id = p_tenant and k.room_nid = p_room
                                        and k.server_nid = s.server and k.until_position is null)
            on conflict (tenant_id, room_nid, server_nid) do update set
                since_position = case when excluded.until_position is null and r.until_position is not null
                                      then excluded.since_position else r.since_position end,
                until_position = case when excluded.until_position is null then null
                                      else coalesce(r.until_position, excluded.until_position) end;
    end if;
end $$;
