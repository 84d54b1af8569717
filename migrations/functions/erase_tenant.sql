-- How many rows a tenant has in each of its tables; with `p_erase` they are removed, and the tenant with them.
create function erase_tenant(p_tenant bigint, p_erase boolean)
returns table (table_name text, row_count bigint)
language plpgsql as $$
declare
    owned text;
    found_rows bigint;
begin
    perform set_config('tim.tenant', p_tenant::text, true);
    for owned in
        select c.relname from pg_class c join pg_policy p on p.polrelid = c.oid
        where p.polname = 'tenant_wall' and c.relnamespace = current_schema()::regnamespace order by c.relname
    loop
        if p_erase then
            execute format('delete from %I where tenant_id = $1', owned) using p_tenant;
            get diagnostics found_rows = row_count;
        else
            execute format('select count(*) from %I where tenant_id = $1', owned) into found_rows using p_tenant;
        end if;
        if found_rows > 0 then
            table_name := owned; row_count := found_rows;
            return next;
        end if;
    end loop;
    if p_erase then
        delete from tenant t where t.tenant_id = p_tenant;
    end if;
end $$;
