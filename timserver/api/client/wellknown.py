"""`/.well-known/matrix/client` and `/server`: where a tenant's APIs are."""

import msgspec

from timserver.api.endpoint import Auth, endpoint
from timserver.context import Context
from timserver.tenancy import Tenant


class HomeserverInformation(msgspec.Struct, frozen=True):
    """Where clients go."""

    base_url: str


class WellknownResponse(msgspec.Struct, frozen=True, rename={"homeserver": "m.homeserver"}):
    """Discovery for clients."""

    homeserver: HomeserverInformation


class ServerResponse(msgspec.Struct, frozen=True, rename={"server": "m.server"}):
    """Discovery for servers."""

    server: str


@endpoint("GET", "/.well-known/matrix/client", auth=Auth.NONE)
async def get_wellknown(ctx: Context, tenant: Tenant) -> WellknownResponse:
    """GET /.well-known/matrix/client.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient
    """
    base_url = tenant.client_url or ctx.settings.client_url.format(server_name=tenant.server_name)
    return WellknownResponse(HomeserverInformation(base_url))


@endpoint("GET", "/.well-known/matrix/server", auth=Auth.NONE)
async def get_wellknown_server(ctx: Context, tenant: Tenant) -> ServerResponse:
    """GET /.well-known/matrix/server. Stands with the client's, since both are on the domain's port 443.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver
    """
    return ServerResponse(ctx.settings.federation_server.format(server_name=tenant.server_name))
