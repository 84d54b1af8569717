"""`/profile`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Answer, Auth, Empty, Path, Request, WholeBody, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.profiles import change_profile, read_profile


class ProfileRequest(Request, frozen=True, kw_only=True):
    """Whose profile."""

    user_id: Annotated[UserID, Path("userId")]


class FieldRequest(ProfileRequest, frozen=True, kw_only=True):
    """Which field of it."""

    key_name: Annotated[str, Path("keyName")]


class SetFieldRequest(FieldRequest, frozen=True, kw_only=True):
    """With its value under its name."""

    content: Annotated[dict[str, Any], WholeBody()]


@endpoint("GET", "/_matrix/client/v3/profile/{userId}", auth=Auth.OPTIONAL, rate=RateKind.READ)
async def get_user_profile(
    ctx: Context, tenant: Tenant, requester: Requester | None, request: ProfileRequest
) -> Answer:
    """GET /_matrix/client/v3/profile/{userId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid
    """
    profile = await read_profile.read_profile(ctx, tenant, requester, request.user_id)
    return Answer(body=msgspec.json.encode(profile))


@endpoint("GET", "/_matrix/client/v3/profile/{userId}/{keyName}", auth=Auth.OPTIONAL, rate=RateKind.READ)
async def get_profile_field(
    ctx: Context, tenant: Tenant, requester: Requester | None, request: FieldRequest
) -> Answer:
    """GET /_matrix/client/v3/profile/{userId}/{keyName}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuseridkeyname
    """
    value = await read_profile.read_field(ctx, tenant, requester, request.user_id, request.key_name)
    return Answer(body=msgspec.json.encode({request.key_name: value}))


@endpoint(
    "PUT",
    "/_matrix/client/v3/profile/{userId}/{keyName}",
    rate=RateKind.MESSAGE,
    may_when_suspended=False,
)
async def set_profile_field(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetFieldRequest
) -> Empty:
    """PUT /_matrix/client/v3/profile/{userId}/{keyName}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname
    """
    await change_profile.set_field(ctx, tenant, requester, request.user_id, request.key_name, request.content)
    return Empty()


@endpoint(
    "DELETE",
    "/_matrix/client/v3/profile/{userId}/{keyName}",
    rate=RateKind.MESSAGE,
    may_when_suspended=False,
)
async def delete_profile_field(
    ctx: Context, tenant: Tenant, requester: Requester, request: FieldRequest
) -> Empty:
    """DELETE /_matrix/client/v3/profile/{userId}/{keyName}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname
    """
    await change_profile.delete_field(ctx, tenant, requester, request.user_id, request.key_name)
    return Empty()
