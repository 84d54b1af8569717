-- The outbox no longer keeps events for some destinations; they will get the newest ones of each room. A step.
create function fall_behind(p_tenant bigint, p_servers bigint[]) returns void language plpgsql as $$
begin
    update destination u set behind = true, catch_up_from = coalesce(u.catch_up_from, u.sent_position)
        where u.tenant_id = p_tenant and u.server_nid = any (p_servers) and not u.behind;
end $$;
