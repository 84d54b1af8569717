"""Profiles, as others may see them."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID, server_name_of
from timserver.matrix.json_types import JsonValue
from timserver.remote.errors import RemoteError
from timserver.remote.federation import queries
from timserver.store import accounts, profiles, rooms, terms
from timserver.tenancy import Requester, Tenant, Variant
from timserver.usecases.federation.refusals import to_client


async def read_profile(
    ctx: Context, tenant: Tenant, requester: Requester | None, user_id: UserID, field: str | None = None
) -> dict[str, JsonValue]:
    """All fields, or at least the named one if it is set; of another server's user as that server says.

    TI-M tenants answer only with a token (A_26289); ePA tenants only about users who share a room (A_26290), and
    say the same of users who do not exist. Raises `NotFound`, `Forbidden`, and 502 without an answer.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid
    """
    if requester is None and tenant.variant is not Variant.OFF:
        raise errors.MissingToken()
    is_local = server_name_of(user_id) == tenant.server_name
    if not is_local and tenant.variant is not Variant.EPA:
        return await _ask(ctx, tenant, user_id, field)
    profile: dict[str, JsonValue] = {}
    async with ctx.database.transaction(tenant) as conn:
        user_nid = (await terms.find(conn, ctx.caches, tenant, [user_id])).get(user_id)
        if tenant.variant is Variant.EPA and requester is not None:
            sharing = {requester.user_nid} | await rooms.users_sharing_rooms(conn, tenant, requester.user_nid)
            if user_nid not in sharing:
                raise errors.Forbidden("You share no room with this user")
        if is_local:
            if user_nid is None:
                raise errors.NotFound("User not found")
            profile = await profiles.profile_of(conn, tenant, user_nid)
            if not profile and not await accounts.local_among(conn, tenant, [user_nid]):
                raise errors.NotFound("User not found")
    return profile if is_local else await _ask(ctx, tenant, user_id, field)


async def read_field(
    ctx: Context, tenant: Tenant, requester: Requester | None, user_id: UserID, name: str
) -> JsonValue:
    """One field. Raises `NotFound` when it is not set."""
    profile = await read_profile(ctx, tenant, requester, user_id, name)
    if name not in profile:
        raise errors.NotFound("Profile field not set")
    return profile[name]


async def _ask(ctx: Context, tenant: Tenant, user_id: UserID, field: str | None) -> dict[str, JsonValue]:
    try:
        found = await queries.query_profile(ctx.remote, tenant, server_name_of(user_id), user_id, field)
    except RemoteError as error:
        raise to_client(error, not_found="User not found") from error
    return {name: value for name, value in found.items() if value is not None}
