-- There is something new to send, in the same transaction: somebody must look within seconds, also when this process
-- dies before it does so itself. `p_position` is the position of what is new. A tenant that was never in a room with
-- another server has no row (see write_state_changes), and gets one only with `p_first`. A step.
create function note_sending(p_tenant bigint, p_position bigint, p_first boolean) returns void language plpgsql as $$
declare
    latest bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint + 15000;
begin
    update sending s set due_ts = latest
        where s.tenant_id = p_tenant and (s.due_ts is null or s.due_ts > latest);
    if not found and p_first then
        insert into sending (tenant_id, due_ts, spread_position) values (p_tenant, latest, p_position - 1)
            on conflict do nothing;
    end if;
end $$;
