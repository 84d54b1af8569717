-- What an event relates to, when it is in the room: its number, the thread it is part of, whether the sender has
-- annotated it already with the same key by another request, and whether it relates to another event itself.
create function relation_target(
    p_tenant bigint, p_room bigint, p_hash bytea, p_sender bigint, p_type bigint, p_key text, p_device bigint, p_txn text
) returns table (event_nid bigint, thread_nid bigint, annotated boolean, related boolean) language plpgsql as $$
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
