"""`/register` and its kin."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, FromPeer, Peer, Query, Request, endpoint
from timserver.api.user_interaction import InteractiveRequest, attempt
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Tenant
from timserver.usecases.accounts.register import Registration, check_username, register_user
from timserver.usecases.accounts.sessions import WantedDevice


class RegisterRequest(InteractiveRequest, frozen=True, kw_only=True):
    """See `Registration`."""

    peer: Annotated[Peer, FromPeer()]
    kind: Annotated[str, Query("kind")] = "user"
    username: str | None = None
    password: str | None = None
    device_id: str | None = None
    initial_device_display_name: str | None = None
    inhibit_login: bool = False
    refresh_token: bool = False


class RegisterResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """The new user and, unless inhibited, its first session."""

    user_id: str
    home_server: str
    access_token: str | None = None
    device_id: str | None = None
    expires_in_ms: int | None = None
    refresh_token: str | None = None


@endpoint("POST", "/_matrix/client/v3/register", auth=Auth.NONE, rate=RateKind.REGISTRATION)
async def register(ctx: Context, tenant: Tenant, request: RegisterRequest) -> RegisterResponse:
    """POST /_matrix/client/v3/register. The dummy stage proves nothing of the body, so it is bound to none.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register
    """
    device = WantedDevice(
        device_id=request.device_id,
        display_name=request.initial_device_display_name,
        with_refresh_token=request.refresh_token,
        address=request.peer.address,
    )
    wanted = Registration(
        kind=request.kind,
        username=request.username,
        password=request.password,
        device=None if request.inhibit_login else device,
    )
    unbound = attempt("register", InteractiveRequest(auth=request.auth))
    made = await register_user(ctx, tenant, wanted, unbound)
    if made.session is None:
        return RegisterResponse(made.user_id, tenant.server_name)
    return RegisterResponse(
        made.user_id,
        tenant.server_name,
        made.session.access_token,
        made.session.device_id,
        made.session.expires_in_ms,
        made.session.refresh_token,
    )


class UsernameRequest(Request, frozen=True, kw_only=True):
    """A name that somebody would like."""

    username: Annotated[str, Query("username")]


class UsernameResponse(msgspec.Struct, frozen=True):
    """It can be had."""

    available: bool


@endpoint("GET", "/_matrix/client/v3/register/available", auth=Auth.NONE, rate=RateKind.REGISTRATION)
async def check_username_availability(
    ctx: Context, tenant: Tenant, request: UsernameRequest
) -> UsernameResponse:
    """GET /_matrix/client/v3/register/available.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3registeravailable
    """
    await check_username(ctx, tenant, request.username.lower())
    return UsernameResponse(available=True)


@endpoint("POST", "/_matrix/client/v3/register/email/requestToken", auth=Auth.NONE)
async def request_token_to_register_email(ctx: Context, tenant: Tenant) -> None:
    """POST /_matrix/client/v3/register/email/requestToken: no addresses are bound here.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registeremailrequesttoken
    """
    raise errors.ThreepidDenied()


@endpoint("POST", "/_matrix/client/v3/register/msisdn/requestToken", auth=Auth.NONE)
async def request_token_to_register_msisdn(ctx: Context, tenant: Tenant) -> None:
    """POST /_matrix/client/v3/register/msisdn/requestToken: no addresses are bound here.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3registermsisdnrequesttoken
    """
    raise errors.ThreepidDenied()
