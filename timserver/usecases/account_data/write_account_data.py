"""Account data: written by clients, read back by the same user's clients and by sync."""

from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, UserID
from timserver.matrix.json_types import JsonObject
from timserver.store import account_data, log
from timserver.store.streams import ACCOUNT_DATA, Fact
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data.rooms import room_nid_of
from timserver.usecases.accounts.ownership import check_own

TYPE_BYTES_MAX: Final = 255

SERVER_MANAGED: Final = frozenset({"m.push_rules", "m.fully_read"})
"""These have endpoints of their own."""


async def set_account_data(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    user_id: UserID,
    room_id: RoomID | None,
    data_type: str,
    content: JsonObject,
) -> None:
    """Global or of a room. Raises `BadJson` (405) for types that the server manages, and `TooLarge`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype
    """
    check_own(requester, user_id)
    if data_type in SERVER_MANAGED:
        raise errors.BadJson(f"{data_type} cannot be set here", status=405)
    encoded = msgspec.json.encode(content)
    if len(encoded) > ctx.settings.limits.account_data_bytes_max or len(data_type.encode()) > TYPE_BYTES_MAX:
        raise errors.TooLarge("The account data is too large")
    room_nid = await room_nid_of(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant) as conn:
        position = await log.take(conn, tenant)
        await account_data.put(conn, tenant, requester.user_nid, room_nid, data_type, encoded, position)
    ctx.streams.publish(tenant, position, [Fact(position, ACCOUNT_DATA, 0, requester.user_nid)])
