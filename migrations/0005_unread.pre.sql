-- The root of a threaded receipt as a number, and the events that notify anybody, for unread counts.
alter table receipt add column thread_nid bigint not null default 0;

create index event_push on event (tenant_id, room_nid, position)
    where push_default > 0 or push_except is not null;
