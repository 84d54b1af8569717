-- Delete a room with everything in it, when all local members have left and forgotten it (asked again under the lock
-- that an append needs, since somebody may have come back). Rows are really deleted. True when it was done.
create function purge_room(p_tenant bigint, p_room bigint) returns table (purged boolean) language plpgsql as $$
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
