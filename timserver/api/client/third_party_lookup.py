"""`/thirdparty`: there are no bridges here, so nothing is ever found."""

from timserver.api.endpoint import Empty, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Requester, Tenant


@endpoint("GET", "/_matrix/client/v3/thirdparty/protocols")
async def get_protocols(ctx: Context, tenant: Tenant, requester: Requester) -> Empty:
    """GET /_matrix/client/v3/thirdparty/protocols.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocols
    """
    return Empty()


@endpoint("GET", "/_matrix/client/v3/thirdparty/protocol/{protocol}")
async def get_protocol_metadata(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """GET /_matrix/client/v3/thirdparty/protocol/{protocol}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocolprotocol
    """
    raise errors.NotFound("No such third-party network")


@endpoint("GET", "/_matrix/client/v3/thirdparty/location/{protocol}")
async def query_location_by_protocol(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """GET /_matrix/client/v3/thirdparty/location/{protocol}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocationprotocol
    """
    raise errors.NotFound("No such third-party network")


@endpoint("GET", "/_matrix/client/v3/thirdparty/user/{protocol}")
async def query_user_by_protocol(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """GET /_matrix/client/v3/thirdparty/user/{protocol}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuserprotocol
    """
    raise errors.NotFound("No such third-party network")


@endpoint("GET", "/_matrix/client/v3/thirdparty/location")
async def query_location_by_alias(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """GET /_matrix/client/v3/thirdparty/location.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocation
    """
    raise errors.NotFound("No such third-party network")


@endpoint("GET", "/_matrix/client/v3/thirdparty/user")
async def query_user_by_id(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """GET /_matrix/client/v3/thirdparty/user.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuser
    """
    raise errors.NotFound("No such third-party network")
