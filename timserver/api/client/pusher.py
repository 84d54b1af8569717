"""`/pushers`."""

from typing import Any

import msgspec

from timserver.api.endpoint import Empty, Request, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Requester, Tenant
from timserver.usecases.push import pushers


class PushersResponse(msgspec.Struct, frozen=True):
    """All pushers of the user."""

    pushers: list[msgspec.Raw]


class PostPusherRequest(Request, frozen=True, kw_only=True):
    """A pusher to set, or with `kind` null to remove."""

    app_id: str
    pushkey: str
    kind: str | None
    app_display_name: str | None = None
    device_display_name: str | None = None
    lang: str | None = None
    data: dict[str, Any] | None = None
    profile_tag: str | None = None
    append: bool = False


@endpoint("GET", "/_matrix/client/v3/pushers")
async def get_pushers(ctx: Context, tenant: Tenant, requester: Requester) -> PushersResponse:
    """GET /_matrix/client/v3/pushers.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushers
    """
    return PushersResponse(await pushers.list_pushers(ctx, tenant, requester))


@endpoint("POST", "/_matrix/client/v3/pushers/set")
async def post_pusher(
    ctx: Context, tenant: Tenant, requester: Requester, request: PostPusherRequest
) -> Empty:
    """POST /_matrix/client/v3/pushers/set.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset
    """
    if request.kind is None:
        await pushers.delete_pusher(ctx, tenant, requester, (request.app_id, request.pushkey))
        return Empty()
    await pushers.set_pusher(ctx, tenant, requester, _pusher(request, request.kind), append=request.append)
    return Empty()


def _pusher(request: PostPusherRequest, kind: str) -> pushers.Pusher:
    if (
        request.app_display_name is None
        or request.device_display_name is None
        or request.lang is None
        or request.data is None
    ):
        raise errors.MissingParam("app_display_name, device_display_name, lang and data are needed")
    return pushers.Pusher(
        app_id=request.app_id,
        pushkey=request.pushkey,
        kind=kind,
        app_display_name=request.app_display_name,
        device_display_name=request.device_display_name,
        lang=request.lang,
        data=request.data,
        profile_tag=request.profile_tag,
    )
