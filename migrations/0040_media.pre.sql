-- Uploaded files. The bytes lie in the media directory under the name in `blob`, which is ours and random.
create table media (
    tenant_id    bigint not null,
    media_id     text not null,
    uploader_nid bigint not null,
    blob         text,                      -- null: announced by `create`, not uploaded yet
    content_type text not null,             -- as declared and cleaned
    file_name    text,
    size_bytes   bigint not null,
    sha256       bytea,
    created_ts   bigint not null,
    expires_ts   bigint,                    -- of an announced one
    access_ts    bigint not null,           -- last download, exact to a day (MED-3); retention goes by it
    quarantined  boolean not null default false,
    constraint media_pkey primary key (tenant_id, media_id)
);
create index media_uploader on media (tenant_id, uploader_nid, created_ts);
create index media_announced on media (tenant_id, uploader_nid, expires_ts) where blob is null;
select make_tenant_table('media');

-- What became of a thumbnail of one of our sizes; `blob` is null unless one was made.
create table media_thumbnail (
    tenant_id    bigint not null,
    media_id     text not null,
    variant      text not null,             -- for example "crop-96x96", "scale-320x240-animated"
    outcome      text not null,             -- made, original, too_large, failed
    content_type text not null,
    size_bytes   bigint not null,
    blob         text,
    constraint media_thumbnail_pkey primary key (tenant_id, media_id, variant),
    constraint media_thumbnail_media_fkey foreign key (tenant_id, media_id)
        references media (tenant_id, media_id) on delete cascade
);
select make_tenant_table('media_thumbnail');
