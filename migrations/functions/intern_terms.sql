-- Numbers of names, new names included: `p_nids` are the numbers that new ones get.
create function intern_terms(p_tenant bigint, p_names bytea[], p_nids bigint[])
returns table (name bytea, nid bigint) language plpgsql as $$
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    insert into term (tenant_id, nid, name)
        select p_tenant, n.nid, n.name from unnest(p_names, p_nids) n (name, nid)
        where not exists (select from term t where t.tenant_id = p_tenant and t.name = n.name)
        on conflict do nothing;
    return query select t.name, t.nid from term t where t.tenant_id = p_tenant and t.name = any (p_names);
end $$;
