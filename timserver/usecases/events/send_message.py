"""A message event by a local user (the hot path)."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.json_types import JsonObject
from timserver.policy import points
from timserver.policy.facts import SendFacts
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import draft_of, transaction_of
from timserver.usecases.rooms.live import must_live_room


async def send_message(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    event_type: str,
    content: JsonObject,
    txn_id: str | None,
) -> EventID:
    """The event's id; the same one for a transaction id that is known.

    Raises `Forbidden` when the user is not in the room or lacks the power.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
    """
    room = await must_live_room(ctx, tenant, room_id)
    points.check(
        points.ON_SEND, SendFacts(tenant=tenant, sender=requester.user_id, type=event_type, content=content)
    )
    transaction = transaction_of(requester, txn_id)
    result = await append(
        ctx, tenant, room, [draft_of(requester, event_type, content)], transaction=transaction
    )
    if not result.event_ids:
        raise errors.Unknown()
    return result.event_ids[-1]
