"""`/_synapse/admin/v1/register`: not in the spec, but what tools and conformance suites make their users with."""

from typing import Annotated

import msgspec

from timserver.api.client.login import LoginResponse, session_response
from timserver.api.endpoint import Auth, FromPeer, Peer, Request, endpoint
from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.accounts.register_by_secret import SecretRegistration, make_nonce, register_by_secret
from timserver.usecases.accounts.sessions import WantedDevice


class NonceResponse(msgspec.Struct, frozen=True):
    """What the MAC must begin with."""

    nonce: str


@endpoint("GET", "/_synapse/admin/v1/register", auth=Auth.NONE)
async def get_registration_nonce(ctx: Context, tenant: Tenant) -> NonceResponse:
    """GET /_synapse/admin/v1/register."""
    return NonceResponse(await make_nonce(ctx, tenant))


class SecretRegistrationRequest(Request, frozen=True, kw_only=True):
    """See `SecretRegistration`."""

    peer: Annotated[Peer, FromPeer()]
    nonce: str
    username: str
    password: str
    mac: str
    admin: bool = False
    user_type: str | None = None
    displayname: str | None = None


@endpoint("POST", "/_synapse/admin/v1/register", auth=Auth.NONE)
async def register_with_secret(
    ctx: Context, tenant: Tenant, request: SecretRegistrationRequest
) -> LoginResponse:
    """POST /_synapse/admin/v1/register."""
    wanted = SecretRegistration(
        nonce=request.nonce,
        username=request.username,
        password=request.password,
        is_admin=request.admin,
        user_type=request.user_type,
        display_name=request.displayname,
        mac=request.mac,
    )
    device = WantedDevice(
        device_id=None, display_name=None, with_refresh_token=False, address=request.peer.address
    )
    return session_response(tenant, await register_by_secret(ctx, tenant, wanted, device))
