"""`/user_directory/search`."""

import msgspec

from timserver.api.endpoint import Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.tenancy import Requester, Tenant
from timserver.usecases.directory.search_users import FoundUser, search_users


class SearchRequest(Request, frozen=True, kw_only=True):
    """What the name holds."""

    search_term: str
    limit: int = 10


class SearchResponse(msgspec.Struct, frozen=True):
    """Who was found, and whether there are more."""

    results: list[FoundUser]
    limited: bool


@endpoint("POST", "/_matrix/client/v3/user_directory/search", rate=RateKind.READ)
async def search_user_directory(
    ctx: Context, tenant: Tenant, requester: Requester, request: SearchRequest
) -> SearchResponse:
    """POST /_matrix/client/v3/user_directory/search.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch
    """
    results, limited = await search_users(ctx, tenant, requester, request.search_term, request.limit)
    return SearchResponse(results, limited)
