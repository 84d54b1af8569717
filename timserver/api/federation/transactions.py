"""Events and ephemeral messages, as other servers send them."""

from typing import Annotated

from timserver.api.endpoint import Answer, Auth, BodyBytes, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.receive_transaction import receive_transaction


class SendTransactionRequest(Request, frozen=True, kw_only=True):
    """The body is taken apart piece by piece, so that a malformed one spoils no other."""

    txn_id: Annotated[str, Path("txnId")]
    body: Annotated[bytes, BodyBytes()]


@endpoint("PUT", "/_matrix/federation/v1/send/{txnId}", auth=Auth.SERVER)
async def send_transaction(
    ctx: Context, tenant: Tenant, origin: ServerName, request: SendTransactionRequest
) -> Answer:
    """PUT /_matrix/federation/v1/send/{txnId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid
    """
    return Answer(body=await receive_transaction(ctx, tenant, origin, request.txn_id, request.body))
