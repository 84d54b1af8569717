-- What is to be sent for a tenant now: mark the destinations that the newest part of the log concerns, then take the
-- next transaction of those that are due and that nobody else serves, at most `p_limit` that work and `p_probes` that
-- have failed before. The lease is the caller's until `p_now + p_lease`.
create function take_sending(
    p_tenant bigint, p_now bigint, p_owner bigint, p_lease bigint, p_limit integer, p_probes integer, p_presence boolean
) returns table (
    server_nid bigint, epoch_ts bigint, sent_position bigint, taken_position bigint, taken_room bigint,
    catch_up_from bigint, catch_up_to bigint, catch_up_room bigint, failing_since_ts bigint, refusals integer,
    is_repeated boolean
) language plpgsql as $$
#variable_conflict use_column
declare
    spread bigint;
    reached bigint;
    d destination;
    part_end bigint;
    room bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    select l.position into reached from log_position l where l.tenant_id = p_tenant;
    select s.spread_position into spread from sending s where s.tenant_id = p_tenant for update;
    if not found then
        return;
    end if;
    if reached > spread then
        insert into destination as d (tenant_id, server_nid, epoch_ts, sent_position, wanted_position)
            select p_tenant, c.server_nid, p_now, spread, reached
                from concerned_servers(p_tenant, spread, reached, p_presence) c
            on conflict (tenant_id, server_nid) do update set
                sent_position = case when d.wanted_position <= d.sent_position and d.taken_position is null
                                     then excluded.sent_position else d.sent_position end,
                wanted_position = excluded.wanted_position
            where d.wanted_position <= coalesce(d.taken_position, d.sent_position);
        update sending s set spread_position = reached, due_ts = p_now + p_lease where s.tenant_id = p_tenant;
    end if;
    for d in
        select (x.due).* from (
            select due, row_number() over (partition by due.failing_since_ts is null order by due.lease_until_ts) as place
            from destination due where due.tenant_id = p_tenant
                and (due.wanted_position > due.sent_position or due.catch_up_to is not null)
                and due.lease_until_ts <= p_now and due.next_try_ts <= p_now) x
        where x.place <= case when (x.due).failing_since_ts is null then p_limit else p_probes end
    loop
        part_end := d.taken_position;
        room := d.taken_room;
        if part_end is null then
            if d.behind then
                d.behind := false;
                d.catch_up_from := coalesce(d.catch_up_from, d.sent_position);
                d.catch_up_to := reached;
                d.catch_up_room := 0;
            end if;
            if d.sent_position < d.catch_up_to then
                part_end := transaction_end(p_tenant, d.server_nid, d.sent_position, d.catch_up_to, false);
            elsif d.catch_up_to is not null then
                select max(x.room_nid) into room from (
                    select r.room_nid from room_server r join room_head h
                        on h.tenant_id = p_tenant and h.room_nid = r.room_nid and h.position > d.catch_up_from
                    where r.tenant_id = p_tenant and r.server_nid = d.server_nid and r.room_nid > d.catch_up_room
                        and coalesce(r.until_position, h.position) > d.catch_up_from
                    order by r.room_nid limit 10) x;
                if room is not null then
                    part_end := d.sent_position;
                else
                    d.catch_up_from := null;
                    d.catch_up_to := null;
                end if;
            end if;
            if part_end is null and d.wanted_position > d.sent_position then
                part_end := transaction_end(p_tenant, d.server_nid, d.sent_position, reached, true);
                if part_end < reached then
                    d.wanted_position := reached;
                end if;
            end if;
        end if;
        update destination u set
            taken_position = part_end, taken_room = room, wanted_position = d.wanted_position, behind = d.behind,
            catch_up_from = d.catch_up_from, catch_up_to = d.catch_up_to, catch_up_room = d.catch_up_room,
            lease_owner = p_owner, lease_until_ts = case when part_end is null then p_now else p_now + p_lease end
            where u.tenant_id = p_tenant and u.server_nid = d.server_nid;
        if part_end is not null then
            return query select d.server_nid, d.epoch_ts, d.sent_position, part_end, room, d.catch_up_from, d.catch_up_to,
                                d.catch_up_room, d.failing_since_ts, d.refusals, d.taken_position is not null;
        end if;
    end loop;
end $$;
