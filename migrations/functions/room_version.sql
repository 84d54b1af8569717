-- The version of a room's head: has anybody appended to it? One round trip.
create function room_version(p_tenant bigint, p_room bigint) returns table (version bigint) language plpgsql as $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    return query select h.version from room_head h where h.tenant_id = p_tenant and h.room_nid = p_room;
end $$;
