"""`POST /_matrix/policy/v1/sign`: a room's policy server is asked whether it recommends an event.

Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixpolicyv1sign
"""

from typing import Any

from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.remote.client import FederationClient
from timserver.remote.federation.reading import read_answer
from timserver.tenancy import Tenant


async def ask_policy_server_to_sign(
    client: FederationClient, tenant: Tenant, destination: ServerName, pdu: JsonObject
) -> dict[str, Any]:
    """Signatures by server name and key id; nothing of them was checked. Raises RemoteError."""
    data = await client.request(tenant, destination, "POST", "/_matrix/policy/v1/sign", content=pdu)
    return read_answer(data, dict[str, Any])
