-- Files of other servers, kept as if they were ours under an id of our own that nobody else learns (RELIABILITY M1):
-- whose they are, and under which id there. Null: uploaded here.
alter table media add column server_nid bigint;
alter table media add column remote_id text;
create unique index media_remote on media (tenant_id, server_nid, remote_id) where server_nid is not null;
create index media_remote_access on media (tenant_id, access_ts) where server_nid is not null;
