"""Invites by address, once it is known whose the address is. Refused for TI-M tenants, which know no addresses."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Auth, BodyBytes, Empty, Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import third_party_invite
from timserver.matrix.ids import RoomID, ServerName, UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.exchange_third_party_invite import (
    exchange_third_party_invite as exchange,
)
from timserver.usecases.federation.receive_binding import receive_binding


class ExchangeThirdPartyInviteRequest(Request, frozen=True, kw_only=True):
    """The room, and the partial member event."""

    room_id: Annotated[RoomID, Path("roomId")]
    event: Annotated[bytes, BodyBytes()]


class BoundInvite(msgspec.Struct, frozen=True, kw_only=True):
    """Where the address was invited to, by whom, and what the identity server signed."""

    room_id: RoomID
    sender: str
    signed: dict[str, Any]
    medium: str = ""
    address: str = ""
    mxid: str = ""


class OnBindRequest(Request, frozen=True, kw_only=True):
    """The user whom the address is bound to, and its invites. The address itself is not looked at."""

    mxid: str
    medium: str
    address: str
    invites: list[BoundInvite]


@endpoint("PUT", "/_matrix/federation/v1/exchange_third_party_invite/{roomId}", auth=Auth.SERVER)
async def exchange_third_party_invite(
    ctx: Context, tenant: Tenant, origin: ServerName, request: ExchangeThirdPartyInviteRequest
) -> Empty:
    """PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid
    """
    await exchange(ctx, tenant, origin, request.room_id, request.event)
    return Empty()


@endpoint("PUT", "/_matrix/federation/v1/3pid/onbind", auth=Auth.NONE, rate=RateKind.INVITE)
async def on_bind_third_party_identifier(ctx: Context, tenant: Tenant, request: OnBindRequest) -> Empty:
    """PUT /_matrix/federation/v1/3pid/onbind.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv13pidonbind
    """
    invites = [
        third_party_invite.of_binding(invite.room_id, invite.sender, UserID(request.mxid), invite.signed)
        for invite in request.invites
    ]
    await receive_binding(ctx, tenant, request.mxid, invites)
    return Empty()
