"""Account data, read by its owner."""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, UserID
from timserver.store import account_data
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data.rooms import GLOBAL, room_nid_of
from timserver.usecases.accounts.ownership import check_own
from timserver.usecases.push.rules import rules_content


async def read_account_data(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    user_id: UserID,
    room_id: RoomID | None,
    data_type: str,
) -> bytes:
    """The content as JSON. Raises `NotFound` when it was never set.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype
    """
    check_own(requester, user_id)
    room_nid = await room_nid_of(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant) as conn:
        if room_nid == GLOBAL and data_type == "m.push_rules":
            return msgspec.json.encode(await rules_content(conn, tenant, requester))
        content = await account_data.get(conn, tenant, requester.user_nid, room_nid, data_type)
    if content is None:
        raise errors.NotFound("Account data not found")
    return content
