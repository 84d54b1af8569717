-- Events that belong to a room's state or auth chains, not to its history here. Arrays have one element per event, and
-- name each other by the numbers given here: when others have stored one of them a serialization failure is raised.
create function insert_outliers(
    p_tenant bigint, p_room bigint, p_nids bigint[], p_hashes bytea[], p_flags integer[], p_depths bigint[],
    p_ts bigint[], p_types bigint[], p_keys bigint[], p_senders bigint[], p_prev text[], p_auth text[], p_chains bigint[],
    p_chain_positions bigint[], p_vectors bytea[], p_jsons bytea[]
) returns table (inserted bigint) language plpgsql as $$
declare
    stored bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    -- in one order for all, or two that store the same wait for each other
    insert into event (tenant_id, event_nid, room_nid, event_hash, depth, ts, type_nid, key_nid, sender_nid, flags,
                       prev, auth, snapshot_nid, chain_nid, chain_position, auth_vector, json)
        select p_tenant, e.nid, p_room, e.hash, e.depth, e.ts, e.type, e.key, e.sender, e.flags | 2,
               e.prev::bigint[], e.auth::bigint[], 0, e.chain, e.chain_position, e.vector, e.json
        from unnest(p_nids, p_hashes, p_flags, p_depths, p_ts, p_types, p_keys, p_senders, p_prev, p_auth,
                    p_chains, p_chain_positions, p_vectors, p_jsons)
            e (nid, hash, flags, depth, ts, type, key, sender, prev, auth, chain, chain_position, vector, json)
        order by e.hash
        on conflict on constraint event_hash_key do nothing;
    get diagnostics stored = row_count;
    if stored < cardinality(p_nids) then
        raise exception 'an event was stored by another' using errcode = 'serialization_failure';
    end if;
    return query select stored;
end $$;
