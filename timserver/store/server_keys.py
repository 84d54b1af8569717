"""Table `server_key`: public keys of other servers, which belong to no tenant."""

from collections.abc import Sequence

import msgspec

from timserver.matrix.ids import ServerName
from timserver.store.database import Connection
from timserver.store.statement import Directory


class ServerKeyRow(msgspec.Struct, frozen=True):
    """A key, without the document that names it."""

    server_name: str
    key_id: str
    public_key: bytes
    valid_until_ts: int
    expired_ts: int | None
    fetched_ts: int


class ResponseRow(msgspec.Struct, frozen=True):
    """The document that names a key."""

    key_id: str
    valid_until_ts: int
    fetched_ts: int
    is_old: bool
    response: bytes


_FIND = Directory(
    ServerKeyRow,
    "select k.server_name, k.key_id, k.public_key, k.valid_until_ts, k.expired_ts, k.fetched_ts"
    " from unnest($1::text[], $2::text[]) as wanted (server_name, key_id)"
    " join server_key k on k.server_name = wanted.server_name and k.key_id = wanted.key_id",
)
_RESPONSES = Directory(
    ResponseRow,
    "select key_id, valid_until_ts, fetched_ts, expired_ts is not null, response from server_key where server_name = $1"
    " order by fetched_ts desc",
)
_PUT = Directory(
    int,
    "insert into server_key (server_name, key_id, public_key, valid_until_ts, expired_ts, fetched_ts, response)"
    " select $1, n.key_id, n.public_key, n.valid_until_ts, n.expired_ts, $6, $7"
    " from unnest($2::text[], $3::bytea[], $4::bigint[], $5::bigint[])"
    " as n (key_id, public_key, valid_until_ts, expired_ts) order by n.key_id"
    " on conflict (server_name, key_id) do update set public_key = excluded.public_key,"
    " valid_until_ts = excluded.valid_until_ts, expired_ts = excluded.expired_ts,"
    " fetched_ts = excluded.fetched_ts, response = excluded.response"
    " where $8 or (excluded.public_key = server_key.public_key"
    " and excluded.valid_until_ts > server_key.valid_until_ts)",
)
_SWEEP = Directory(
    int,
    "delete from server_key where fetched_ts < $1 or (server_name, key_id) in"
    " (select server_name, key_id from server_key order by fetched_ts desc offset $2) returning 1",
)


async def find(conn: Connection, wanted: Sequence[tuple[ServerName, str]]) -> list[ServerKeyRow]:
    """The rows of (server name, key id) pairs that are there."""
    return await _FIND.all(conn, [pair[0] for pair in wanted], [pair[1] for pair in wanted])


async def responses(conn: Connection, server_name: ServerName) -> list[ResponseRow]:
    """The documents of a server, per key, the newest first."""
    return await _RESPONSES.all(conn, server_name)


async def put(conn: Connection, rows: Sequence[ServerKeyRow], response: bytes, *, own_word: bool) -> None:
    """The keys of one document of one server. `own_word`: from the server itself, which is believed before what others
    report; of these only what is newer about the same key is.
    """
    if not rows:
        return
    first = rows[0]
    await _PUT.run(
        conn,
        first.server_name,
        [row.key_id for row in rows],
        [row.public_key for row in rows],
        [row.valid_until_ts for row in rows],
        [row.expired_ts for row in rows],
        first.fetched_ts,
        response,
        own_word,
    )


async def sweep(conn: Connection, heard_after_ts: int, count_max: int) -> int:
    """Remove keys that nobody has told of since a time, and beyond a number those told of longest ago; how many."""
    return await _SWEEP.run(conn, heard_after_ts, count_max)
