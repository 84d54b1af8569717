"""The tenant as a notary: it signs what it knows of the keys of others. Open to everybody (A_26224, A_26244)."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.notarize_keys import notarize_keys

Timestamp = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class KeysResponse(msgspec.Struct, frozen=True):
    """Documents of keys, each signed by its server and by us."""

    server_keys: list[msgspec.Raw]


class OneServerRequest(Request, frozen=True, kw_only=True):
    """Which server's keys."""

    server_name: Annotated[ServerName, Path("serverName")]
    minimum_valid_until_ts: Annotated[Timestamp | None, Query("minimum_valid_until_ts")] = None


class Criteria(msgspec.Struct, frozen=True):
    """Until when a key should be valid, at least; None: now."""

    minimum_valid_until_ts: Timestamp | None = None


class ManyServersRequest(Request, frozen=True, kw_only=True):
    """Which keys of which servers; all of a server when none is named."""

    server_keys: dict[str, dict[str, Criteria]]


@endpoint("GET", "/_matrix/key/v2/query/{serverName}", auth=Auth.NONE, rate=RateKind.FEDERATION)
async def perspectives_key_query(ctx: Context, tenant: Tenant, request: OneServerRequest) -> KeysResponse:
    """GET /_matrix/key/v2/query/{serverName}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2queryservername
    """
    wanted = {"": request.minimum_valid_until_ts}
    return _response(await notarize_keys(ctx, tenant, {request.server_name: wanted}))


@endpoint("POST", "/_matrix/key/v2/query", auth=Auth.NONE, rate=RateKind.FEDERATION)
async def bulk_perspectives_key_query(
    ctx: Context, tenant: Tenant, request: ManyServersRequest
) -> KeysResponse:
    """POST /_matrix/key/v2/query.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixkeyv2query
    """
    wanted = {
        server_name: {key_id: item.minimum_valid_until_ts for key_id, item in criteria.items()}
        for server_name, criteria in request.server_keys.items()
    }
    return _response(await notarize_keys(ctx, tenant, wanted))


def _response(documents: list[bytes]) -> KeysResponse:
    return KeysResponse([msgspec.Raw(document) for document in documents])
