-- Admit another server's event to a room: one round trip, one commit (DESIGN 3).
--
-- Status as in `append_events`: 0 written; 1 the event is known; 2 the head is stale, nothing was written. Without
-- flags (4 rejected, 8 soft-failed) the event becomes part of the room: it takes a position, the extremities become
-- `p_extremities`, and the state changes as the `p_change_…` arrays say, all at the event's position. With flags it is
-- kept for those that follow it. `p_forward`: other servers must get it from us.
-- The head is stale, too, when the event is here as an outlier of another number, which others may have stored meanwhile;
-- they may also do so at the same moment: then a serialization failure is raised. `p_guess`: nobody has looked whether the
-- event was redacted before.
create function admit_event(
    p_tenant bigint, p_room bigint, p_version bigint,
    p_nid bigint, p_hash bytea, p_flags integer, p_depth bigint, p_ts bigint, p_type bigint, p_key bigint,
    p_sender bigint, p_prev text, p_auth text, p_snapshot bigint, p_replaces bigint, p_thread bigint,
    p_push smallint, p_except text, p_json bytea, p_chain bigint, p_chain_position bigint, p_vector bytea,
    p_rel_target bytea, p_rel_type text, p_rel_key text,
    p_redact_nid bigint, p_redact_json bytea, p_early_target bytea, p_redacted_by bigint,
    p_extremities bigint[], p_head_snapshot bigint,
    p_snap_nids bigint[], p_snap_bases bigint[], p_snap_others bytea[], p_snap_members bytea[], p_snap_reach bytea[],
    p_change_keys bigint[], p_change_types bigint[], p_change_nids bigint[], p_change_replaces bigint[],
    p_change_memberships smallint[], p_change_local boolean[], p_change_servers bigint[], p_change_stripped bytea[],
    p_joined integer, p_invited integer, p_missing bytea[], p_forward boolean, p_guess boolean
) returns table (status smallint, "position" bigint, event_nid bigint, event_hash bytea)
language plpgsql as $$
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
