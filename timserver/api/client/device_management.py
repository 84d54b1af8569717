"""`/devices`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Empty, Path, Request, endpoint
from timserver.api.user_interaction import InteractiveRequest, attempt
from timserver.context import Context
from timserver.store.accounts import DeviceRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.devices import delete_devices as removal
from timserver.usecases.devices import read_devices
from timserver.usecases.devices.rename_device import rename_device


class DeviceResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device as its owner sees it."""

    device_id: str
    display_name: str | None = None
    last_seen_ip: str | None = None
    last_seen_ts: int | None = None


class DevicesResponse(msgspec.Struct, frozen=True):
    """All devices of the user."""

    devices: list[DeviceResponse]


class DeviceRequest(Request, frozen=True, kw_only=True):
    """Which device."""

    device_id: Annotated[str, Path("deviceId")]


class UpdateDeviceRequest(Request, frozen=True, kw_only=True):
    """A device and its new name."""

    device_id: Annotated[str, Path("deviceId")]
    display_name: str | None = None


class DeleteDeviceRequest(InteractiveRequest, frozen=True, kw_only=True):
    """A device to remove."""

    device_id: Annotated[str, Path("deviceId")]


class DeleteDevicesRequest(InteractiveRequest, frozen=True, kw_only=True):
    """Devices to remove."""

    devices: tuple[str, ...]


def _shown(device: DeviceRow) -> DeviceResponse:
    return DeviceResponse(device.device_id, device.display_name, device.seen_ip, device.seen_ts)


@endpoint("GET", "/_matrix/client/v3/devices")
async def get_devices(ctx: Context, tenant: Tenant, requester: Requester) -> DevicesResponse:
    """GET /_matrix/client/v3/devices.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices
    """
    return DevicesResponse([_shown(row) for row in await read_devices.list_devices(ctx, tenant, requester)])


@endpoint("GET", "/_matrix/client/v3/devices/{deviceId}")
async def get_device(
    ctx: Context, tenant: Tenant, requester: Requester, request: DeviceRequest
) -> DeviceResponse:
    """GET /_matrix/client/v3/devices/{deviceId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid
    """
    return _shown(await read_devices.find_device(ctx, tenant, requester, request.device_id))


@endpoint("PUT", "/_matrix/client/v3/devices/{deviceId}")
async def update_device(
    ctx: Context, tenant: Tenant, requester: Requester, request: UpdateDeviceRequest
) -> Empty:
    """PUT /_matrix/client/v3/devices/{deviceId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid
    """
    await rename_device(ctx, tenant, requester, request.device_id, request.display_name)
    return Empty()


@endpoint("DELETE", "/_matrix/client/v3/devices/{deviceId}")
async def delete_device(
    ctx: Context, tenant: Tenant, requester: Requester, request: DeleteDeviceRequest
) -> Empty:
    """DELETE /_matrix/client/v3/devices/{deviceId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid
    """
    proof = attempt("delete_device", request)
    await removal.delete_devices(ctx, tenant, requester, [request.device_id], proof)
    return Empty()


@endpoint("POST", "/_matrix/client/v3/delete_devices")
async def delete_devices(
    ctx: Context, tenant: Tenant, requester: Requester, request: DeleteDevicesRequest
) -> Empty:
    """POST /_matrix/client/v3/delete_devices.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices
    """
    proof = attempt("delete_devices", request)
    await removal.delete_devices(ctx, tenant, requester, request.devices, proof)
    return Empty()
