"""`PUT /exchange_third_party_invite`: the inviting server is asked to send the invite.

Spec: https://spec.matrix.org/v1.19/server-server-api/#third-party-invites
"""

from timserver.matrix.ids import RoomID, ServerName
from timserver.matrix.json_types import JsonObject
from timserver.remote.client import FederationClient
from timserver.remote.paths import path
from timserver.tenancy import Tenant


async def exchange_third_party_invite(
    client: FederationClient, tenant: Tenant, destination: ServerName, room_id: RoomID, content: JsonObject
) -> None:
    """Raises RemoteError."""
    where = path("/_matrix/federation/v1/exchange_third_party_invite/{}", room_id)
    await client.request(tenant, destination, "PUT", where, content=content)
