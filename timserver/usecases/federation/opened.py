"""Step: events of others opened (`opening.py`) where one must be right, or where there are very many."""

from collections.abc import Sequence

import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import Event
from timserver.matrix.room_versions import RoomVersion
from timserver.tenancy import Tenant
from timserver.usecases.federation.opening import Refused, open_pdus

_log = structlog.get_logger("timserver.federation")

BATCH = 1000
"""Events that are opened together: enough for few key requests, few enough to stay responsive."""


async def must_open(ctx: Context, tenant: Tenant, version: RoomVersion, pdu: bytes) -> Event:
    """The event. Raises BadJson for one that is refused."""
    (opened,) = await open_pdus(ctx, tenant, version, [pdu])
    if isinstance(opened, Refused):
        raise errors.BadJson("The event is not valid", inner=str(opened))
    return opened


async def open_in_batches(
    ctx: Context, tenant: Tenant, version: RoomVersion, pdus: Sequence[bytes]
) -> list[Event]:
    """Those of many events that are right; with a line in the log for every batch of a large room."""
    opened: list[Event] = []
    for start in range(0, len(pdus), BATCH):
        batch = [bytes(pdu) for pdu in pdus[start : start + BATCH]]
        found = await open_pdus(ctx, tenant, version, batch)
        opened.extend(event for event in found if not isinstance(event, Refused))
        if len(pdus) > BATCH:
            _log.info("opening a large room", events=min(start + BATCH, len(pdus)), of=len(pdus))
    return opened
