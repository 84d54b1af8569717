-- Append one event that is not state: `append_events` for the hot path, with scalars instead of arrays.
create function append_message(
    p_tenant bigint, p_room bigint, p_version bigint, p_device bigint, p_txn text,
    p_nid bigint, p_hash bytea, p_depth bigint, p_ts bigint, p_type bigint, p_sender bigint, p_prev text, p_auth text,
    p_snapshot bigint, p_thread bigint, p_push smallint, p_except text, p_json bytea,
    p_rel_target bytea, p_rel_type text, p_rel_key text
) returns table (status smallint, "position" bigint, event_nid bigint, event_hash bytea)
language plpgsql as $$
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
