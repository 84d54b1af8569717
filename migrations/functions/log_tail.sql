-- What happened in a tenant's log after a position, as far as it decides whom to wake: one row per fact and concern.
-- Kinds: 1 event, 2 receipt, 3 account data, 4 to-device, 5 device list, 6 typing, 7 presence.
create function log_tail(p_tenant bigint, p_after bigint)
returns table ("position" bigint, kind smallint, room_nid bigint, user_nid bigint, membership smallint)
language plpgsql as $$
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
