-- Events from before what the room's history here began with, the newest first: they get positions below all others
-- of the room, so nobody's sync ever shows them and paging does. They name each other by the numbers given here: when
-- one of them is here under another number, which others have stored meanwhile, a serialization failure is raised.
create function insert_history(
    p_tenant bigint, p_room bigint, p_nids bigint[], p_hashes bytea[], p_flags integer[], p_depths bigint[],
    p_ts bigint[], p_types bigint[], p_keys bigint[], p_senders bigint[], p_prev text[], p_auth text[],
    p_snapshots bigint[], p_replaces bigint[], p_threads bigint[], p_jsons bytea[],
    p_snap_nids bigint[], p_snap_bases bigint[], p_snap_others bytea[], p_snap_members bytea[], p_snap_reach bytea[],
    p_missing bytea[], p_named_by bigint[],
    p_rel_targets bytea[], p_rel_types text[], p_rel_keys text[],
    p_early_targets bytea[], p_early_nids bigint[]
) returns table (inserted bigint) language plpgsql as $$
declare
    lowest bigint;
    written bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform 1 from room_head h where h.tenant_id = p_tenant and h.room_nid = p_room for update;
    select least(min(e.position), 0) into lowest from event e
        where e.tenant_id = p_tenant and e.room_nid = p_room and e.position is not null;
    insert into snapshot (tenant_id, snapshot_nid, room_nid, base_nid, others, members, reach)
        select p_tenant, s.nid, p_room, s.base, s.others, s.members, s.reach
        from unnest(p_snap_nids, p_snap_bases, p_snap_others, p_snap_members, p_snap_reach)
                s (nid, base, others, members, reach);
    delete from missing_event m
        where m.tenant_id = p_tenant and m.room_nid = p_room and m.event_hash = any (p_hashes);
    insert into missing_event (tenant_id, room_nid, event_hash, named_by)
        select p_tenant, p_room, m.hash, m.named_by from unnest(p_missing, p_named_by) m (hash, named_by)
        on conflict do nothing;
    insert into early_redaction (tenant_id, target_hash, event_nid)
        select p_tenant, r.target, r.nid from unnest(p_early_targets, p_early_nids) r (target, nid)
        on conflict do nothing;
    with new as (
        insert into event as known (tenant_id, event_nid, room_nid, event_hash, position, depth, ts, type_nid, key_nid,
                                    sender_nid, flags, prev, auth, snapshot_nid, replaces_nid, thread_nid, json)
            select p_tenant, e.nid, p_room, e.hash, case when e.flags & 12 = 0 then lowest - e.i end, e.depth, e.ts,
                   e.type, e.key, e.sender, e.flags | 16, e.prev::bigint[], e.auth::bigint[], e.snapshot, e.replaces,
                   e.thread, e.json
            from unnest(p_nids, p_hashes, p_flags, p_depths, p_ts, p_types, p_keys, p_senders, p_prev, p_auth,
                        p_snapshots, p_replaces, p_threads, p_jsons)
                with ordinality e (nid, hash, flags, depth, ts, type, key, sender, prev, auth, snapshot, replaces,
                                   thread, json, i)
            on conflict on constraint event_hash_key do update set
                position = excluded.position, flags = excluded.flags, prev = excluded.prev,
                snapshot_nid = excluded.snapshot_nid, replaces_nid = excluded.replaces_nid,
                thread_nid = excluded.thread_nid, json = excluded.json
                where known.flags & 2 <> 0
            returning known.event_nid, known.position)
        , related as (
        insert into relation (tenant_id, room_nid, target_hash, rel_type, event_nid, type_nid, sender_nid, position, key)
            select p_tenant, p_room, r.target, r.rel_type, r.nid, r.type, r.sender, n.position, r.key
            from unnest(p_rel_targets, p_rel_types, p_rel_keys, p_nids, p_types, p_senders)
                r (target, rel_type, key, nid, type, sender) join new n on n.event_nid = r.nid
            where r.rel_type is not null and n.position is not null
            on conflict do nothing)
        select count(*) into written from new;
    if exists (select from unnest(p_nids, p_hashes) e (nid, hash)
               join event k on k.tenant_id = p_tenant and k.event_hash = e.hash where k.event_nid <> e.nid) then
        raise exception 'an event was stored by another' using errcode = 'serialization_failure';
    end if;
    return query select written;
end $$;
