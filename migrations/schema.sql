-- Generated: what the migrations add up to. Read it; never apply or edit it.

CREATE FUNCTION public.admit_event(p_tenant bigint, p_room bigint, p_version bigint, p_nid bigint, p_hash bytea, p_flags integer, p_depth bigint, p_ts bigint, p_type bigint, p_key bigint, p_sender bigint, p_prev text, p_auth text, p_snapshot bigint, p_replaces bigint, p_thread bigint, p_push smallint, p_except text, p_json bytea, p_chain bigint, p_chain_position bigint, p_vector bytea, p_rel_target bytea, p_rel_type text, p_rel_key text, p_redact_nid bigint, p_redact_json bytea, p_early_target bytea, p_redacted_by bigint, p_extremities bigint[], p_head_snapshot bigint, p_snap_nids bigint[], p_snap_bases bigint[], p_snap_others bytea[], p_snap_members bytea[], p_snap_reach bytea[], p_change_keys bigint[], p_change_types bigint[], p_change_nids bigint[], p_change_replaces bigint[], p_change_memberships smallint[], p_change_local boolean[], p_change_servers bigint[], p_change_stripped bytea[], p_joined integer, p_invited integer, p_missing bytea[], p_forward boolean, p_guess boolean) RETURNS TABLE(status smallint, "position" bigint, event_nid bigint, event_hash bytea)
    LANGUAGE plpgsql
    AS $$
declare
    reached bigint;
    known record;
    stored_nid bigint;
    own_end bigint;
    again bigint;
    accepted boolean := p_flags & 12 = 0;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform 1 from room_head h
        where h.tenant_id = p_tenant and h.room_nid = p_room and h.version = p_version for update;
    if not found then
        return query select 2::smallint, 0::bigint, 0::bigint, ''::bytea;
        return;
    end if;
    select e.event_nid, e.flags into known from event e where e.tenant_id = p_tenant and e.event_hash = p_hash;
    if known.flags & 2 = 0 then
        return query select 1::smallint, 0::bigint, 0::bigint, p_hash;
        return;
    end if;
    if known.event_nid <> p_nid
            or p_guess and exists (select from early_redaction r
                                   where r.tenant_id = p_tenant and r.target_hash = p_hash) then
        return query select 2::smallint, 0::bigint, 0::bigint, ''::bytea;
        return;
    end if;
    insert into snapshot (tenant_id, snapshot_nid, room_nid, base_nid, others, members, reach)
        select p_tenant, s.nid, p_room, s.base, s.others, s.members, s.reach
        from unnest(p_snap_nids, p_snap_bases, p_snap_others, p_snap_members, p_snap_reach)
                s (nid, base, others, members, reach);
    if p_redact_nid is not null then
        update event e set json = p_redact_json, flags = e.flags | 1, redacted_by = p_nid, push_default = 0,
                push_except = null
            where e.tenant_id = p_tenant and e.event_nid = p_redact_nid and e.room_nid = p_room;
        delete from relation r where r.tenant_id = p_tenant and r.event_nid = p_redact_nid;
    end if;
    if p_early_target is not null then
        insert into early_redaction (tenant_id, target_hash, event_nid) values (p_tenant, p_early_target, p_nid);
    end if;
    delete from missing_event m where m.tenant_id = p_tenant and m.room_nid = p_room and m.event_hash = p_hash;
    insert into missing_event (tenant_id, room_nid, event_hash, named_by)
        select p_tenant, p_room, m.hash, p_nid from unnest(p_missing) m (hash) on conflict do nothing;
    if accepted then
        -- from here on everything of the tenant waits for this transaction
        update log_position l set position = l.position + 1 where l.tenant_id = p_tenant
            returning l.position into reached;
        update room_head h set version = h.version + 1, extremities = p_extremities,
                depth = greatest(h.depth, p_depth), snapshot_nid = p_head_snapshot, position = reached
            where h.tenant_id = p_tenant and h.room_nid = p_room;
    end if;
    insert into event (tenant_id, event_nid, room_nid, event_hash, position, depth, ts, type_nid, key_nid, sender_nid,
                       flags, prev, auth, snapshot_nid, replaces_nid, thread_nid, redacted_by, push_default, push_except,
                       chain_nid, chain_position, auth_vector, json)
        values (p_tenant, p_nid, p_room, p_hash, reached, p_depth, p_ts, p_type, p_key, p_sender, p_flags,
                p_prev::bigint[], p_auth::bigint[], p_snapshot, p_replaces, p_thread, p_redacted_by, p_push,
                p_except::bigint[], p_chain, p_chain_position, p_vector, p_json)
        on conflict on constraint event_hash_key do update set
            position = excluded.position, flags = excluded.flags, prev = excluded.prev, auth = excluded.auth,
            snapshot_nid = excluded.snapshot_nid, replaces_nid = excluded.replaces_nid,
            thread_nid = excluded.thread_nid, redacted_by = excluded.redacted_by, json = excluded.json,
            push_default = excluded.push_default, push_except = excluded.push_except
        returning event.event_nid into stored_nid;
    if stored_nid <> p_nid then
        raise exception 'the event was stored by another' using errcode = 'serialization_failure';
    end if;
    if accepted then
        if p_rel_type is not null then
            insert into relation (tenant_id, room_nid, target_hash, rel_type, event_nid, type_nid, sender_nid, position, key)
                values (p_tenant, p_room, p_rel_target, p_rel_type, p_nid, p_type, p_sender, reached, p_rel_key);
        end if;
        if cardinality(p_change_keys) > 0 then
            perform write_state_changes(p_tenant, p_room, array_fill(reached, array[cardinality(p_change_keys)]),
                                        p_change_nids, p_change_types, p_change_keys, p_change_replaces,
                                        p_change_memberships, p_change_local, p_change_servers, p_change_stripped,
                                        p_joined, p_invited);
            -- A server that is new does not have what was said here without knowing of it, and nobody but us would ever
            -- send it there: the room's ends that are ours go out once more.
            if exists (select from room_server r where r.tenant_id = p_tenant and r.room_nid = p_room
                       and r.server_nid = any (p_change_servers) and r.since_position = reached
                       and r.until_position is null) then
                for own_end in
                    select e.event_nid from event e
                        join membership m on m.tenant_id = p_tenant and m.user_nid = e.sender_nid and m.room_nid = p_room
                            and m.local
                        where e.tenant_id = p_tenant and e.event_nid = any (p_extremities) order by e.event_nid
                loop
                    update log_position l set position = l.position + 1 where l.tenant_id = p_tenant
                        returning l.position into again;
                    insert into outbox (tenant_id, position, room_nid, event_nid)
                        values (p_tenant, again, p_room, own_end);
                    perform note_sending(p_tenant, again, false);
                end loop;
            end if;
        end if;
        if p_forward and exists (select from room_server r where r.tenant_id = p_tenant and r.room_nid = p_room
                                 and coalesce(r.until_position, reached) >= reached) then
            insert into outbox (tenant_id, position, room_nid, event_nid) values (p_tenant, reached, p_room, p_nid);
            perform note_sending(p_tenant, reached, false);
        end if;
    end if;
    return query select 0::smallint, coalesce(reached, 0), p_nid, p_hash;
end $$;
CREATE FUNCTION public.append_events(p_tenant bigint, p_room bigint, p_version bigint, p_new_room_id text, p_new_room_version text, p_device bigint, p_txn text, p_nids bigint[], p_hashes bytea[], p_depths bigint[], p_ts bigint[], p_types bigint[], p_keys bigint[], p_senders bigint[], p_prev text[], p_auth text[], p_snapshots bigint[], p_replaces bigint[], p_threads bigint[], p_push smallint[], p_except text[], p_jsons bytea[], p_memberships smallint[], p_local boolean[], p_servers bigint[], p_stripped bytea[], p_joined integer, p_invited integer, p_rel_targets bytea[], p_rel_types text[], p_rel_keys text[], p_redact_nid bigint, p_redact_json bytea, p_snap_nids bigint[], p_snap_bases bigint[], p_snap_others bytea[], p_snap_members bytea[], p_snap_reach bytea[], p_chains bigint[], p_chain_positions bigint[], p_vectors bytea[], p_head_snapshot bigint) RETURNS TABLE(status smallint, "position" bigint, event_nid bigint, event_hash bytea)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.append_message(p_tenant bigint, p_room bigint, p_version bigint, p_device bigint, p_txn text, p_nid bigint, p_hash bytea, p_depth bigint, p_ts bigint, p_type bigint, p_sender bigint, p_prev text, p_auth text, p_snapshot bigint, p_thread bigint, p_push smallint, p_except text, p_json bytea, p_rel_target bytea, p_rel_type text, p_rel_key text) RETURNS TABLE(status smallint, "position" bigint, event_nid bigint, event_hash bytea)
    LANGUAGE plpgsql
    AS $$
declare
    reached bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    if p_txn is not null then
        return query select 1::smallint, e.position, e.event_nid, e.event_hash from event e
            where e.tenant_id = p_tenant and e.device_nid = p_device and e.txn_id = p_txn and e.room_nid = p_room
              and e.type_nid = p_type;
        if found then return; end if;
    end if;
    perform 1 from room_head h
        where h.tenant_id = p_tenant and h.room_nid = p_room and h.version = p_version for update;
    if not found then
        return query select 2::smallint, 0::bigint, 0::bigint, ''::bytea;
        return;
    end if;
    -- from here on everything of the tenant waits for this transaction
    update log_position l set position = l.position + 1 where l.tenant_id = p_tenant returning l.position into reached;
    update room_head h set version = h.version + 1, extremities = array[p_nid], depth = p_depth, position = reached
        where h.tenant_id = p_tenant and h.room_nid = p_room;
    insert into event (tenant_id, event_nid, room_nid, event_hash, position, depth, ts, type_nid, sender_nid, prev,
                       auth, snapshot_nid, thread_nid, push_default, push_except, device_nid, txn_id, json)
        values (p_tenant, p_nid, p_room, p_hash, reached, p_depth, p_ts, p_type, p_sender, p_prev::bigint[],
                p_auth::bigint[], p_snapshot, p_thread, p_push, p_except::bigint[], p_device, p_txn, p_json);
    if p_rel_type is not null then
        insert into relation (tenant_id, room_nid, target_hash, rel_type, event_nid, type_nid, sender_nid, position, key)
            values (p_tenant, p_room, p_rel_target, p_rel_type, p_nid, p_type, p_sender, reached, p_rel_key);
    end if;
    if exists (select from room_server r
               where r.tenant_id = p_tenant and r.room_nid = p_room and r.until_position is null) then
        insert into outbox (tenant_id, position, room_nid, event_nid) values (p_tenant, reached, p_room, p_nid);
        perform note_sending(p_tenant, reached, false);
    end if;
    return query select 0::smallint, reached, p_nid, p_hash;
end $$;
CREATE FUNCTION public.concerned_servers(p_tenant bigint, p_after bigint, p_up_to bigint, p_presence boolean) RETURNS TABLE(server_nid bigint)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
CREATE FUNCTION public.drop_sending(p_tenant bigint, p_server bigint, p_owner bigint, p_now bigint) RETURNS TABLE(dropped bigint)
    LANGUAGE plpgsql
    AS $$
declare
    spread bigint;
    gone bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    select s.spread_position into spread from sending s where s.tenant_id = p_tenant for update;
    update destination u set
        sent_position = spread, wanted_position = spread, taken_position = null, taken_room = null, lease_until_ts = p_now,
        failing_since_ts = null, next_try_ts = 0, refusals = 0, behind = false, catch_up_from = null, catch_up_to = null,
        catch_up_room = 0
        where u.tenant_id = p_tenant and u.server_nid = p_server and u.lease_owner = p_owner;
    if not found then
        return query select 0::bigint;
        return;
    end if;
    delete from to_device_outbox t
        where t.tenant_id = p_tenant and t.server_nid = p_server and t.position <= spread;
    get diagnostics gone = row_count;
    return query select gone;
end $$;
CREATE FUNCTION public.ensure_room(p_tenant bigint, p_room bigint, p_room_id text, p_room_version text, p_now bigint) RETURNS TABLE(room_nid bigint)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.erase_tenant(p_tenant bigint, p_erase boolean) RETURNS TABLE(table_name text, row_count bigint)
    LANGUAGE plpgsql
    AS $_$
declare
    owned text;
    found_rows bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    for owned in
        select c.relname from pg_class c join pg_policy p on p.polrelid = c.oid
        where p.polname = 'tenant_wall' and c.relnamespace = current_schema()::regnamespace order by c.relname
    loop
        if p_erase then
            execute format('delete from %I where tenant_id = $1', owned) using p_tenant;
            get diagnostics found_rows = row_count;
        else
            execute format('select count(*) from %I where tenant_id = $1', owned) into found_rows using p_tenant;
        end if;
        if found_rows > 0 then
            table_name := owned; row_count := found_rows;
            return next;
        end if;
    end loop;
    if p_erase then
        delete from tenant t where t.tenant_id = p_tenant;
    end if;
end $_$;
CREATE FUNCTION public.fail_sending(p_tenant bigint, p_server bigint, p_owner bigint, p_began bigint, p_now bigint, p_next_try bigint, p_is_refused boolean, p_pdus integer) RETURNS TABLE(failing_since_ts bigint)
    LANGUAGE plpgsql
    AS $$
declare
    d destination;
    waiting bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    update destination u set
        failing_since_ts = coalesce(u.failing_since_ts, p_began), lease_until_ts = p_now,
        next_try_ts = case when u.heard_ts > p_began then p_now else p_next_try end,
        refusals = u.refusals + case when p_is_refused then 1 else 0 end
        where u.tenant_id = p_tenant and u.server_nid = p_server and u.lease_owner = p_owner
            and u.taken_position is not null returning * into d;
    if not found then
        return query select null::bigint;
        return;
    end if;
    if not d.behind then
        select count(*) into waiting from (
            select from outbox o
                join room_server r on r.tenant_id = p_tenant and r.room_nid = o.room_nid and r.server_nid = p_server
                    and r.since_position < o.position and coalesce(r.until_position, o.position) >= o.position
                where o.tenant_id = p_tenant and o.position > greatest(d.sent_position, d.catch_up_to)
                limit p_pdus + 1) x;
        if waiting > p_pdus then
            perform fall_behind(p_tenant, array[p_server]);
        end if;
    end if;
    return query select d.failing_since_ts;
end $$;
CREATE FUNCTION public.fall_behind(p_tenant bigint, p_servers bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    update destination u set behind = true, catch_up_from = coalesce(u.catch_up_from, u.sent_position)
        where u.tenant_id = p_tenant and u.server_nid = any (p_servers) and not u.behind;
end $$;
CREATE FUNCTION public.finish_sending(p_tenant bigint, p_server bigint, p_owner bigint, p_now bigint) RETURNS TABLE(is_more boolean)
    LANGUAGE plpgsql
    AS $$
declare
    d destination;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform set_config('synchronous_commit', 'off', true);
    update destination u set
        sent_position = u.taken_position, catch_up_room = coalesce(u.taken_room, u.catch_up_room),
        taken_position = null, taken_room = null, lease_until_ts = p_now, failing_since_ts = null, next_try_ts = 0,
        refusals = 0
        where u.tenant_id = p_tenant and u.server_nid = p_server and u.lease_owner = p_owner
            and u.taken_position is not null returning * into d;
    if not found then
        return query select false;
        return;
    end if;
    delete from to_device_outbox t
        where t.tenant_id = p_tenant and t.server_nid = p_server and t.position <= d.sent_position;
    return query select d.wanted_position > d.sent_position or d.catch_up_to is not null;
end $$;
CREATE FUNCTION public.insert_history(p_tenant bigint, p_room bigint, p_nids bigint[], p_hashes bytea[], p_flags integer[], p_depths bigint[], p_ts bigint[], p_types bigint[], p_keys bigint[], p_senders bigint[], p_prev text[], p_auth text[], p_snapshots bigint[], p_replaces bigint[], p_threads bigint[], p_jsons bytea[], p_snap_nids bigint[], p_snap_bases bigint[], p_snap_others bytea[], p_snap_members bytea[], p_snap_reach bytea[], p_missing bytea[], p_named_by bigint[], p_rel_targets bytea[], p_rel_types text[], p_rel_keys text[], p_early_targets bytea[], p_early_nids bigint[]) RETURNS TABLE(inserted bigint)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.insert_outliers(p_tenant bigint, p_room bigint, p_nids bigint[], p_hashes bytea[], p_flags integer[], p_depths bigint[], p_ts bigint[], p_types bigint[], p_keys bigint[], p_senders bigint[], p_prev text[], p_auth text[], p_chains bigint[], p_chain_positions bigint[], p_vectors bytea[], p_jsons bytea[]) RETURNS TABLE(inserted bigint)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.intern_terms(p_tenant bigint, p_names bytea[], p_nids bigint[]) RETURNS TABLE(name bytea, nid bigint)
    LANGUAGE plpgsql
    AS $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    insert into term (tenant_id, nid, name)
        select p_tenant, n.nid, n.name from unnest(p_names, p_nids) n (name, nid)
        where not exists (select from term t where t.tenant_id = p_tenant and t.name = n.name)
        on conflict do nothing;
    return query select t.name, t.nid from term t where t.tenant_id = p_tenant and t.name = any (p_names);
end $$;
CREATE FUNCTION public.known_answer(p_tenant bigint, p_hash bytea, p_now bigint) RETURNS TABLE(answer bytea)
    LANGUAGE plpgsql
    AS $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    return query select t.answer from inbound_transaction t
        where t.tenant_id = p_tenant and t.txn_hash = p_hash and t.expires_ts > p_now;
end $$;
CREATE FUNCTION public.log_positions(p_tenants bigint[]) RETURNS TABLE(tenant_id bigint, "position" bigint)
    LANGUAGE plpgsql
    AS $$
declare
    t bigint;
begin
    foreach t in array p_tenants loop
        perform set_config('tim.tenant', t::text, true);
        return query select l.tenant_id, l.position from log_position l where l.tenant_id = t;
    end loop;
end $$;
CREATE FUNCTION public.log_tail(p_tenant bigint, p_after bigint) RETURNS TABLE("position" bigint, kind smallint, room_nid bigint, user_nid bigint, membership smallint)
    LANGUAGE plpgsql
    AS $$
declare
    reached bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    select l.position into reached from log_position l where l.tenant_id = p_tenant;
    return query
        select e.position, 1::smallint, e.room_nid, coalesce(e.key_nid, 0), m.membership
            from event e left join membership m on e.type_nid = 2 and m.tenant_id = p_tenant and m.user_nid = e.key_nid
                and m.room_nid = e.room_nid
            where e.tenant_id = p_tenant and e.position > p_after and e.position <= reached
        -- where forks end, an event may also change the membership of others than whom it names
        union all select distinct m.position, 1::smallint, m.room_nid, case when m.local then m.user_nid else 0 end,
                case when m.local then m.membership else 0::smallint end
            from event e join membership m on m.tenant_id = p_tenant and m.room_nid = e.room_nid
                and m.position = e.position and (e.type_nid <> 2 or m.user_nid <> e.key_nid)
            where e.tenant_id = p_tenant and e.position > p_after and e.position <= reached
        union all select r.position, 2::smallint, r.room_nid, case when r.kind = 2 then r.user_nid else 0 end, null
            from receipt r where r.tenant_id = p_tenant and r.position > p_after and r.position <= reached
        union all select a.position, 3::smallint, 0::bigint, a.user_nid, null
            from account_data a where a.tenant_id = p_tenant and a.position > p_after and a.position <= reached
        union all select p.position, 3::smallint, 0::bigint, p.user_nid, null
            from push_rules p where p.tenant_id = p_tenant and p.position > p_after and p.position <= reached
        union all select t.position, 4::smallint, 0::bigint, d.user_nid, null
            from to_device t join device d on d.tenant_id = p_tenant and d.device_nid = t.device_nid
            where t.tenant_id = p_tenant and t.position > p_after and t.position <= reached
        union all select c.position, 5::smallint, coalesce(m.room_nid, 0), c.user_nid, null
            from device_list_change c left join membership m
                on m.tenant_id = p_tenant and m.user_nid = c.user_nid and m.membership = 1
            where c.tenant_id = p_tenant and c.position > p_after and c.position <= reached
        union all select s.position, 5::smallint, 0::bigint, s.signer_nid, null
            from key_signature s where s.tenant_id = p_tenant and s.position > p_after and s.position <= reached
        union all select k.position, 5::smallint, 0::bigint, k.user_nid, null
            from key_count_change k where k.tenant_id = p_tenant and k.position > p_after and k.position <= reached
        union all select t.position, 6::smallint, t.room_nid, 0::bigint, null
            from typing t where t.tenant_id = p_tenant and t.position > p_after and t.position <= reached
        union all select p.position, 7::smallint, coalesce(m.room_nid, 0), p.user_nid, null
            from presence p left join membership m
                on m.tenant_id = p_tenant and m.user_nid = p.user_nid and m.membership = 1
            where p.tenant_id = p_tenant and p.position > p_after and p.position <= reached
        union all select reached, 0::smallint, 0::bigint, 0::bigint, null
        order by 1;
end $$;
CREATE FUNCTION public.make_tenant_table(name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
        'create policy tenant_wall on %I using (tenant_id = current_setting(''tim.tenant'', true)::bigint)', name);
    execute format('grant select, insert, update, delete on %I to timserver_app', name);
end $$;
CREATE FUNCTION public.note_sending(p_tenant bigint, p_position bigint, p_first boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    latest bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint + 15000;
begin
    update sending s set due_ts = latest
        where s.tenant_id = p_tenant and (s.due_ts is null or s.due_ts > latest);
    if not found and p_first then
        insert into sending (tenant_id, due_ts, spread_position) values (p_tenant, latest, p_position - 1)
            on conflict do nothing;
    end if;
end $$;
CREATE FUNCTION public.outgoing(p_tenant bigint, p_server bigint, p_after bigint, p_up_to bigint, p_pdus boolean, p_passing boolean, p_presence boolean) RETURNS TABLE(kind smallint, "position" bigint, user_nid bigint, room_id text, room_version text, ts bigint, number bigint, detail text, body bytea)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
CREATE FUNCTION public.outgoing_of_rooms(p_tenant bigint, p_server bigint, p_after_room bigint, p_up_to_room bigint, p_from bigint) RETURNS TABLE("position" bigint, sender_nid bigint, body bytea)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.purge_room(p_tenant bigint, p_room bigint) RETURNS TABLE(purged boolean)
    LANGUAGE plpgsql
    AS $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform 1 from room_head h where h.tenant_id = p_tenant and h.room_nid = p_room for update;
    if exists (select 1 from membership m where m.tenant_id = p_tenant and m.room_nid = p_room and m.local
               and not (m.membership in (4, 5) and m.forgotten)) then
        return query select false;
        return;
    end if;
    delete from room_alias where tenant_id = p_tenant and room_nid = p_room;
    delete from receipt where tenant_id = p_tenant and room_nid = p_room;
    delete from typing where tenant_id = p_tenant and room_nid = p_room;
    delete from account_data where tenant_id = p_tenant and room_nid = p_room;
    delete from relation where tenant_id = p_tenant and room_nid = p_room;
    delete from state_change where tenant_id = p_tenant and room_nid = p_room;
    delete from current_state where tenant_id = p_tenant and room_nid = p_room;
    delete from membership where tenant_id = p_tenant and room_nid = p_room;
    delete from room_summary where tenant_id = p_tenant and room_nid = p_room;
    delete from missing_event where tenant_id = p_tenant and room_nid = p_room;
    delete from room_server where tenant_id = p_tenant and room_nid = p_room;
    delete from outbox where tenant_id = p_tenant and room_nid = p_room;
    delete from inbox where tenant_id = p_tenant and room_nid = p_room;
    delete from inbox_queue where tenant_id = p_tenant and room_nid = p_room;
    delete from early_redaction r using event e
        where r.tenant_id = p_tenant and e.tenant_id = p_tenant and e.event_nid = r.event_nid and e.room_nid = p_room;
    delete from snapshot where tenant_id = p_tenant and room_nid = p_room;
    delete from event where tenant_id = p_tenant and room_nid = p_room;
    delete from room_head where tenant_id = p_tenant and room_nid = p_room;
    delete from room where tenant_id = p_tenant and room_nid = p_room;
    return query select true;
end $$;
CREATE FUNCTION public.relation_target(p_tenant bigint, p_room bigint, p_hash bytea, p_sender bigint, p_type bigint, p_key text, p_device bigint, p_txn text) RETURNS TABLE(event_nid bigint, thread_nid bigint, annotated boolean, related boolean)
    LANGUAGE plpgsql
    AS $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    return query select e.event_nid, e.thread_nid, p_key is not null and exists (
        select 1 from relation r
            join event a on a.tenant_id = p_tenant and a.event_nid = r.event_nid
            where r.tenant_id = p_tenant and r.target_hash = p_hash and r.rel_type = 'm.annotation'
              and r.sender_nid = p_sender and r.type_nid = p_type and r.key = p_key and r.room_nid = p_room
              and (a.device_nid is distinct from p_device or a.txn_id is distinct from p_txn)),
        exists (select 1 from relation o where o.tenant_id = p_tenant and o.event_nid = e.event_nid)
        from event e where e.tenant_id = p_tenant and e.event_hash = p_hash and e.room_nid = p_room;
end $$;
CREATE FUNCTION public.remember_answer(p_tenant bigint, p_hash bytea, p_answer bytea, p_now bigint, p_expires bigint) RETURNS TABLE(done boolean)
    LANGUAGE plpgsql
    AS $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    perform set_config('synchronous_commit', 'off', true);
    insert into inbound_transaction as t (tenant_id, txn_hash, answer, expires_ts)
        values (p_tenant, p_hash, p_answer, p_expires)
        on conflict (tenant_id, txn_hash) do update set answer = excluded.answer, expires_ts = excluded.expires_ts
            where t.expires_ts <= p_now;
    return query select true;
end $$;
CREATE FUNCTION public.room_version(p_tenant bigint, p_room bigint) RETURNS TABLE(version bigint)
    LANGUAGE plpgsql
    AS $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    return query select h.version from room_head h where h.tenant_id = p_tenant and h.room_nid = p_room;
end $$;
CREATE FUNCTION public.settle_sending(p_tenant bigint, p_now bigint, p_rows integer) RETURNS TABLE(due_ts bigint)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    spread bigint;
    needed bigint;
    kept bigint;
    late bigint[];
    due bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    select s.spread_position into spread from sending s where s.tenant_id = p_tenant;
    if not found then
        return;
    end if;
    select o.position into kept from outbox o where o.tenant_id = p_tenant order by o.position desc offset p_rows limit 1;
    if found then
        select array_agg(d.server_nid) into late from destination d where d.tenant_id = p_tenant
            and (d.wanted_position > d.sent_position or d.catch_up_to is not null)
            and not d.behind and greatest(d.sent_position, d.catch_up_to) < kept;
    end if;
    select least(spread, min(greatest(d.sent_position, d.catch_up_to))) into needed from destination d
        where d.tenant_id = p_tenant and not d.behind
            and (d.wanted_position > d.sent_position or d.catch_up_to is not null);
    delete from outbox o where o.tenant_id = p_tenant and o.position <= needed;
    -- nobody appends from here on: what is not spread yet is seen, or comes after and says so itself
    perform 1 from log_position l where l.tenant_id = p_tenant for update;
    select s.spread_position into spread from sending s where s.tenant_id = p_tenant for update;
    if late is not null then
        perform fall_behind(p_tenant, late);
    end if;
    if exists (select from outbox o where o.tenant_id = p_tenant and o.position > spread)
            or exists (select from to_device_outbox t where t.tenant_id = p_tenant and t.position > spread)
            or exists (select from device_change c where c.tenant_id = p_tenant and c.position > spread) then
        due := p_now;
    else
        select min(greatest(d.lease_until_ts, d.next_try_ts)) into due from destination d where d.tenant_id = p_tenant
            and (d.wanted_position > d.sent_position or d.catch_up_to is not null);
    end if;
    update sending s set due_ts = due where s.tenant_id = p_tenant and s.due_ts is distinct from due;
    return query select due;
end $$;
CREATE FUNCTION public.store_out_of_band(p_tenant bigint, p_room bigint, p_nid bigint, p_hash bytea, p_depth bigint, p_ts bigint, p_user bigint, p_sender bigint, p_membership smallint, p_stripped bytea, p_json bytea) RETURNS TABLE("position" bigint)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.take_sending(p_tenant bigint, p_now bigint, p_owner bigint, p_lease bigint, p_limit integer, p_probes integer, p_presence boolean) RETURNS TABLE(server_nid bigint, epoch_ts bigint, sent_position bigint, taken_position bigint, taken_room bigint, catch_up_from bigint, catch_up_to bigint, catch_up_room bigint, failing_since_ts bigint, refusals integer, is_repeated boolean)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    spread bigint;
    reached bigint;
    d destination;
    part_end bigint;
    room bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    select l.position into reached from log_position l where l.tenant_id = p_tenant;
    select s.spread_position into spread from sending s where s.tenant_id = p_tenant for update;
    if not found then
        return;
    end if;
    if reached > spread then
        insert into destination as d (tenant_id, server_nid, epoch_ts, sent_position, wanted_position)
            select p_tenant, c.server_nid, p_now, spread, reached
                from concerned_servers(p_tenant, spread, reached, p_presence) c
            on conflict (tenant_id, server_nid) do update set
                sent_position = case when d.wanted_position <= d.sent_position and d.taken_position is null
                                     then excluded.sent_position else d.sent_position end,
                wanted_position = excluded.wanted_position
            where d.wanted_position <= coalesce(d.taken_position, d.sent_position);
        update sending s set spread_position = reached, due_ts = p_now + p_lease where s.tenant_id = p_tenant;
    end if;
    for d in
        select (x.due).* from (
            select due, row_number() over (partition by due.failing_since_ts is null order by due.lease_until_ts) as place
            from destination due where due.tenant_id = p_tenant
                and (due.wanted_position > due.sent_position or due.catch_up_to is not null)
                and due.lease_until_ts <= p_now and due.next_try_ts <= p_now) x
        where x.place <= case when (x.due).failing_since_ts is null then p_limit else p_probes end
    loop
        part_end := d.taken_position;
        room := d.taken_room;
        if part_end is null then
            if d.behind then
                d.behind := false;
                d.catch_up_from := coalesce(d.catch_up_from, d.sent_position);
                d.catch_up_to := reached;
                d.catch_up_room := 0;
            end if;
            if d.sent_position < d.catch_up_to then
                part_end := transaction_end(p_tenant, d.server_nid, d.sent_position, d.catch_up_to, false);
            elsif d.catch_up_to is not null then
                select max(x.room_nid) into room from (
                    select r.room_nid from room_server r join room_head h
                        on h.tenant_id = p_tenant and h.room_nid = r.room_nid and h.position > d.catch_up_from
                    where r.tenant_id = p_tenant and r.server_nid = d.server_nid and r.room_nid > d.catch_up_room
                        and coalesce(r.until_position, h.position) > d.catch_up_from
                    order by r.room_nid limit 10) x;
                if room is not null then
                    part_end := d.sent_position;
                else
                    d.catch_up_from := null;
                    d.catch_up_to := null;
                end if;
            end if;
            if part_end is null and d.wanted_position > d.sent_position then
                part_end := transaction_end(p_tenant, d.server_nid, d.sent_position, reached, true);
                if part_end < reached then
                    d.wanted_position := reached;
                end if;
            end if;
        end if;
        update destination u set
            taken_position = part_end, taken_room = room, wanted_position = d.wanted_position, behind = d.behind,
            catch_up_from = d.catch_up_from, catch_up_to = d.catch_up_to, catch_up_room = d.catch_up_room,
            lease_owner = p_owner, lease_until_ts = case when part_end is null then p_now else p_now + p_lease end
            where u.tenant_id = p_tenant and u.server_nid = d.server_nid;
        if part_end is not null then
            return query select d.server_nid, d.epoch_ts, d.sent_position, part_end, room, d.catch_up_from, d.catch_up_to,
                                d.catch_up_room, d.failing_since_ts, d.refusals, d.taken_position is not null;
        end if;
    end loop;
end $$;
CREATE FUNCTION public.transaction_end(p_tenant bigint, p_server bigint, p_after bigint, p_up_to bigint, p_pdus boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    part_end bigint := p_up_to;
begin
    select least(part_end, min(x.position) - 1) into part_end from (
        select t.position, row_number() over (order by t.position) as place,
               sum(length(t.message)) over (order by t.position) as bytes
        from (select o.position, o.message from to_device_outbox o
              where o.tenant_id = p_tenant and o.server_nid = p_server and o.position > p_after and o.position <= p_up_to
              order by o.position limit 26) t) x
        where x.place > 25 or (x.place > 1 and x.bytes > 1000000);
    if part_end - p_after <= 40 then
        return part_end;
    end if;
    if p_pdus then
        select least(part_end, min(x.position) - 1) into part_end from (
            select o.position from outbox o
                join room_server r on r.tenant_id = p_tenant and r.room_nid = o.room_nid and r.server_nid = p_server
                    and r.since_position < o.position and coalesce(r.until_position, o.position) >= o.position
                where o.tenant_id = p_tenant and o.position > p_after and o.position <= part_end
                order by o.position offset 50 limit 1) x;
        select least(part_end, min(x.position) - 1) into part_end from (
            select o.position from outbox o
                join event e on e.tenant_id = p_tenant and e.event_nid = o.event_nid and e.type_nid = 2
                join membership m on m.tenant_id = p_tenant and m.user_nid = e.key_nid and m.room_nid = o.room_nid
                    and m.local and m.join_position = o.position
                where o.tenant_id = p_tenant and o.position > p_after and o.position <= part_end
                order by o.position offset 20 limit 1) x;
    end if;
    select least(part_end, min(x.position) - 1) into part_end from (
        select distinct c.position from device_change c
            join membership m on m.tenant_id = p_tenant and m.user_nid = c.user_nid and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = m.room_nid and r.server_nid = p_server
                and r.until_position is null
            where c.tenant_id = p_tenant and c.position > p_after and c.position <= part_end
            order by c.position offset 10 limit 1) x;
    -- one m.receipt holds one receipt of a user in a room: further threads need further EDUs
    select least(part_end, min(x.position) - 1) into part_end from (
        select x.position from receipt x
            join room_server r on r.tenant_id = p_tenant and r.room_nid = x.room_nid and r.server_nid = p_server
                and r.until_position is null
            where x.tenant_id = p_tenant and x.position > p_after and x.position <= part_end and x.kind = 1
                and x.thread <> '' order by x.position offset 9 limit 1) x;
    select least(part_end, min(x.position) - 1) into part_end from (
        select x.position from receipt x
            join room_server r on r.tenant_id = p_tenant and r.room_nid = x.room_nid and r.server_nid = p_server
                and r.until_position is null
            where x.tenant_id = p_tenant and x.position > p_after and x.position <= part_end and x.kind = 1
            order by x.position offset 500 limit 1) x;
    return part_end;
end $$;
CREATE FUNCTION public.unread_counts(p_tenant bigint, p_user bigint, p_rooms bigint[]) RETURNS TABLE(room_nid bigint, thread_nid bigint, notify bigint, highlight bigint)
    LANGUAGE sql STABLE
    AS $$
    with base as materialized ( -- not asked anew for each event
        select m.room_nid, greatest(m.join_position, coalesce((
                   select max(r.event_position) from receipt r where r.tenant_id = p_tenant and r.room_nid = m.room_nid
                       and r.user_nid = p_user and r.thread = ''), 0)) as after
        from membership m
        where m.tenant_id = p_tenant and m.user_nid = p_user and m.room_nid = any (p_rooms) and m.membership = 1
    ), threads as materialized (
        select r.room_nid, coalesce(e.event_nid, 0) as thread_nid, max(r.event_position) as after
        from receipt r left join event e on r.thread <> 'main' and e.tenant_id = p_tenant and e.room_nid = r.room_nid
            and e.event_nid = r.thread_nid
        where r.tenant_id = p_tenant and r.room_nid = any (p_rooms) and r.user_nid = p_user and r.thread <> ''
        group by 1, 2
    ), told as (
        select e.room_nid, coalesce(e.thread_nid, 0) as thread_nid,
               case when e.push_except is null then e.push_default else
                   coalesce((select x % 4 from unnest(e.push_except) x where x / 4 = p_user), e.push_default)
               end as outcome
        from base b join event e on e.tenant_id = p_tenant and e.room_nid = b.room_nid and e.position > b.after
            and (e.push_default > 0 or e.push_except is not null) and e.sender_nid <> p_user
        left join threads t on t.room_nid = e.room_nid and t.thread_nid = coalesce(e.thread_nid, 0)
        where e.position > coalesce(t.after, 0)
    )
    select t.room_nid, t.thread_nid, count(*) filter (where t.outcome > 0), count(*) filter (where t.outcome = 2)
    from told t where t.outcome > 0 group by 1, 2
$$;
CREATE FUNCTION public.unsafe_signing_keys(p_known_bad bytea[]) RETURNS TABLE(server_name text, key_id text)
    LANGUAGE plpgsql
    AS $$
declare
    one record;
    held record;
    names text[] := '{}';
    ids text[] := '{}';
    in_use boolean[] := '{}';
    keys bytea[] := '{}';
begin
    for one in select t.tenant_id, t.server_name as name from tenant t loop
        perform set_config('tim.tenant', one.tenant_id::text, true);
        for held in select k.key_id, k.public_key, k.expired_ts is null as used
                    from tenant_key k where k.tenant_id = one.tenant_id loop
            names := names || one.name;
            ids := ids || held.key_id;
            in_use := in_use || held.used;
            keys := keys || held.public_key;
        end loop;
    end loop;
    return query
        select u.name, u.id
        from (select a.name, a.id, a.used, a.key, count(*) over (partition by a.key) as holders
              from unnest(names, ids, in_use, keys) a (name, id, used, key)) u
        where u.used and (u.holders > 1 or u.key = any (p_known_bad))
        order by 1, 2;
end $$;
CREATE FUNCTION public.write_state_changes(p_tenant bigint, p_room bigint, p_positions bigint[], p_nids bigint[], p_types bigint[], p_keys bigint[], p_replaces bigint[], p_memberships smallint[], p_local boolean[], p_servers bigint[], p_stripped bytea[], p_joined integer, p_invited integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE TABLE public.access_token (
    tenant_id bigint NOT NULL,
    token_hash bytea NOT NULL,
    user_nid bigint NOT NULL,
    device_nid bigint NOT NULL,
    expires_ts bigint,
    used boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY public.access_token FORCE ROW LEVEL SECURITY;
CREATE TABLE public.account (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    localpart text NOT NULL,
    password_hash text,
    state smallint DEFAULT 0 NOT NULL,
    erased boolean DEFAULT false NOT NULL,
    is_admin boolean DEFAULT false NOT NULL,
    created_ts bigint NOT NULL,
    suspended boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY public.account FORCE ROW LEVEL SECURITY;
CREATE TABLE public.account_data (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    room_nid bigint NOT NULL,
    type text NOT NULL,
    content bytea NOT NULL,
    "position" bigint NOT NULL
);
ALTER TABLE ONLY public.account_data FORCE ROW LEVEL SECURITY;
CREATE TABLE public.cross_signing_key (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    usage text NOT NULL,
    public_key text NOT NULL,
    "json" bytea NOT NULL,
    CONSTRAINT cross_signing_key_usage_check CHECK ((usage = ANY (ARRAY['master'::text, 'self_signing'::text, 'user_signing'::text])))
);
ALTER TABLE ONLY public.cross_signing_key FORCE ROW LEVEL SECURITY;
CREATE TABLE public.current_state (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    key_nid bigint NOT NULL,
    type_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    "position" bigint NOT NULL
);
ALTER TABLE ONLY public.current_state FORCE ROW LEVEL SECURITY;
CREATE TABLE public.dehydrated_device (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    device_nid bigint NOT NULL,
    device_data bytea NOT NULL
);
ALTER TABLE ONLY public.dehydrated_device FORCE ROW LEVEL SECURITY;
CREATE TABLE public.destination (
    tenant_id bigint NOT NULL,
    server_nid bigint NOT NULL,
    epoch_ts bigint NOT NULL,
    sent_position bigint NOT NULL,
    wanted_position bigint NOT NULL,
    taken_position bigint,
    taken_room bigint,
    lease_owner bigint DEFAULT 0 NOT NULL,
    lease_until_ts bigint DEFAULT 0 NOT NULL,
    failing_since_ts bigint,
    next_try_ts bigint DEFAULT 0 NOT NULL,
    heard_ts bigint DEFAULT 0 NOT NULL,
    refusals integer DEFAULT 0 NOT NULL,
    behind boolean DEFAULT false NOT NULL,
    catch_up_from bigint,
    catch_up_to bigint,
    catch_up_room bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE ONLY public.destination FORCE ROW LEVEL SECURITY;
CREATE TABLE public.device (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    device_id text NOT NULL,
    device_nid bigint NOT NULL,
    display_name text,
    created_ts bigint NOT NULL,
    seen_ts bigint,
    seen_ip text,
    seen_agent text
);
ALTER TABLE ONLY public.device FORCE ROW LEVEL SECURITY;
CREATE TABLE public.device_change (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    device_id text NOT NULL,
    "position" bigint NOT NULL,
    previous_position bigint
);
ALTER TABLE ONLY public.device_change FORCE ROW LEVEL SECURITY;
CREATE TABLE public.device_key (
    tenant_id bigint NOT NULL,
    device_nid bigint NOT NULL,
    user_nid bigint NOT NULL,
    "json" bytea NOT NULL,
    replaceable boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY public.device_key FORCE ROW LEVEL SECURITY;
CREATE TABLE public.device_list_change (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    "position" bigint NOT NULL
);
ALTER TABLE ONLY public.device_list_change FORCE ROW LEVEL SECURITY;
CREATE TABLE public.early_redaction (
    tenant_id bigint NOT NULL,
    target_hash bytea NOT NULL,
    event_nid bigint NOT NULL
);
ALTER TABLE ONLY public.early_redaction FORCE ROW LEVEL SECURITY;
CREATE TABLE public.event (
    tenant_id bigint NOT NULL,
    event_nid bigint NOT NULL,
    room_nid bigint NOT NULL,
    event_hash bytea NOT NULL,
    "position" bigint,
    depth bigint NOT NULL,
    ts bigint NOT NULL,
    type_nid bigint NOT NULL,
    key_nid bigint,
    sender_nid bigint NOT NULL,
    flags integer DEFAULT 0 NOT NULL,
    prev bigint[] NOT NULL,
    auth bigint[] NOT NULL,
    snapshot_nid bigint NOT NULL,
    replaces_nid bigint,
    thread_nid bigint,
    redacted_by bigint,
    push_default smallint DEFAULT 0 NOT NULL,
    push_except bigint[],
    device_nid bigint,
    txn_id text,
    "json" bytea NOT NULL,
    chain_nid bigint,
    chain_position bigint,
    auth_vector bytea
);
ALTER TABLE ONLY public.event FORCE ROW LEVEL SECURITY;
CREATE TABLE public.fallback_key (
    tenant_id bigint NOT NULL,
    device_nid bigint NOT NULL,
    algorithm text NOT NULL,
    key_id text NOT NULL,
    used boolean DEFAULT false NOT NULL,
    "json" bytea NOT NULL
);
ALTER TABLE ONLY public.fallback_key FORCE ROW LEVEL SECURITY;
CREATE TABLE public.inbound_transaction (
    tenant_id bigint NOT NULL,
    txn_hash bytea NOT NULL,
    answer bytea NOT NULL,
    expires_ts bigint NOT NULL
);
ALTER TABLE ONLY public.inbound_transaction FORCE ROW LEVEL SECURITY;
CREATE TABLE public.inbox (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    event_hash bytea NOT NULL,
    origin text NOT NULL,
    received_ts bigint NOT NULL,
    place integer NOT NULL,
    pdu bytea NOT NULL
);
ALTER TABLE ONLY public.inbox FORCE ROW LEVEL SECURITY;
CREATE TABLE public.inbox_queue (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    origin text NOT NULL,
    due_ts bigint NOT NULL,
    lease_until_ts bigint DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.key_backup (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    version bigint NOT NULL,
    algorithm text NOT NULL,
    auth_data bytea NOT NULL,
    etag bigint DEFAULT 0 NOT NULL,
    count bigint DEFAULT 0 NOT NULL,
    deleted boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY public.key_backup FORCE ROW LEVEL SECURITY;
CREATE TABLE public.key_count_change (
    tenant_id bigint NOT NULL,
    device_nid bigint NOT NULL,
    user_nid bigint NOT NULL,
    "position" bigint NOT NULL
);
ALTER TABLE ONLY public.key_count_change FORCE ROW LEVEL SECURITY;
CREATE TABLE public.key_signature (
    tenant_id bigint NOT NULL,
    target_nid bigint NOT NULL,
    target_key text NOT NULL,
    signer_nid bigint NOT NULL,
    signing_key_id text NOT NULL,
    signature text NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.key_signature FORCE ROW LEVEL SECURITY;
CREATE TABLE public.log_position (
    tenant_id bigint NOT NULL,
    "position" bigint NOT NULL
)
WITH (fillfactor='20');
ALTER TABLE ONLY public.log_position FORCE ROW LEVEL SECURITY;
CREATE TABLE public.media (
    tenant_id bigint NOT NULL,
    media_id text NOT NULL,
    uploader_nid bigint NOT NULL,
    blob text,
    content_type text NOT NULL,
    file_name text,
    size_bytes bigint NOT NULL,
    sha256 bytea,
    created_ts bigint NOT NULL,
    expires_ts bigint,
    access_ts bigint NOT NULL,
    quarantined boolean DEFAULT false NOT NULL,
    server_nid bigint,
    remote_id text
);
ALTER TABLE ONLY public.media FORCE ROW LEVEL SECURITY;
CREATE TABLE public.media_thumbnail (
    tenant_id bigint NOT NULL,
    media_id text NOT NULL,
    variant text NOT NULL,
    outcome text NOT NULL,
    content_type text NOT NULL,
    size_bytes bigint NOT NULL,
    blob text
);
ALTER TABLE ONLY public.media_thumbnail FORCE ROW LEVEL SECURITY;
CREATE TABLE public.membership (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    user_nid bigint NOT NULL,
    membership smallint NOT NULL,
    event_nid bigint NOT NULL,
    "position" bigint NOT NULL,
    join_position bigint,
    local boolean NOT NULL,
    forgotten boolean DEFAULT false NOT NULL,
    stripped bytea,
    server_nid bigint
);
ALTER TABLE ONLY public.membership FORCE ROW LEVEL SECURITY;
CREATE TABLE public.missing_event (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    event_hash bytea NOT NULL,
    named_by bigint NOT NULL
);
ALTER TABLE ONLY public.missing_event FORCE ROW LEVEL SECURITY;
CREATE SEQUENCE public.nid_seq
    START WITH 4096
    INCREMENT BY 256
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.one_time_key (
    tenant_id bigint NOT NULL,
    device_nid bigint NOT NULL,
    algorithm text NOT NULL,
    key_id text NOT NULL,
    ordinal bigint NOT NULL,
    claimed boolean DEFAULT false NOT NULL,
    "json" bytea NOT NULL
);
ALTER TABLE ONLY public.one_time_key FORCE ROW LEVEL SECURITY;
CREATE TABLE public.openid_token (
    tenant_id bigint NOT NULL,
    token_hash bytea NOT NULL,
    user_nid bigint NOT NULL,
    expires_ts bigint NOT NULL
);
ALTER TABLE ONLY public.openid_token FORCE ROW LEVEL SECURITY;
CREATE TABLE public.outbox (
    tenant_id bigint NOT NULL,
    "position" bigint NOT NULL,
    room_nid bigint NOT NULL,
    event_nid bigint NOT NULL
);
ALTER TABLE ONLY public.outbox FORCE ROW LEVEL SECURITY;
CREATE TABLE public.presence (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    presence smallint NOT NULL,
    status_msg text,
    last_active_ts bigint NOT NULL,
    "position" bigint NOT NULL
);
ALTER TABLE ONLY public.presence FORCE ROW LEVEL SECURITY;
CREATE TABLE public.profile_field (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    name text NOT NULL,
    value bytea NOT NULL
);
ALTER TABLE ONLY public.profile_field FORCE ROW LEVEL SECURITY;
CREATE TABLE public.push_rules (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    rules bytea NOT NULL,
    "position" bigint NOT NULL
);
ALTER TABLE ONLY public.push_rules FORCE ROW LEVEL SECURITY;
CREATE TABLE public.pusher (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    app_id text NOT NULL,
    pushkey text NOT NULL,
    device_nid bigint NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY public.pusher FORCE ROW LEVEL SECURITY;
CREATE TABLE public.receipt (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    user_nid bigint NOT NULL,
    kind smallint NOT NULL,
    thread text NOT NULL,
    event_nid bigint NOT NULL,
    event_position bigint NOT NULL,
    ts bigint NOT NULL,
    "position" bigint NOT NULL,
    thread_nid bigint DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.receipt FORCE ROW LEVEL SECURITY;
CREATE TABLE public.refresh_token (
    tenant_id bigint NOT NULL,
    token_hash bytea NOT NULL,
    user_nid bigint NOT NULL,
    device_nid bigint NOT NULL,
    access_token_hash bytea NOT NULL,
    next_token_hash bytea
);
ALTER TABLE ONLY public.refresh_token FORCE ROW LEVEL SECURITY;
CREATE TABLE public.relation (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    target_hash bytea NOT NULL,
    rel_type text NOT NULL,
    event_nid bigint NOT NULL,
    type_nid bigint NOT NULL,
    sender_nid bigint NOT NULL,
    "position" bigint,
    key text
);
ALTER TABLE ONLY public.relation FORCE ROW LEVEL SECURITY;
CREATE TABLE public.remote_device (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    device_id text NOT NULL,
    display_name text,
    "json" bytea
);
ALTER TABLE ONLY public.remote_device FORCE ROW LEVEL SECURITY;
CREATE TABLE public.remote_device_list (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    stream_id bigint NOT NULL,
    "position" bigint NOT NULL,
    stale boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY public.remote_device_list FORCE ROW LEVEL SECURITY;
CREATE TABLE public.remote_to_device_txn (
    tenant_id bigint NOT NULL,
    server_nid bigint NOT NULL,
    message_id text NOT NULL,
    created_ts bigint NOT NULL
);
ALTER TABLE ONLY public.remote_to_device_txn FORCE ROW LEVEL SECURITY;
CREATE TABLE public.report (
    tenant_id bigint NOT NULL,
    report_nid bigint NOT NULL,
    reporter_nid bigint NOT NULL,
    room_id text,
    event_id text,
    user_id text,
    reason text NOT NULL,
    score integer,
    created_ts bigint NOT NULL
);
ALTER TABLE ONLY public.report FORCE ROW LEVEL SECURITY;
CREATE TABLE public.room (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    room_id text NOT NULL,
    room_version text NOT NULL,
    created_ts bigint NOT NULL,
    in_directory boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY public.room FORCE ROW LEVEL SECURITY;
CREATE TABLE public.room_alias (
    tenant_id bigint NOT NULL,
    alias text NOT NULL,
    room_nid bigint NOT NULL,
    creator_nid bigint NOT NULL
);
ALTER TABLE ONLY public.room_alias FORCE ROW LEVEL SECURITY;
CREATE TABLE public.room_head (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    version bigint NOT NULL,
    extremities bigint[] NOT NULL,
    depth bigint NOT NULL,
    snapshot_nid bigint NOT NULL,
    "position" bigint NOT NULL
)
WITH (fillfactor='40');
ALTER TABLE ONLY public.room_head FORCE ROW LEVEL SECURITY;
CREATE TABLE public.room_key (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    version bigint NOT NULL,
    room_id text NOT NULL,
    session_id text NOT NULL,
    first_message_index bigint NOT NULL,
    forwarded_count bigint NOT NULL,
    is_verified boolean NOT NULL,
    session_data bytea NOT NULL
);
ALTER TABLE ONLY public.room_key FORCE ROW LEVEL SECURITY;
CREATE TABLE public.room_server (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    server_nid bigint NOT NULL,
    since_position bigint NOT NULL,
    until_position bigint
);
ALTER TABLE ONLY public.room_server FORCE ROW LEVEL SECURITY;
CREATE TABLE public.room_summary (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    joined integer DEFAULT 0 NOT NULL,
    invited integer DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.room_summary FORCE ROW LEVEL SECURITY;
CREATE TABLE public.schema_migration (
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.sending (
    tenant_id bigint NOT NULL,
    due_ts bigint,
    spread_position bigint NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE public.server_key (
    server_name text NOT NULL,
    key_id text NOT NULL,
    public_key bytea NOT NULL,
    valid_until_ts bigint NOT NULL,
    expired_ts bigint,
    fetched_ts bigint NOT NULL,
    response bytea NOT NULL
);
CREATE TABLE public.snapshot (
    tenant_id bigint NOT NULL,
    snapshot_nid bigint NOT NULL,
    room_nid bigint NOT NULL,
    base_nid bigint,
    others bytea NOT NULL,
    members bytea NOT NULL,
    reach bytea
);
ALTER TABLE ONLY public.snapshot FORCE ROW LEVEL SECURITY;
CREATE TABLE public.state_change (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    "position" bigint NOT NULL,
    key_nid bigint NOT NULL,
    event_nid bigint NOT NULL,
    old_event_nid bigint NOT NULL
);
ALTER TABLE ONLY public.state_change FORCE ROW LEVEL SECURITY;
CREATE TABLE public.sync_filter (
    tenant_id bigint NOT NULL,
    user_nid bigint NOT NULL,
    filter_id bigint NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY public.sync_filter FORCE ROW LEVEL SECURITY;
CREATE TABLE public.tenant (
    tenant_id bigint NOT NULL,
    server_name text NOT NULL,
    variant text NOT NULL,
    tim_version text NOT NULL,
    settings text DEFAULT '{}'::text NOT NULL,
    client_url text,
    created_ts bigint NOT NULL,
    CONSTRAINT tenant_variant_check CHECK ((variant = ANY (ARRAY['pro'::text, 'epa'::text, 'off'::text])))
);
CREATE TABLE public.tenant_host (
    host text NOT NULL,
    tenant_id bigint NOT NULL
);
CREATE TABLE public.tenant_key (
    tenant_id bigint NOT NULL,
    key_id text NOT NULL,
    seed bytea NOT NULL,
    public_key bytea NOT NULL,
    created_ts bigint NOT NULL,
    expired_ts bigint
);
ALTER TABLE ONLY public.tenant_key FORCE ROW LEVEL SECURITY;
CREATE TABLE public.term (
    tenant_id bigint NOT NULL,
    nid bigint NOT NULL,
    name bytea NOT NULL
);
ALTER TABLE ONLY public.term FORCE ROW LEVEL SECURITY;
CREATE TABLE public.to_device (
    tenant_id bigint NOT NULL,
    device_nid bigint NOT NULL,
    "position" bigint NOT NULL,
    message_nid bigint NOT NULL,
    message bytea NOT NULL
);
ALTER TABLE ONLY public.to_device FORCE ROW LEVEL SECURITY;
CREATE TABLE public.to_device_outbox (
    tenant_id bigint NOT NULL,
    server_nid bigint NOT NULL,
    "position" bigint NOT NULL,
    message bytea NOT NULL,
    created_ts bigint NOT NULL
);
ALTER TABLE ONLY public.to_device_outbox FORCE ROW LEVEL SECURITY;
CREATE TABLE public.to_device_txn (
    tenant_id bigint NOT NULL,
    device_nid bigint NOT NULL,
    txn_id text NOT NULL,
    created_ts bigint NOT NULL
);
ALTER TABLE ONLY public.to_device_txn FORCE ROW LEVEL SECURITY;
CREATE TABLE public.typing (
    tenant_id bigint NOT NULL,
    room_nid bigint NOT NULL,
    user_nid bigint NOT NULL,
    expires_ts bigint NOT NULL,
    "position" bigint NOT NULL
);
ALTER TABLE ONLY public.typing FORCE ROW LEVEL SECURITY;
CREATE TABLE public.uia_session (
    tenant_id bigint NOT NULL,
    session_id text NOT NULL,
    request bytea NOT NULL,
    completed text[] NOT NULL,
    created_ts bigint NOT NULL
);
ALTER TABLE ONLY public.uia_session FORCE ROW LEVEL SECURITY;
CREATE TABLE public.unlisted_server (
    tenant_id bigint NOT NULL,
    server_nid bigint NOT NULL,
    told_ts bigint NOT NULL
);
ALTER TABLE ONLY public.unlisted_server FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_pkey PRIMARY KEY (tenant_id, token_hash);
ALTER TABLE ONLY public.account_data
    ADD CONSTRAINT account_data_pkey PRIMARY KEY (tenant_id, user_nid, room_nid, type);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_localpart_key UNIQUE (tenant_id, localpart);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (tenant_id, user_nid);
ALTER TABLE ONLY public.cross_signing_key
    ADD CONSTRAINT cross_signing_key_pkey PRIMARY KEY (tenant_id, user_nid, usage);
ALTER TABLE ONLY public.current_state
    ADD CONSTRAINT current_state_pkey PRIMARY KEY (tenant_id, room_nid, key_nid);
ALTER TABLE ONLY public.dehydrated_device
    ADD CONSTRAINT dehydrated_device_pkey PRIMARY KEY (tenant_id, user_nid);
ALTER TABLE ONLY public.destination
    ADD CONSTRAINT destination_pkey PRIMARY KEY (tenant_id, server_nid);
ALTER TABLE ONLY public.device_change
    ADD CONSTRAINT device_change_pkey PRIMARY KEY (tenant_id, user_nid, device_id);
ALTER TABLE ONLY public.device_key
    ADD CONSTRAINT device_key_pkey PRIMARY KEY (tenant_id, device_nid);
ALTER TABLE ONLY public.device_list_change
    ADD CONSTRAINT device_list_change_pkey PRIMARY KEY (tenant_id, user_nid);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_nid_key UNIQUE (tenant_id, device_nid);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (tenant_id, user_nid, device_id);
ALTER TABLE ONLY public.early_redaction
    ADD CONSTRAINT early_redaction_pkey PRIMARY KEY (tenant_id, target_hash, event_nid);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_hash_key UNIQUE (tenant_id, event_hash);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (tenant_id, event_nid);
ALTER TABLE ONLY public.fallback_key
    ADD CONSTRAINT fallback_key_pkey PRIMARY KEY (tenant_id, device_nid, algorithm);
ALTER TABLE ONLY public.inbound_transaction
    ADD CONSTRAINT inbound_transaction_pkey PRIMARY KEY (tenant_id, txn_hash);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (tenant_id, origin, room_nid, event_hash);
ALTER TABLE ONLY public.inbox_queue
    ADD CONSTRAINT inbox_queue_pkey PRIMARY KEY (tenant_id, room_nid, origin);
ALTER TABLE ONLY public.key_backup
    ADD CONSTRAINT key_backup_pkey PRIMARY KEY (tenant_id, user_nid, version);
ALTER TABLE ONLY public.key_count_change
    ADD CONSTRAINT key_count_change_pkey PRIMARY KEY (tenant_id, device_nid);
ALTER TABLE ONLY public.key_signature
    ADD CONSTRAINT key_signature_pkey PRIMARY KEY (tenant_id, target_nid, target_key, signer_nid, signing_key_id);
ALTER TABLE ONLY public.log_position
    ADD CONSTRAINT log_position_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT media_pkey PRIMARY KEY (tenant_id, media_id);
ALTER TABLE ONLY public.media_thumbnail
    ADD CONSTRAINT media_thumbnail_pkey PRIMARY KEY (tenant_id, media_id, variant);
ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (tenant_id, user_nid, room_nid);
ALTER TABLE ONLY public.missing_event
    ADD CONSTRAINT missing_event_pkey PRIMARY KEY (tenant_id, room_nid, event_hash, named_by);
ALTER TABLE ONLY public.one_time_key
    ADD CONSTRAINT one_time_key_pkey PRIMARY KEY (tenant_id, device_nid, algorithm, key_id);
ALTER TABLE ONLY public.openid_token
    ADD CONSTRAINT openid_token_pkey PRIMARY KEY (tenant_id, token_hash);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (tenant_id, "position");
ALTER TABLE ONLY public.presence
    ADD CONSTRAINT presence_pkey PRIMARY KEY (tenant_id, user_nid);
ALTER TABLE ONLY public.profile_field
    ADD CONSTRAINT profile_field_pkey PRIMARY KEY (tenant_id, user_nid, name);
ALTER TABLE ONLY public.push_rules
    ADD CONSTRAINT push_rules_pkey PRIMARY KEY (tenant_id, user_nid);
ALTER TABLE ONLY public.pusher
    ADD CONSTRAINT pusher_pkey PRIMARY KEY (tenant_id, user_nid, app_id, pushkey);
ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (tenant_id, room_nid, user_nid, kind, thread);
ALTER TABLE ONLY public.refresh_token
    ADD CONSTRAINT refresh_token_pkey PRIMARY KEY (tenant_id, token_hash);
ALTER TABLE ONLY public.relation
    ADD CONSTRAINT relation_pkey PRIMARY KEY (tenant_id, event_nid);
ALTER TABLE ONLY public.remote_device_list
    ADD CONSTRAINT remote_device_list_pkey PRIMARY KEY (tenant_id, user_nid);
ALTER TABLE ONLY public.remote_device
    ADD CONSTRAINT remote_device_pkey PRIMARY KEY (tenant_id, user_nid, device_id);
ALTER TABLE ONLY public.remote_to_device_txn
    ADD CONSTRAINT remote_to_device_txn_pkey PRIMARY KEY (tenant_id, server_nid, message_id);
ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_pkey PRIMARY KEY (tenant_id, report_nid);
ALTER TABLE ONLY public.room_alias
    ADD CONSTRAINT room_alias_pkey PRIMARY KEY (tenant_id, alias);
ALTER TABLE ONLY public.room_head
    ADD CONSTRAINT room_head_pkey PRIMARY KEY (tenant_id, room_nid);
ALTER TABLE ONLY public.room
    ADD CONSTRAINT room_id_key UNIQUE (tenant_id, room_id);
ALTER TABLE ONLY public.room_key
    ADD CONSTRAINT room_key_pkey PRIMARY KEY (tenant_id, user_nid, version, room_id, session_id);
ALTER TABLE ONLY public.room
    ADD CONSTRAINT room_pkey PRIMARY KEY (tenant_id, room_nid);
ALTER TABLE ONLY public.room_server
    ADD CONSTRAINT room_server_pkey PRIMARY KEY (tenant_id, room_nid, server_nid);
ALTER TABLE ONLY public.room_summary
    ADD CONSTRAINT room_summary_pkey PRIMARY KEY (tenant_id, room_nid);
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.sending
    ADD CONSTRAINT sending_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.server_key
    ADD CONSTRAINT server_key_pkey PRIMARY KEY (server_name, key_id);
ALTER TABLE ONLY public.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (tenant_id, snapshot_nid);
ALTER TABLE ONLY public.state_change
    ADD CONSTRAINT state_change_pkey PRIMARY KEY (tenant_id, room_nid, "position", key_nid);
ALTER TABLE ONLY public.sync_filter
    ADD CONSTRAINT sync_filter_pkey PRIMARY KEY (tenant_id, user_nid, filter_id);
ALTER TABLE ONLY public.tenant_host
    ADD CONSTRAINT tenant_host_pkey PRIMARY KEY (host);
ALTER TABLE ONLY public.tenant_key
    ADD CONSTRAINT tenant_key_pkey PRIMARY KEY (tenant_id, key_id);
ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_server_name_key UNIQUE (server_name);
ALTER TABLE ONLY public.term
    ADD CONSTRAINT term_name_key UNIQUE (tenant_id, name);
ALTER TABLE ONLY public.term
    ADD CONSTRAINT term_pkey PRIMARY KEY (tenant_id, nid);
ALTER TABLE ONLY public.to_device_outbox
    ADD CONSTRAINT to_device_outbox_pkey PRIMARY KEY (tenant_id, server_nid, "position");
ALTER TABLE ONLY public.to_device
    ADD CONSTRAINT to_device_pkey PRIMARY KEY (tenant_id, device_nid, "position", message_nid);
ALTER TABLE ONLY public.to_device_txn
    ADD CONSTRAINT to_device_txn_pkey PRIMARY KEY (tenant_id, device_nid, txn_id);
ALTER TABLE ONLY public.typing
    ADD CONSTRAINT typing_pkey PRIMARY KEY (tenant_id, room_nid, user_nid);
ALTER TABLE ONLY public.uia_session
    ADD CONSTRAINT uia_session_pkey PRIMARY KEY (tenant_id, session_id);
ALTER TABLE ONLY public.unlisted_server
    ADD CONSTRAINT unlisted_server_pkey PRIMARY KEY (tenant_id, server_nid);
CREATE INDEX access_token_device ON public.access_token USING btree (tenant_id, device_nid);
CREATE INDEX account_data_log ON public.account_data USING btree (tenant_id, "position");
CREATE INDEX account_data_position ON public.account_data USING btree (tenant_id, user_nid, "position");
CREATE INDEX current_state_change ON public.current_state USING btree (tenant_id, room_nid, "position");
CREATE INDEX destination_pending ON public.destination USING btree (tenant_id, server_nid) WHERE (wanted_position > sent_position);
CREATE INDEX device_change_log ON public.device_change USING btree (tenant_id, "position");
CREATE INDEX device_key_user ON public.device_key USING btree (tenant_id, user_nid);
CREATE INDEX device_list_change_log ON public.device_list_change USING btree (tenant_id, "position");
CREATE INDEX event_chain ON public.event USING btree (tenant_id, room_nid, chain_nid, chain_position) WHERE (chain_nid IS NOT NULL);
CREATE INDEX event_log ON public.event USING btree (tenant_id, "position") INCLUDE (room_nid);
CREATE INDEX event_push ON public.event USING btree (tenant_id, room_nid, "position") WHERE ((push_default > 0) OR (push_except IS NOT NULL));
CREATE INDEX event_room ON public.event USING btree (tenant_id, room_nid, "position");
CREATE INDEX event_thread ON public.event USING btree (tenant_id, room_nid, thread_nid, "position") WHERE (thread_nid IS NOT NULL);
CREATE UNIQUE INDEX event_txn ON public.event USING btree (tenant_id, device_nid, txn_id, room_nid, type_nid) WHERE (txn_id IS NOT NULL);
CREATE INDEX inbound_transaction_expiry ON public.inbound_transaction USING btree (tenant_id, expires_ts);
CREATE INDEX inbox_order ON public.inbox USING btree (tenant_id, origin, room_nid, received_ts, place);
CREATE INDEX inbox_queue_due ON public.inbox_queue USING btree (due_ts);
CREATE INDEX key_count_change_log ON public.key_count_change USING btree (tenant_id, "position");
CREATE INDEX key_signature_log ON public.key_signature USING btree (tenant_id, signer_nid, "position");
CREATE INDEX key_signature_tail ON public.key_signature USING btree (tenant_id, "position");
CREATE INDEX media_announced ON public.media USING btree (tenant_id, uploader_nid, expires_ts) WHERE (blob IS NULL);
CREATE UNIQUE INDEX media_blob ON public.media USING btree (tenant_id, blob);
CREATE UNIQUE INDEX media_remote ON public.media USING btree (tenant_id, server_nid, remote_id) WHERE (server_nid IS NOT NULL);
CREATE INDEX media_remote_access ON public.media USING btree (tenant_id, access_ts) WHERE (server_nid IS NOT NULL);
CREATE UNIQUE INDEX media_thumbnail_blob ON public.media_thumbnail USING btree (tenant_id, blob);
CREATE INDEX media_uploader ON public.media USING btree (tenant_id, uploader_nid, created_ts);
CREATE INDEX membership_change ON public.membership USING btree (tenant_id, room_nid, "position");
CREATE INDEX membership_room ON public.membership USING btree (tenant_id, room_nid, membership);
CREATE INDEX membership_server ON public.membership USING btree (tenant_id, room_nid, server_nid, membership) WHERE (server_nid IS NOT NULL);
CREATE INDEX one_time_key_next ON public.one_time_key USING btree (tenant_id, device_nid, algorithm, ordinal) WHERE (NOT claimed);
CREATE INDEX outbox_room ON public.outbox USING btree (tenant_id, room_nid, "position");
CREATE INDEX presence_log ON public.presence USING btree (tenant_id, "position");
CREATE INDEX push_rules_log ON public.push_rules USING btree (tenant_id, "position");
CREATE INDEX pusher_device ON public.pusher USING btree (tenant_id, device_nid);
CREATE INDEX pusher_key ON public.pusher USING btree (tenant_id, app_id, pushkey);
CREATE INDEX receipt_log ON public.receipt USING btree (tenant_id, "position");
CREATE INDEX refresh_token_device ON public.refresh_token USING btree (tenant_id, device_nid);
CREATE INDEX relation_target ON public.relation USING btree (tenant_id, target_hash, rel_type, "position");
CREATE INDEX remote_to_device_txn_age ON public.remote_to_device_txn USING btree (tenant_id, created_ts);
CREATE INDEX room_alias_room ON public.room_alias USING btree (tenant_id, room_nid);
CREATE INDEX room_directory ON public.room USING btree (tenant_id, room_nid) WHERE in_directory;
CREATE INDEX room_server_rooms ON public.room_server USING btree (tenant_id, server_nid, room_nid);
CREATE INDEX sending_due ON public.sending USING btree (due_ts) WHERE (due_ts IS NOT NULL);
CREATE INDEX snapshot_room ON public.snapshot USING btree (tenant_id, room_nid);
CREATE INDEX tenant_host_tenant ON public.tenant_host USING btree (tenant_id);
CREATE INDEX to_device_log ON public.to_device USING btree (tenant_id, "position");
CREATE INDEX to_device_outbox_log ON public.to_device_outbox USING btree (tenant_id, "position");
CREATE INDEX typing_log ON public.typing USING btree (tenant_id, "position");
ALTER TABLE ONLY public.inbox_queue
    ADD CONSTRAINT inbox_queue_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.media_thumbnail
    ADD CONSTRAINT media_thumbnail_media_fkey FOREIGN KEY (tenant_id, media_id) REFERENCES public.media(tenant_id, media_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sending
    ADD CONSTRAINT sending_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tenant_host
    ADD CONSTRAINT tenant_host_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id) ON DELETE CASCADE;
ALTER TABLE public.access_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.account_data ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.cross_signing_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.current_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.dehydrated_device ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.destination ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.device ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.device_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.device_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.device_list_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.early_redaction ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.fallback_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.inbound_transaction ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.key_backup ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.key_count_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.key_signature ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.log_position ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.media ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.media_thumbnail ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.missing_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.one_time_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.openid_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.presence ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.profile_field ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.push_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pusher ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.receipt ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.refresh_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.relation ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.remote_device ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.remote_device_list ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.remote_to_device_txn ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.report ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.room ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.room_alias ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.room_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.room_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.room_server ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.room_summary ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.snapshot ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.state_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.sync_filter ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenant_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON public.access_token USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.account USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.account_data USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.cross_signing_key USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.current_state USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.dehydrated_device USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.destination USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.device USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.device_change USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.device_key USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.device_list_change USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.early_redaction USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.event USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.fallback_key USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.inbound_transaction USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.inbox USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.key_backup USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.key_count_change USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.key_signature USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.log_position USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.media USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.media_thumbnail USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.membership USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.missing_event USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.one_time_key USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.openid_token USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.outbox USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.presence USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.profile_field USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.push_rules USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.pusher USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.receipt USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.refresh_token USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.relation USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.remote_device USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.remote_device_list USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.remote_to_device_txn USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.report USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.room USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.room_alias USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.room_head USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.room_key USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.room_server USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.room_summary USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.snapshot USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.state_change USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.sync_filter USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.tenant_key USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.term USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.to_device USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.to_device_outbox USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.to_device_txn USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.typing USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.uia_session USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
CREATE POLICY tenant_wall ON public.unlisted_server USING ((tenant_id = (current_setting('tim.tenant'::text, true))::bigint));
ALTER TABLE public.term ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.to_device ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.to_device_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.to_device_txn ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.typing ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.uia_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.unlisted_server ENABLE ROW LEVEL SECURITY;
