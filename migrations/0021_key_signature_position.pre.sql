-- A signature on another user's key shows only in the syncs of who made it.
alter table key_signature add column position bigint not null default 0;
create index key_signature_log on key_signature (tenant_id, signer_nid, position);
create index key_signature_tail on key_signature (tenant_id, position);
