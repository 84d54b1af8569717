"""Another server's user knocks on a room of ours (`/send_knock`): the server is told what room it is.

Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1send_knockroomideventid
"""

from msgspec import Raw

from timserver.context import Context
from timserver.matrix.membership_request import Submitted
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_membership import accept_membership
from timserver.usecases.membership.stripped import shown_events


async def accept_knock(ctx: Context, tenant: Tenant, submitted: Submitted, body: bytes) -> list[Raw]:
    """State events. Raises what `accept_membership` does."""
    accepted = await accept_membership(ctx, tenant, submitted, body)
    return [Raw(event.pdu) for event in await shown_events(ctx, tenant, accepted.room)]
