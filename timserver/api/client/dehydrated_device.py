"""`/dehydrated_device` of MSC3814, at its unstable prefix. No OpenAPI file of the spec has it yet."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.tenancy import Requester, Tenant
from timserver.usecases.e2ee import dehydrated_device as use_cases
from timserver.usecases.e2ee.upload_keys import KeyUpload

_PATH = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"


class PutDehydratedDeviceRequest(Request, frozen=True, kw_only=True):
    """A device with all its keys."""

    device_id: str
    device_data: dict[str, Any]
    device_keys: dict[str, Any]
    initial_device_display_name: str | None = None
    one_time_keys: dict[str, Any] | None = None
    fallback_keys: dict[str, Any] | None = None


class DehydratedDeviceIdResponse(msgspec.Struct, frozen=True):
    """Which device."""

    device_id: str


class DehydratedDeviceResponse(msgspec.Struct, frozen=True):
    """A device to take up."""

    device_id: str
    device_data: msgspec.Raw


class GetDehydratedEventsRequest(Request, frozen=True, kw_only=True):
    """Where to go on."""

    device_id: Annotated[str, Path("deviceId")]
    after: Annotated[str | None, Query("from")] = None


class PostDehydratedEventsRequest(Request, frozen=True, kw_only=True):
    """Where to go on."""

    device_id: Annotated[str, Path("deviceId")]
    next_batch: str | None = None


class DehydratedEventsResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Messages to the device."""

    events: list[msgspec.Raw]
    next_batch: str | None = None


@endpoint("PUT", _PATH, rate=RateKind.KEYS)
async def put_dehydrated_device(
    ctx: Context, tenant: Tenant, requester: Requester, request: PutDehydratedDeviceRequest
) -> DehydratedDeviceIdResponse:
    """PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device."""
    upload = KeyUpload(
        device_keys=request.device_keys,
        one_time_keys=request.one_time_keys,
        fallback_keys=request.fallback_keys,
    )
    new = use_cases.NewDevice(
        request.device_id, request.device_data, request.initial_device_display_name, upload
    )
    await use_cases.put_dehydrated_device(ctx, tenant, requester, new)
    return DehydratedDeviceIdResponse(request.device_id)


@endpoint("GET", _PATH, rate=RateKind.KEYS)
async def get_dehydrated_device(
    ctx: Context, tenant: Tenant, requester: Requester
) -> DehydratedDeviceResponse:
    """GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device."""
    row = await use_cases.find_dehydrated_device(ctx, tenant, requester)
    return DehydratedDeviceResponse(row.device_id, msgspec.Raw(row.device_data))


@endpoint("DELETE", _PATH, rate=RateKind.KEYS)
async def delete_dehydrated_device(
    ctx: Context, tenant: Tenant, requester: Requester
) -> DehydratedDeviceIdResponse:
    """DELETE /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device."""
    return DehydratedDeviceIdResponse(await use_cases.delete_dehydrated_device(ctx, tenant, requester))


@endpoint("GET", _PATH + "/{deviceId}/events", rate=RateKind.KEYS)
async def get_dehydrated_device_events(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetDehydratedEventsRequest
) -> DehydratedEventsResponse:
    """GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{deviceId}/events.

    `next_batch` is there when more is to come.
    """
    batch = await use_cases.read_dehydrated_events(ctx, tenant, requester, request.device_id, request.after)
    next_batch = None if batch.is_last else batch.next_batch
    return DehydratedEventsResponse([msgspec.Raw(event) for event in batch.events], next_batch)


@endpoint("POST", _PATH + "/{deviceId}/events", rate=RateKind.KEYS)
async def post_dehydrated_device_events(
    ctx: Context, tenant: Tenant, requester: Requester, request: PostDehydratedEventsRequest
) -> DehydratedEventsResponse:
    """POST /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{deviceId}/events.

    What clients call today (an older text of the MSC): they go on with `next_batch` until there are no events, so it is
    always there.
    """
    after = request.next_batch
    batch = await use_cases.read_dehydrated_events(ctx, tenant, requester, request.device_id, after)
    return DehydratedEventsResponse([msgspec.Raw(event) for event in batch.events], batch.next_batch)
