"""`/user/devices`."""

from typing import Annotated

from timserver.api.endpoint import Auth, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import ServerName, UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.read_user_keys import UserDevices, read_user_devices


class GetUserDevicesRequest(Request, frozen=True, kw_only=True):
    """Whose devices."""

    user_id: Annotated[UserID, Path("userId")]


@endpoint("GET", "/_matrix/federation/v1/user/devices/{userId}", auth=Auth.SERVER)
async def get_user_devices(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetUserDevicesRequest
) -> UserDevices:
    """GET /_matrix/federation/v1/user/devices/{userId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1userdevicesuserid
    """
    return await read_user_devices(ctx, tenant, request.user_id)
