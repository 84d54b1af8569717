-- What a user's push rules differ from the defaults in; no row: the defaults.
create table push_rules (
    tenant_id bigint not null,
    user_nid  bigint not null,
    rules     bytea not null,            -- JSON, see matrix.push_rules.rules.UserRules
    position  bigint not null,
    constraint push_rules_pkey primary key (tenant_id, user_nid)
);
create index push_rules_log on push_rules (tenant_id, position);
select make_tenant_table('push_rules');
