-- How far the transaction reaches that begins after `p_after`: at most `p_up_to`, and so that it holds at most 50 PDUs and
-- 100 EDUs (of messages to devices 25 and one megabyte, of positions with changes of devices 10, of users who join 20, of
-- receipts in threads 9). One position holds one fact (several devices that change together are told as one), so a short
-- part needs no counting. A step of take_sending.
create function transaction_end(p_tenant bigint, p_server bigint, p_after bigint, p_up_to bigint, p_pdus boolean)
returns bigint language plpgsql as $$
declare
    part_end bigint := p_up_to;
begin
    select least(part_end, min(x.position) - 1) into part_end from (
        select t.position, row_number() over (order by t.position) as place,
               sum(length(t.message)) over (order by t.position) as bytes
        from (select o.position, o.message from to_device_outbox o
              where o.tenant_id = p_tenant and o.server_nid = p_server and o.position > p_after and o.position <= p_up_to
              order by o.position limit 26) t) x
        where x.place > 25 or (x.place > 1 and x.bytes > 1000000);
    if part_end - p_after <= 40 then
        return part_end;
    end if;
    if p_pdus then
        select least(part_end, min(x.position) - 1) into part_end from (
            select o.position from outbox o
                join room_server r on r.tenant_id = p_tenant and r.room_nid = o.room_nid and r.server_nid = p_server
                    and r.since_position < o.position and coalesce(r.until_position, o.position) >= o.position
                where o.tenant_id = p_tenant and o.position > p_after and o.position <= part_end
                order by o.position offset 50 limit 1) x;
        select least(part_end, min(x.position) - 1) into part_end from (
            select o.position from outbox o
                join event e on e.tenant_id = p_tenant and e.event_nid = o.event_nid and e.type_nid = 2
                join membership m on m.tenant_id = p_tenant and m.user_nid = e.key_nid and m.room_nid = o.room_nid
                    and m.local and m.join_position = o.position
                where o.tenant_id = p_tenant and o.position > p_after and o.position <= part_end
                order by o.position offset 20 limit 1) x;
    end if;
    select least(part_end, min(x.position) - 1) into part_end from (
        select distinct c.position from device_change c
            join membership m on m.tenant_id = p_tenant and m.user_nid = c.user_nid and m.membership = 1 and m.local
            join room_server r on r.tenant_id = p_tenant and r.room_nid = m.room_nid and r.server_nid = p_server
                and r.until_position is null
            where c.tenant_id = p_tenant and c.position > p_after and c.position <= part_end
            order by c.position offset 10 limit 1) x;
    -- one m.receipt holds one receipt of a user in a room: further threads need further EDUs
    select least(part_end, min(x.position) - 1) into part_end from (
        select x.position from receipt x
            join room_server r on r.tenant_id = p_tenant and r.room_nid = x.room_nid and r.server_nid = p_server
                and r.until_position is null
            where x.tenant_id = p_tenant and x.position > p_after and x.position <= part_end and x.kind = 1
                and x.thread <> '' order by x.position offset 9 limit 1) x;
    select least(part_end, min(x.position) - 1) into part_end from (
        select x.position from receipt x
            join room_server r on r.tenant_id = p_tenant and r.room_nid = x.room_nid and r.server_nid = p_server
                and r.until_position is null
            where x.tenant_id = p_tenant and x.position > p_after and x.position <= part_end and x.kind = 1
            order by x.position offset 500 limit 1) x;
    return part_end;
end $$;
