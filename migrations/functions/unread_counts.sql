-- Unread notifications of a user: events after the newest receipt that concerns their thread (and after the join) that
-- notify the user. Derived from the events each time, so it cannot drift. Thread 0 is the main timeline.
create function unread_counts(p_tenant bigint, p_user bigint, p_rooms bigint[])
returns table (room_nid bigint, thread_nid bigint, notify bigint, highlight bigint) language sql stable as $$
    with base as materialized ( -- not asked anew for each event
        select m.room_nid, greatest(m.join_position, coalesce((
                   select max(r.event_position) from receipt r where r.tenant_id = p_tenant and r.room_nid = m.room_nid
                       and r.user_nid = p_user and r.thread = ''), 0)) as after
        from membership m
        where m.tenant_id = p_tenant and m.user_nid = p_user and m.room_nid = any (p_rooms) and m.membership = 1
    ), threads as materialized (
        select r.room_nid, coalesce(e.event_nid, 0) as thread_nid, max(r.event_position) as after
        from receipt r left join event e on r.thread <> 'main' and e.tenant_id = p_tenant and e.room_nid = r.room_nid
            and e.event_nid = r.thread_nid
        where r.tenant_id = p_tenant and r.room_nid = any (p_rooms) and r.user_nid = p_user and r.thread <> ''
        group by 1, 2
    ), told as (
        select e.room_nid, coalesce(e.thread_nid, 0) as thread_nid,
               case when e.push_except is null then e.push_default else
                   coalesce((select x % 4 from unnest(e.push_except) x where x / 4 = p_user), e.push_default)
               end as outcome
        from base b join event e on e.tenant_id = p_tenant and e.room_nid = b.room_nid and e.position > b.after
            and (e.push_default > 0 or e.push_except is not null) and e.sender_nid <> p_user
        left join threads t on t.room_nid = e.room_nid and t.thread_nid = coalesce(e.thread_nid, 0)
        where e.position > coalesce(t.after, 0)
    )
    select t.room_nid, t.thread_nid, count(*) filter (where t.outcome > 0), count(*) filter (where t.outcome = 2)
    from told t where t.outcome > 0 group by 1, 2
$$;
