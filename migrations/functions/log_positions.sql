-- Positions of several tenants, each read under its own wall: what the wake-up poll asks.
create function log_positions(p_tenants bigint[]) returns table (tenant_id bigint, "position" bigint)
language plpgsql as $$
declare
    t bigint;
begin
    foreach t in array p_tenants loop
        perform set_config('tim.tenant', t::text, true);
        return query select l.tenant_id, l.position from log_position l where l.tenant_id = t;
    end loop;
end $$;
