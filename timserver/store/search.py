"""Looking for words in clear-text events (table `event`); rooms that are encrypted now are left out.

Reads the rooms' messages from the newest on: no index, which every send would pay for, for a question that is rare
where nearly all rooms are encrypted.
"""

import msgspec

from timserver.matrix.event_types import ENCRYPTION_KEY, TYPE_NIDS
from timserver.store.database import Connection
from timserver.store.events import COLUMNS, EventRow
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_TYPES = ", ".join(str(TYPE_NIDS[name]) for name in ("m.room.message", "m.room.name", "m.room.topic"))
_FIND = Statement(
    EventRow,
    f"select {COLUMNS} from event e where e.tenant_id = $1 and e.room_nid = any ($2::bigint[])"
    f" and e.flags & 15 = 0 and e.type_nid in ({_TYPES}) and e.position <= $3"
    " and convert_from(e.json, 'UTF8') ilike all ($4::text[])"
    " and not exists (select 1 from current_state c where c.tenant_id = $1 and c.room_nid = e.room_nid"
    f" and c.key_nid = {ENCRYPTION_KEY} and c.event_nid > 0)"
    " order by e.position desc limit $5",
)


async def find(
    conn: Connection, tenant: Tenant, room_nids: list[int], up_to: int, words: list[str], limit: int
) -> list[EventRow]:
    """Events that may hold all the words, somewhere in their JSON; the newest first."""
    patterns = [f"%{_escaped(word)}%" for word in words]
    return await _FIND.all(conn, tenant, room_nids, up_to, patterns, limit)


def _escaped(word: str) -> str:
    in_json = msgspec.json.encode(word).decode()[1:-1]
    return in_json.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
