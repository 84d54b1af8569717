"""Tables `media` and `media_thumbnail`. A file of another server has a media id here that nobody else learns."""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

ACCESS_EXACT_TO_MS = 24 * 60 * 60 * 1000
"""`access_ts` is written once per this time at most (MED-3)."""


class MediaRow(msgspec.Struct, frozen=True, kw_only=False):
    """A file, or the announcement of one (`blob` is None)."""

    media_id: str
    uploader_nid: int
    blob: str | None
    content_type: str
    file_name: str | None
    size_bytes: int
    sha256: bytes | None
    created_ts: int
    expires_ts: int | None
    access_ts: int
    quarantined: bool = False


class ThumbnailRow(msgspec.Struct, frozen=True):
    """What became of a thumbnail."""

    media_id: str
    variant: str
    outcome: str
    content_type: str
    size_bytes: int
    blob: str | None


_FIND = Statement(
    MediaRow,
    "select media_id, uploader_nid, blob, content_type, file_name, size_bytes, sha256, created_ts, expires_ts,"
    " access_ts, quarantined from media where tenant_id = $1 and media_id = $2 and server_nid is null",
)
_FIND_REMOTE = Statement(
    MediaRow,
    "select media_id, uploader_nid, blob, content_type, file_name, size_bytes, sha256, created_ts, expires_ts,"
    " access_ts, quarantined from media where tenant_id = $1 and server_nid = $2 and remote_id = $3",
)
_INSERT_REMOTE = Statement(
    int,
    "insert into media (tenant_id, media_id, uploader_nid, blob, content_type, file_name, size_bytes, sha256,"
    " created_ts, access_ts, server_nid, remote_id) values ($1, $2, 0, $3, $4, $5, $6, $7, $8, $8, $9, $10)"
    " on conflict (tenant_id, server_nid, remote_id) where server_nid is not null do nothing returning 1",
)
_UNUSED_REMOTE = Statement(
    str,
    "select media_id from media where tenant_id = $1 and server_nid is not null and access_ts < $2 and not quarantined"
    " order by access_ts limit $3",
)
_DELETE_REMOTE = Statement(
    str,
    "with gone as (delete from media where tenant_id = $1 and server_nid is not null and media_id = any ($2::text[])"
    " returning blob)"
    " select blob from gone where blob is not null union all select blob from media_thumbnail"
    " where tenant_id = $1 and media_id = any ($2::text[]) and blob is not null",
)
_EXPIRED = Statement(
    str,
    "select media_id from media where tenant_id = $1 and blob is not null and expires_ts <= $2 and not quarantined"
    " limit $3",
)
_DELETE_EXPIRED = Statement(
    str,
    "with gone as (delete from media where tenant_id = $1 and blob is not null and expires_ts <= $3"
    " and media_id = any ($2::text[]) returning blob)"
    " select blob from gone union all select blob from media_thumbnail"
    " where tenant_id = $1 and media_id = any ($2::text[]) and blob is not null",
)
_INSERT = Statement(
    int,
    "insert into media (tenant_id, media_id, uploader_nid, blob, content_type, file_name, size_bytes, sha256,"
    " created_ts, access_ts, expires_ts) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10) returning 1",
)
_DROP_EXPIRED = Statement(
    int,
    "delete from media where tenant_id = $1 and uploader_nid = $2 and blob is null and expires_ts <= $3 returning 1",
)
_ANNOUNCE = Statement(
    int,
    "insert into media (tenant_id, media_id, uploader_nid, content_type, size_bytes, created_ts, expires_ts,"
    " access_ts) select $1, $2, $3, '', 0, $4, $5, $4 where"
    " (select count(*) from media where tenant_id = $1 and uploader_nid = $3 and blob is null) < $6 returning 1",
)
_FILL = Statement(
    int,
    "update media set blob = $4, content_type = $5, file_name = $6, size_bytes = $7, sha256 = $8, access_ts = $9,"
    " expires_ts = null where tenant_id = $1 and media_id = $2 and uploader_nid = $3 and blob is null"
    " and expires_ts > $9 returning 1",
)
_TOUCH = Statement(
    int,
    "update media set access_ts = $3 where tenant_id = $1 and media_id = $2 and access_ts < $4 returning 1",
)
_FIND_THUMBNAIL = Statement(
    ThumbnailRow,
    "select media_id, variant, outcome, content_type, size_bytes, blob from media_thumbnail"
    " where tenant_id = $1 and media_id = $2 and variant = $3",
)
_INSERT_THUMBNAIL = Statement(
    int,
    "insert into media_thumbnail (tenant_id, media_id, variant, outcome, content_type, size_bytes, blob)"
    " select $1, $2, $3, $4, $5, $6, $7 where exists (select from media where tenant_id = $1 and media_id = $2)"
    " on conflict (tenant_id, media_id, variant) do nothing returning 1",
)
_KNOWN_BLOBS = Statement(
    str,
    "select blob from media where tenant_id = $1 and blob = any ($2::text[])"
    " union all select blob from media_thumbnail where tenant_id = $1 and blob = any ($2::text[])",
)


async def find_media(conn: Connection, tenant: Tenant, media_id: str) -> MediaRow | None:
    """By media id, also what is only announced or quarantined."""
    return await _FIND.one(conn, tenant, media_id)


async def insert_media(conn: Connection, tenant: Tenant, row: MediaRow) -> None:
    """An uploaded file."""
    await _INSERT.run(
        conn,
        tenant,
        row.media_id,
        row.uploader_nid,
        row.blob,
        row.content_type,
        row.file_name,
        row.size_bytes,
        row.sha256,
        row.created_ts,
        row.expires_ts,
    )


async def find_remote(conn: Connection, tenant: Tenant, server_nid: int, remote_id: str) -> MediaRow | None:
    """A file of another server that is kept here."""
    return await _FIND_REMOTE.one(conn, tenant, server_nid, remote_id)


async def insert_remote(
    conn: Connection, tenant: Tenant, row: MediaRow, server_nid: int, remote_id: str
) -> bool:
    """Keep another server's file; False when somebody else was faster."""
    done = await _INSERT_REMOTE.one(
        conn,
        tenant,
        row.media_id,
        row.blob,
        row.content_type,
        row.file_name,
        row.size_bytes,
        row.sha256,
        row.created_ts,
        server_nid,
        remote_id,
    )
    return done is not None


async def drop_unused_remote(conn: Connection, tenant: Tenant, before_ts: int, limit: int) -> list[str]:
    """Forget files of other servers that nobody has asked for since; their blobs and those of their thumbnails."""
    unused = await _UNUSED_REMOTE.all(conn, tenant, before_ts, limit)
    return await _DELETE_REMOTE.all(conn, tenant, unused) if unused else []


async def drop_expired(conn: Connection, tenant: Tenant, now_ms: int, limit: int) -> list[str]:
    """Forget files whose time is over; their blobs and those of their thumbnails."""
    expired = await _EXPIRED.all(conn, tenant, now_ms, limit)
    return await _DELETE_EXPIRED.all(conn, tenant, expired, now_ms) if expired else []


async def announce_media(conn: Connection, tenant: Tenant, row: MediaRow, announced_max: int) -> bool:
    """Reserve a media id; False when the uploader has `announced_max` of them. Drops the expired ones."""
    await _DROP_EXPIRED.run(conn, tenant, row.uploader_nid, row.created_ts)
    done = await _ANNOUNCE.one(
        conn, tenant, row.media_id, row.uploader_nid, row.created_ts, row.expires_ts, announced_max
    )
    return done is not None


async def fill_media(conn: Connection, tenant: Tenant, row: MediaRow) -> bool:
    """Give an announced media id its content; False when it has some, expired or is another user's."""
    done = await _FILL.one(
        conn,
        tenant,
        row.media_id,
        row.uploader_nid,
        row.blob,
        row.content_type,
        row.file_name,
        row.size_bytes,
        row.sha256,
        row.access_ts,
    )
    return done is not None


async def touch_media(conn: Connection, tenant: Tenant, row: MediaRow, now_ms: int) -> None:
    """Note a download, if the note we have is old."""
    if row.access_ts < now_ms - ACCESS_EXACT_TO_MS:
        await _TOUCH.run(conn, tenant, row.media_id, now_ms, now_ms - ACCESS_EXACT_TO_MS)


async def find_thumbnail(
    conn: Connection, tenant: Tenant, media_id: str, variant: str
) -> ThumbnailRow | None:
    """What became of a thumbnail; None when it was never tried."""
    return await _FIND_THUMBNAIL.one(conn, tenant, media_id, variant)


async def insert_thumbnail(conn: Connection, tenant: Tenant, row: ThumbnailRow) -> bool:
    """Note what became of a thumbnail; False when somebody else was faster or the file has gone."""
    done = await _INSERT_THUMBNAIL.one(
        conn, tenant, row.media_id, row.variant, row.outcome, row.content_type, row.size_bytes, row.blob
    )
    return done is not None


async def known_blobs(conn: Connection, tenant: Tenant, names: Sequence[str]) -> set[str]:
    """Which of the files have a row."""
    return set(await _KNOWN_BLOBS.all(conn, tenant, names))
