"""`PUT /_matrix/federation/v1/send/{txnId}`."""

import msgspec

from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.remote.client import FederationClient
from timserver.remote.paths import path
from timserver.tenancy import Tenant


class PduResult(msgspec.Struct, frozen=True):
    """What became of one event there."""

    error: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    pdus: dict[str, PduResult] = {}


async def send_transaction(
    client: FederationClient, tenant: Tenant, destination: ServerName, txn_id: str, content: JsonObject
) -> dict[str, PduResult]:
    """Results by event id, as far as the other server says anything of use. Raises RemoteError.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid
    """
    uri = path("/_matrix/federation/v1/send/{}", txn_id)
    answer = await client.request(tenant, destination, "PUT", uri, content=content)
    try:
        return msgspec.json.decode(answer, type=_Answer).pdus
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
