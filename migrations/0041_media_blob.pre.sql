-- A stored file belongs to one row; the sweep asks by its name.
create unique index media_blob on media (tenant_id, blob);
create unique index media_thumbnail_blob on media_thumbnail (tenant_id, blob);
