-- After a round for a tenant: delete what all concerned destinations have of the outbox, and at most `p_rows` of it stay;
-- say when somebody must look again (null: not before there is something new).
create function settle_sending(p_tenant bigint, p_now bigint, p_rows integer)
returns table (due_ts bigint) language plpgsql as $$
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
