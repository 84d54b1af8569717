"""Invites by address: refused, since no identity server stands behind this homeserver (TI-M has none)."""

from typing import Annotated

from timserver.api.endpoint import Auth, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.tenancy import Tenant


class ExchangeThirdPartyInviteRequest(Request, frozen=True, kw_only=True):
    """The room; what would be exchanged is not looked at."""

    room_id: Annotated[RoomID, Path("roomId")]


@endpoint("PUT", "/_matrix/federation/v1/exchange_third_party_invite/{roomId}", auth=Auth.SERVER)
async def exchange_third_party_invite(
    ctx: Context, tenant: Tenant, origin: ServerName, request: ExchangeThirdPartyInviteRequest
) -> None:
    """PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid
    """
    raise errors.ThreepidDenied()


@endpoint("PUT", "/_matrix/federation/v1/3pid/onbind", auth=Auth.NONE)
async def on_bind_third_party_identifier(ctx: Context, tenant: Tenant) -> None:
    """PUT /_matrix/federation/v1/3pid/onbind.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv13pidonbind
    """
    raise errors.ThreepidDenied()
