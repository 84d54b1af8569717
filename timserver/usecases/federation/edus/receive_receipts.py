"""`m.receipt`: users of another server have read up to an event.

Spec: https://spec.matrix.org/v1.19/server-server-api/#receipts
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.canonical_json import INTEGER_MAX
from timserver.matrix.ids import InvalidID, RoomID, ServerName, UserID, parse_event_id, parse_room_id
from timserver.matrix.json_types import JsonObject
from timserver.matrix.receipts import ReceiptType, check_thread_id
from timserver.store import log, terms
from timserver.store.streams import Fact
from timserver.tenancy import Tenant
from timserver.usecases.ephemeral.receipts import Marker, place_receipt, write_receipt
from timserver.usecases.federation.asked_room import asked_room
from timserver.usecases.federation.edus.reading import read_content, user_of

_log = structlog.get_logger("timserver.edus")


class _Data(msgspec.Struct, frozen=True):
    ts: Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)] = 0
    thread_id: str | None = None


class _Receipt(msgspec.Struct, frozen=True):
    event_ids: list[str]
    data: _Data = _Data()


class _Received(msgspec.Struct, frozen=True):
    user_id: UserID
    marker: Marker
    ts: int


_Rooms = dict[str, dict[str, dict[str, object]]]


async def receive_receipts(ctx: Context, tenant: Tenant, origin: ServerName, content: JsonObject) -> None:
    """A receipt that is wrong (of another server's user, for an event that its user cannot see, RELIABILITY C2) is passed
    over, and so is all that is said of a room where the server has no say. Raises `BadJson` for what is no such EDU.
    """
    for room_id, kinds in read_content(content, _Rooms).items():
        received = list(_received(origin, kinds.get(ReceiptType.READ, {})))
        try:
            await _receive_in_room(ctx, tenant, origin, parse_room_id(room_id), received)
        except (InvalidID, errors.Forbidden) as error:
            _log.info("receipts refused", origin=origin, error=str(error))


def _received(origin: ServerName, by_user: Mapping[str, object]) -> Iterator[_Received]:
    for name, value in by_user.items():
        try:
            user_id = user_of(origin, name)
            receipt = msgspec.convert(value, _Receipt)
            thread_id = check_thread_id(ReceiptType.READ, receipt.data.thread_id)
            for event_id in receipt.event_ids[:1]:
                marker = Marker(ReceiptType.READ, parse_event_id(event_id), thread_id)
                yield _Received(user_id, marker, receipt.data.ts)
        except (msgspec.ValidationError, InvalidID, errors.MatrixError) as error:
            _log.info("receipt refused", origin=origin, error=type(error).__name__)


async def _receive_in_room(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, received: list[_Received]
) -> None:
    room = await asked_room(ctx, tenant, origin, room_id)
    now_ms = ctx.clock.now_ms()
    facts: list[Fact] = []
    async with ctx.database.transaction(tenant) as conn:
        users = [item.user_id for item in received]
        nids = await terms.find(conn, ctx.caches, tenant, users)
        placed = []
        for item in received:
            try:
                row = await place_receipt(conn, tenant, nids.get(item.user_id, 0), room, item.marker)
            except errors.MatrixError as error:
                _log.info("receipt refused", origin=origin, errcode=error.errcode)
                continue
            if row is not None:
                placed.append((item, row))
        if not placed:
            return
        position = await log.take(conn, tenant, len(placed))
        for place, (item, row) in enumerate(placed):
            stamp = item.ts if 0 < item.ts <= now_ms else now_ms, position - len(placed) + 1 + place
            user_nid = nids[item.user_id]
            facts.append(await write_receipt(conn, tenant, user_nid, room, item.marker, row, stamp))
    ctx.streams.publish(tenant, position, facts, len(facts))
