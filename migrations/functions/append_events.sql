-- Append events to the head of a room: one round trip, one commit (DESIGN 3).
--
-- Checks the transaction id and the version of the room's head, writes the events with all that follows from them and
-- takes their positions last. Status: 0 written; 1 the transaction id is known (its event is returned); 2 the head is
-- stale, nothing was written. Arrays have one element per event, in order; `p_auth`, `p_prev` and `p_except` hold
-- array literals. The first event follows all extremities, the last one takes their place. State is written for events
-- whose `p_keys` element is not null.
create function append_events(
    p_tenant bigint, p_room bigint, p_version bigint, p_new_room_id text, p_new_room_version text,
    p_device bigint, p_txn text,
    p_nids bigint[], p_hashes bytea[], p_depths bigint[], p_ts bigint[], p_types bigint[], p_keys bigint[],
    p_senders bigint[], p_prev text[], p_auth text[], p_snapshots bigint[], p_replaces bigint[], p_threads bigint[],
    p_push smallint[], p_except text[], p_jsons bytea[],
    p_memberships smallint[], p_local boolean[], p_servers bigint[], p_stripped bytea[], p_joined integer, p_invited integer,
    p_rel_targets bytea[], p_rel_types text[], p_rel_keys text[],
    p_redact_nid bigint, p_redact_json bytea,
    p_snap_nids bigint[], p_snap_bases bigint[], p_snap_others bytea[], p_snap_members bytea[], p_snap_reach bytea[],
    p_chains bigint[], p_chain_positions bigint[], p_vectors bytea[],
    p_head_snapshot bigint
) returns table (status smallint, "position" bigint, event_nid bigint, event_hash bytea)
language plpgsql as $$
declare
    n bigint := cardinality(p_nids);
    last_position bigint;
    has_state boolean := array_remove(p_keys, null) <> '{}';
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    if p_txn is not null then
        return query select 1::smallint, e.position, e.event_nid, e.event_hash from event e
            where e.tenant_id = p_tenant and e.device_nid = p_device and e.txn_id = p_txn and e.room_nid = p_room
              and e.type_nid = p_types[n];
        if found then return; end if;
    end if;
    if p_new_room_id is not null then
        insert into room (tenant_id, room_nid, room_id, room_version, created_ts)
            values (p_tenant, p_room, p_new_room_id, p_new_room_version, p_ts[1]);
        insert into room_head (tenant_id, room_nid, version, extremities, depth, snapshot_nid, position)
            values (p_tenant, p_room, 0, '{}', 0, 0, 0);
        insert into room_summary (tenant_id, room_nid) values (p_tenant, p_room);
    end if;
    update room_head h set version = h.version + 1, extremities = array[p_nids[n]],
            depth = p_depths[n],
            snapshot_nid = p_head_snapshot
        where h.tenant_id = p_tenant and h.room_nid = p_room and h.version = p_version;
    if not found then
        return query select 2::smallint, 0::bigint, 0::bigint, ''::bytea;
        return;
    end if;
    if cardinality(p_snap_nids) > 0 then
        insert into snapshot (tenant_id, snapshot_nid, room_nid, base_nid, others, members, reach)
            select p_tenant, s.nid, p_room, s.base, s.others, s.members, s.reach
            from unnest(p_snap_nids, p_snap_bases, p_snap_others, p_snap_members, p_snap_reach)
                s (nid, base, others, members, reach);
    end if;
    if p_redact_nid is not null then
        update event e set json = p_redact_json, flags = e.flags | 1, redacted_by = p_nids[n], push_default = 0,
                push_except = null
            where e.tenant_id = p_tenant and e.event_nid = p_redact_nid and e.room_nid = p_room;
        delete from relation r where r.tenant_id = p_tenant and r.event_nid = p_redact_nid;
    end if;
    -- from here on everything of the tenant waits for this transaction
    update log_position l set position = l.position + n where l.tenant_id = p_tenant returning l.position
        into last_position;
    if last_position is null then
        raise exception 'tenant % has no log', p_tenant;
    end if;
    insert into event (tenant_id, event_nid, room_nid, event_hash, position, depth, ts, type_nid, key_nid, sender_nid,
                       prev, auth, snapshot_nid, replaces_nid, thread_nid, push_default, push_except, chain_nid,
                       chain_position, auth_vector, device_nid, txn_id, json)
        select p_tenant, e.nid, p_room, e.hash, last_position - n + e.i, e.depth, e.ts, e.type, e.key, e.sender,
               e.prev::bigint[], e.auth::bigint[], e.snapshot, e.replaces, e.thread, e.push, e.exc::bigint[],
               e.chain, e.chain_position, e.vector, p_device, case when e.i = n then p_txn end, e.json
        from unnest(p_nids, p_hashes, p_depths, p_ts, p_types, p_keys, p_senders, p_prev, p_auth, p_snapshots,
                    p_replaces, p_threads, p_push, p_except, p_chains, p_chain_positions, p_vectors, p_jsons)
            with ordinality e (nid, hash, depth, ts, type, key, sender, prev, auth, snapshot, replaces, thread, push,
                               exc, chain, chain_position, vector, json, i);
    update room_head h set position = last_position where h.tenant_id = p_tenant and h.room_nid = p_room;
    if array_remove(p_rel_types, null) <> '{}' then
        insert into relation (tenant_id, room_nid, target_hash, rel_type, event_nid, type_nid, sender_nid, position, key)
            select p_tenant, p_room, r.target, r.rel_type, r.nid, r.type, r.sender, last_position - n + r.i, r.key
            from unnest(p_rel_targets, p_rel_types, p_rel_keys, p_nids, p_types, p_senders)
                with ordinality r (target, rel_type, key, nid, type, sender, i)
            where r.rel_type is not null;
    end if;
    if has_state then
        perform write_state_changes(p_tenant, p_room,
                                    array(select generate_series(last_position - n + 1, last_position)), p_nids, p_types,
                                    p_keys, p_replaces, p_memberships, p_local, p_servers, p_stripped, p_joined,
                                    p_invited);
    end if;
    if exists (select from room_server r where r.tenant_id = p_tenant and r.room_nid = p_room
               and coalesce(r.until_position, last_position) > last_position - n) then
        insert into outbox (tenant_id, position, room_nid, event_nid)
            select p_tenant, last_position - n + e.i, p_room, e.nid from unnest(p_nids) with ordinality e (nid, i);
        perform note_sending(p_tenant, last_position - n + 1, false);
    end if;
    return query select 0::smallint, last_position, p_nids[n], p_hashes[n];
end $$;
