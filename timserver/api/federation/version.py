"""Which implementation this is."""

from importlib.metadata import version

import msgspec

from timserver.api.endpoint import Auth, endpoint
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant

_NAME = "timserver"
_VERSION = version(_NAME)


class Server(msgspec.Struct, frozen=True):
    """The program."""

    name: str
    version: str


class VersionResponse(msgspec.Struct, frozen=True):
    """Who answers."""

    server: Server


@endpoint("GET", "/_matrix/federation/v1/version", auth=Auth.SERVER_OPTIONAL)
async def get_version(ctx: Context, tenant: Tenant, origin: ServerName | None) -> VersionResponse:
    """GET /_matrix/federation/v1/version. A_26331: TI-M tenants tell it only to servers of the federation.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1version
    """
    return VersionResponse(Server(_NAME, _VERSION))
