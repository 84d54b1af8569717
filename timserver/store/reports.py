"""Table `report`."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was reported, and why."""

    reporter_nid: int
    room_id: str | None = None
    event_id: str | None = None
    user_id: str | None = None
    reason: str
    score: int | None = None


_INSERT = Statement(
    int,
    "insert into report (tenant_id, report_nid, reporter_nid, room_id, event_id, user_id, reason, score, created_ts)"
    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning 1",
)


async def insert(conn: Connection, tenant: Tenant, report_nid: int, row: ReportRow, now_ms: int) -> None:
    """A new report."""
    subject = (row.room_id, row.event_id, row.user_id)
    await _INSERT.run(conn, tenant, report_nid, row.reporter_nid, *subject, row.reason, row.score, now_ms)
