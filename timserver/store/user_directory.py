"""Looking for local users by name: reads `account` and `profile_field`."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class FoundRow(msgspec.Struct, frozen=True):
    """A user who was found; name and picture as JSON."""

    user_nid: int
    localpart: str
    display_name: bytes | None
    avatar_url: bytes | None


_SEARCH = Statement(
    FoundRow,
    "select a.user_nid, a.localpart, d.value, v.value from account a"
    " left join profile_field d on d.tenant_id = $1 and d.user_nid = a.user_nid and d.name = 'displayname'"
    " left join profile_field v on v.tenant_id = $1 and v.user_nid = a.user_nid and v.name = 'avatar_url'"
    " where a.tenant_id = $1 and a.state <> 3 and ($4::bigint[] is null or a.user_nid = any ($4))"
    " and not exists (select from unnest($3::text[]) word where position(word in"
    " lower('@' || a.localpart || ':' || $2 || ' ' || coalesce(convert_from(d.value, 'UTF8'), ''))) = 0)"
    " order by a.localpart <> $3[1], a.localpart limit $5",
)
_IN_PUBLIC_ROOMS = Statement(
    int,
    "select distinct m.user_nid from room r join membership m on m.tenant_id = $1 and m.room_nid = r.room_nid"
    " and m.membership = 1 where r.tenant_id = $1 and r.in_directory",
)


async def search(
    conn: Connection, tenant: Tenant, words: list[str], among: list[int] | None, limit: int
) -> list[FoundRow]:
    """Users whose id or display name holds all words (in lower case), among some users or among all."""
    return await _SEARCH.all(conn, tenant, tenant.server_name, words, among, limit)


async def in_public_rooms(conn: Connection, tenant: Tenant) -> set[int]:
    """Who is in a room of the tenant's room directory."""
    return set(await _IN_PUBLIC_ROOMS.all(conn, tenant))
