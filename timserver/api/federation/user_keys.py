"""`/user/keys/query` and `/user/keys/claim`."""

import msgspec

from timserver.api.endpoint import Auth, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.read_user_keys import claim_user_keys, query_user_keys


class QueryUserEncryptionKeysRequest(Request, frozen=True, kw_only=True):
    """Devices by user; an empty list is all of them."""

    device_keys: dict[str, list[str]]


class QueryUserEncryptionKeysResponse(msgspec.Struct, frozen=True):
    """Keys by user, those of devices by device too."""

    device_keys: dict[str, dict[str, msgspec.Raw]]
    master_keys: dict[str, msgspec.Raw]
    self_signing_keys: dict[str, msgspec.Raw]


class ClaimUserEncryptionKeysRequest(Request, frozen=True, kw_only=True):
    """Algorithms by user and device."""

    one_time_keys: dict[str, dict[str, str]]


class ClaimUserEncryptionKeysResponse(msgspec.Struct, frozen=True):
    """Keys by user, device, and `<algorithm>:<key id>`."""

    one_time_keys: dict[str, dict[str, dict[str, msgspec.Raw]]]


@endpoint("POST", "/_matrix/federation/v1/user/keys/query", auth=Auth.SERVER)
async def query_user_encryption_keys(
    ctx: Context, tenant: Tenant, origin: ServerName, request: QueryUserEncryptionKeysRequest
) -> QueryUserEncryptionKeysResponse:
    """POST /_matrix/federation/v1/user/keys/query.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery
    """
    found = await query_user_keys(ctx, tenant, request.device_keys)
    return QueryUserEncryptionKeysResponse(found.device_keys, found.master_keys, found.self_signing_keys)


@endpoint("POST", "/_matrix/federation/v1/user/keys/claim", auth=Auth.SERVER)
async def claim_user_encryption_keys(
    ctx: Context, tenant: Tenant, origin: ServerName, request: ClaimUserEncryptionKeysRequest
) -> ClaimUserEncryptionKeysResponse:
    """POST /_matrix/federation/v1/user/keys/claim.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysclaim
    """
    return ClaimUserEncryptionKeysResponse(await claim_user_keys(ctx, tenant, request.one_time_keys))
