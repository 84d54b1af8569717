-- Signing keys in use whose secret half is not the tenant's alone: another tenant has the key too, or everybody has
-- (`p_known_bad`). Looks into the tenants one after the other, each behind its own wall.
create function unsafe_signing_keys(p_known_bad bytea[])
returns table (server_name text, key_id text) language plpgsql as $$
declare
    one record;
    held record;
    names text[] := '{}';
    ids text[] := '{}';
    in_use boolean[] := '{}';
    keys bytea[] := '{}';
begin
    for one in select t.tenant_id, t.server_name as name from tenant t loop
        perform set_config('tim.tenant', one.tenant_id::text, true);
        for held in select k.key_id, k.public_key, k.expired_ts is null as used
                    from tenant_key k where k.tenant_id = one.tenant_id loop
            names := names || one.name;
            ids := ids || held.key_id;
            in_use := in_use || held.used;
            keys := keys || held.public_key;
        end loop;
    end loop;
    return query
        select u.name, u.id
        from (select a.name, a.id, a.used, a.key, count(*) over (partition by a.key) as holders
              from unnest(names, ids, in_use, keys) a (name, id, used, key)) u
        where u.used and (u.holders > 1 or u.key = any (p_known_bad))
        order by 1, 2;
end $$;
