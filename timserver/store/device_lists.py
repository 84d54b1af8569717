"""Table `device_list_change`: the last change of each user's devices or cross-signing keys."""

from collections.abc import Sequence

from timserver.store import destinations, outgoing
from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_NOTE = Statement(
    int,
    "insert into device_list_change (tenant_id, user_nid, position) values ($1, $2, $3)"
    " on conflict (tenant_id, user_nid) do update set position = excluded.position returning 1",
)
_CHANGED = Statement(
    int,
    "select c.user_nid from device_list_change c where c.tenant_id = $1 and c.position > $3 and c.position <= $4"
    " and (c.user_nid = $2 or exists (select from membership mine join membership theirs"
    " on theirs.tenant_id = $1 and theirs.room_nid = mine.room_nid and theirs.user_nid = c.user_nid"
    " and theirs.membership = 1"
    " where mine.tenant_id = $1 and mine.user_nid = $2 and mine.membership = 1))"
    " union select s.target_nid from key_signature s where s.tenant_id = $1 and s.signer_nid = $2"
    " and s.position > $3 and s.position <= $4",
)
_JOINED_TOGETHER = Statement(
    int,
    "select distinct theirs.user_nid from membership mine join membership theirs on theirs.tenant_id = $1"
    " and theirs.room_nid = mine.room_nid and theirs.membership = 1 and theirs.user_nid <> $2"
    " where mine.tenant_id = $1 and mine.user_nid = $2 and mine.membership = 1 and"
    " (mine.join_position > $3 and mine.join_position <= $4"
    " or theirs.join_position > $3 and theirs.join_position <= $4)",
)
_PARTED = Statement(
    int,
    "select distinct theirs.user_nid from membership mine join membership theirs on theirs.tenant_id = $1"
    " and theirs.room_nid = mine.room_nid and theirs.user_nid <> $2 where mine.tenant_id = $1 and mine.user_nid = $2"
    " and (mine.membership in (4, 5) and mine.position > $3 and mine.position <= $4 and theirs.membership in (1, 4, 5)"
    " or mine.membership = 1 and theirs.membership in (4, 5) and theirs.position > $3 and theirs.position <= $4)"
    " and not exists (select from membership still join membership with_them on with_them.tenant_id = $1"
    " and with_them.room_nid = still.room_nid and with_them.user_nid = theirs.user_nid and with_them.membership = 1"
    " where still.tenant_id = $1 and still.user_nid = $2 and still.membership = 1)",
)
_VISIBLE = Statement(
    int,
    "select distinct theirs.user_nid from membership theirs where theirs.tenant_id = $1"
    " and theirs.user_nid = any ($3::bigint[]) and (exists (select from membership mine where mine.tenant_id = $1"
    " and mine.user_nid = $2 and mine.room_nid = theirs.room_nid and mine.membership = 1)"
    " or exists (select from room r where r.tenant_id = $1 and r.room_nid = theirs.room_nid and r.in_directory))"
    " union select $2 where $2 = any ($3::bigint[])",
)


async def note_change(
    conn: Connection, tenant: Tenant, user_nid: int, position: int, device_ids: Sequence[str] = ()
) -> None:
    """The user's devices or keys are no longer what they were, at a position that was just taken.

    Of a local user other servers get to know which devices ('' for the cross-signing keys); each needs a position: take
    as many.
    """
    await _NOTE.run(conn, tenant, user_nid, position)
    if device_ids:
        await outgoing.note_devices(conn, tenant, user_nid, position, device_ids)
        await destinations.note(conn, tenant, position, first=False)


async def changed_since(conn: Connection, tenant: Tenant, user_nid: int, since: int, up_to: int) -> list[int]:
    """Whose lists changed at positions in (since, up_to], of all who share a joined room with the user now; the user's
    own; and those whom the user has verified with another device.
    """
    return await _CHANGED.all(conn, tenant, user_nid, since, up_to)


async def joined_since(conn: Connection, tenant: Tenant, user_nid: int, since: int, up_to: int) -> list[int]:
    """Who shares a joined room with the user since a position in (since, up_to], perhaps not the only one."""
    return await _JOINED_TOGETHER.all(conn, tenant, user_nid, since, up_to)


async def parted_since(conn: Connection, tenant: Tenant, user_nid: int, since: int, up_to: int) -> list[int]:
    """Who may have shared a joined room with the user up to a position in (since, up_to], and shares none now."""
    return await _PARTED.all(conn, tenant, user_nid, since, up_to)


async def visible_to(conn: Connection, tenant: Tenant, user_nid: int, others: list[int]) -> set[int]:
    """Those of the others who have any membership in a room the user is joined to, or in a listed room (MSC4263)."""
    return set(await _VISIBLE.all(conn, tenant, user_nid, others))
