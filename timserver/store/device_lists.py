"""Table `device_list_change`: the last change of each user's devices or cross-signing keys."""

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
    " where mine.tenant_id = $1 and mine.user_nid = $2 and mine.membership = 1)) order by c.position",
)


async def note_change(conn: Connection, tenant: Tenant, user_nid: int, position: int) -> None:
    """The user's devices or keys are no longer what they were."""
    await _NOTE.run(conn, tenant, user_nid, position)


async def changed_since(conn: Connection, tenant: Tenant, user_nid: int, since: int, up_to: int) -> list[int]:
    """Whose lists changed at positions in (since, up_to], of all who share a joined room with the user now; and the
    user's own.
    """
    return await _CHANGED.all(conn, tenant, user_nid, since, up_to)
