"""Table `device_list_change`: the last change of each user's devices or cross-signing keys."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_NOTE = Statement(
    int,
    "insert into device_list_change (tenant_id, user_nid, position) values ($1, $2, $3)"
    " on conflict (tenant_id, user_nid) do update set position = excluded.position returning 1",
)


async def note_change(conn: Connection, tenant: Tenant, user_nid: int, position: int) -> None:
    """The user's devices or keys are no longer what they were."""
    await _NOTE.run(conn, tenant, user_nid, position)
