"""Signing keys of servers: from themselves, or from a notary.

Spec: https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys
"""

from collections.abc import Iterable
from typing import Final, cast

from timserver import core
from timserver.matrix import canonical_json
from timserver.matrix.errors import BadJson
from timserver.matrix.event import get_list
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.remote.client import CallLimits, FederationClient
from timserver.remote.errors import RemoteError
from timserver.tenancy import Tenant

_ONE: Final = CallLimits(bytes_max=262_144, timeout_s=15)
_BATCH: Final = CallLimits(bytes_max=8_388_608, timeout_s=30)
_DEPTH_MAX: Final = 20


async def get_server_key(
    client: FederationClient, tenant: Tenant, destination: ServerName
) -> dict[str, JsonValue]:
    """GET /_matrix/key/v2/server: what the server itself says."""
    return _object(await client.request(tenant, destination, "GET", "/_matrix/key/v2/server", limits=_ONE))


async def bulk_perspectives_key_query(
    client: FederationClient,
    tenant: Tenant,
    notary: ServerName,
    wanted: Iterable[tuple[ServerName, str, int]],
) -> list[JsonObject]:
    """POST /_matrix/key/v2/query: what a notary knows of (server name, key id, valid until at least) triples."""
    criteria: dict[str, dict[str, JsonValue]] = {}
    for server_name, key_id, valid_until_ts in wanted:
        criteria.setdefault(server_name, {})[key_id] = {"minimum_valid_until_ts": valid_until_ts}
    content: JsonObject = {"server_keys": criteria}
    answer = _object(
        await client.request(tenant, notary, "POST", "/_matrix/key/v2/query", content=content, limits=_BATCH)
    )
    documents = get_list(answer, "server_keys") or []
    return [cast("JsonObject", document) for document in documents if isinstance(document, dict)]


def _object(data: bytes) -> dict[str, JsonValue]:
    try:
        core.check_json(data, _DEPTH_MAX, strict_integers=True)
        return canonical_json.decode_object(data, strict=True)
    except (ValueError, BadJson) as error:
        raise RemoteError(f"malformed answer: {error}") from error
