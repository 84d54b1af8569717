"""`/login`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Auth, FromPeer, Peer, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.accounts.login import Login, Session, log_in


class LoginFlow(msgspec.Struct, frozen=True):
    """A way to log in."""

    type: str


class LoginFlowsResponse(msgspec.Struct, frozen=True):
    """The ways to log in."""

    flows: tuple[LoginFlow, ...]


class LoginRequest(Request, frozen=True, kw_only=True):
    """See `Login`."""

    type: str
    peer: Annotated[Peer, FromPeer()]
    identifier: dict[str, Any] | None = None
    user: str | None = None
    password: str | None = None
    device_id: str | None = None
    initial_device_display_name: str | None = None
    refresh_token: bool = False


class LoginResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A new session."""

    user_id: str
    access_token: str
    device_id: str
    home_server: str
    expires_in_ms: int | None = None
    refresh_token: str | None = None


@endpoint("GET", "/_matrix/client/v3/login", auth=Auth.NONE, rate=RateKind.LOGIN_ADDRESS)
async def get_login_flows(ctx: Context, tenant: Tenant) -> LoginFlowsResponse:
    """GET /_matrix/client/v3/login.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login
    """
    return LoginFlowsResponse((LoginFlow("m.login.password"),))


@endpoint("POST", "/_matrix/client/v3/login", auth=Auth.NONE, rate=RateKind.LOGIN_ADDRESS)
async def login(ctx: Context, tenant: Tenant, request: LoginRequest) -> LoginResponse:
    """POST /_matrix/client/v3/login.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login
    """
    wanted = Login(
        type=request.type,
        identifier=request.identifier,
        user=request.user,
        password=request.password,
        device_id=request.device_id,
        display_name=request.initial_device_display_name,
        with_refresh_token=request.refresh_token,
        address=request.peer.address,
    )
    return session_response(tenant, await log_in(ctx, tenant, wanted))


def session_response(tenant: Tenant, session: Session) -> LoginResponse:
    """A session in the words of login and register."""
    return LoginResponse(
        session.user_id,
        session.access_token,
        session.device_id,
        tenant.server_name,
        session.expires_in_ms,
        session.refresh_token,
    )
