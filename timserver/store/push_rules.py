"""Table `push_rules`: users who changed their push rules."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class PushRulesRow(msgspec.Struct, frozen=True):
    """What differs from the defaults, as `matrix.push_rules.rules.encode_user_rules` wrote it."""

    user_nid: int
    rules: bytes
    position: int


_OF = Statement(
    PushRulesRow,
    "select user_nid, rules, position from push_rules where tenant_id = $1 and user_nid = any ($2::bigint[])",
)
_SET = Statement(
    int,
    "insert into push_rules (tenant_id, user_nid, rules, position) values ($1, $2, $3, $4)"
    " on conflict (tenant_id, user_nid) do update set rules = excluded.rules, position = excluded.position returning 1",
)
_DELETE = Statement(int, "delete from push_rules where tenant_id = $1 and user_nid = $2 returning 1")


async def of_users(conn: Connection, tenant: Tenant, user_nids: list[int]) -> dict[int, PushRulesRow]:
    """Rows of those users who have one."""
    return {row.user_nid: row for row in await _OF.all(conn, tenant, user_nids)}


async def put(conn: Connection, tenant: Tenant, user_nid: int, rules: bytes, position: int) -> None:
    """Store what differs, at a position that was just taken."""
    await _SET.run(conn, tenant, user_nid, rules, position)


async def delete(conn: Connection, tenant: Tenant, user_nid: int) -> None:
    """Back to the defaults."""
    await _DELETE.run(conn, tenant, user_nid)
