"""`/keys/upload`, `/keys/query`, `/keys/claim`, `/keys/changes`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Requester, Tenant
from timserver.usecases.e2ee import claim_keys as claims
from timserver.usecases.e2ee import list_key_changes
from timserver.usecases.e2ee import query_keys as queries
from timserver.usecases.e2ee import upload_keys as uploads
from timserver.usecases.sync import token


class UploadKeysRequest(Request, frozen=True, kw_only=True):
    """Keys of the requesting device."""

    device_keys: dict[str, Any] | None = None
    one_time_keys: dict[str, Any] | None = None
    fallback_keys: dict[str, Any] | None = None


class UploadKeysResponse(msgspec.Struct, frozen=True):
    """Unclaimed one-time keys by algorithm."""

    one_time_key_counts: dict[str, int]


class QueryKeysRequest(Request, frozen=True, kw_only=True):
    """Devices by user; an empty list is all of them."""

    device_keys: dict[str, list[str]]
    timeout: int | None = None


class QueryKeysResponse(msgspec.Struct, frozen=True):
    """See `KeysOfUsers`."""

    device_keys: dict[str, dict[str, msgspec.Raw]]
    failures: dict[ServerName, dict[str, str | int]]
    master_keys: dict[str, msgspec.Raw]
    self_signing_keys: dict[str, msgspec.Raw]
    user_signing_keys: dict[str, msgspec.Raw]


class ClaimKeysRequest(Request, frozen=True, kw_only=True):
    """Algorithms by user and device."""

    one_time_keys: dict[str, dict[str, str]]
    timeout: int | None = None


class ClaimKeysResponse(msgspec.Struct, frozen=True):
    """Keys by user, device, and `<algorithm>:<key id>`."""

    one_time_keys: dict[str, dict[str, dict[str, msgspec.Raw]]]
    failures: dict[ServerName, dict[str, str | int]]


class GetKeysChangesRequest(Request, frozen=True, kw_only=True):
    """Two sync tokens."""

    since: Annotated[str, Query("from")]
    up_to: Annotated[str, Query("to")]


class GetKeysChangesResponse(msgspec.Struct, frozen=True):
    """User ids."""

    changed: list[str]
    left: list[str]


@endpoint("POST", "/_matrix/client/v3/keys/upload", rate=RateKind.KEYS)
async def upload_keys(
    ctx: Context, tenant: Tenant, requester: Requester, request: UploadKeysRequest
) -> UploadKeysResponse:
    """POST /_matrix/client/v3/keys/upload.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload
    """
    upload = uploads.KeyUpload(
        device_keys=request.device_keys,
        one_time_keys=request.one_time_keys,
        fallback_keys=request.fallback_keys,
    )
    return UploadKeysResponse(await uploads.upload_keys(ctx, tenant, requester, upload))


@endpoint("POST", "/_matrix/client/v3/keys/query", rate=RateKind.KEYS)
async def query_keys(
    ctx: Context, tenant: Tenant, requester: Requester, request: QueryKeysRequest
) -> QueryKeysResponse:
    """POST /_matrix/client/v3/keys/query.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery
    """
    within_s = _within_s(ctx, request.timeout)
    found, failures = await queries.query_keys(ctx, tenant, requester, request.device_keys, within_s)
    return QueryKeysResponse(
        device_keys=found.device_keys,
        failures=failures,
        master_keys=found.master_keys,
        self_signing_keys=found.self_signing_keys,
        user_signing_keys=found.user_signing_keys,
    )


@endpoint("POST", "/_matrix/client/v3/keys/claim", rate=RateKind.KEYS)
async def claim_keys(
    ctx: Context, tenant: Tenant, requester: Requester, request: ClaimKeysRequest
) -> ClaimKeysResponse:
    """POST /_matrix/client/v3/keys/claim.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim
    """
    within_s = _within_s(ctx, request.timeout)
    return ClaimKeysResponse(*await claims.claim_keys(ctx, tenant, request.one_time_keys, within_s))


@endpoint("GET", "/_matrix/client/v3/keys/changes", rate=RateKind.KEYS)
async def get_keys_changes(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetKeysChangesRequest
) -> GetKeysChangesResponse:
    """GET /_matrix/client/v3/keys/changes.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges
    """
    since, up_to = token.read(request.since), token.read(request.up_to)
    found = await list_key_changes.list_key_changes(ctx, tenant, requester, since, up_to)
    return GetKeysChangesResponse(found.changed, found.left)


def _within_s(ctx: Context, timeout_ms: int | None) -> float:
    """How long to wait for other servers."""
    most_ms = ctx.settings.limits.remote_keys_ms_max
    return max(1, most_ms if timeout_ms is None else min(timeout_ms, most_ms)) / 1000
