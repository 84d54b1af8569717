"""Profiles, as others may see them."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID, server_name_of
from timserver.matrix.json_types import JsonValue
from timserver.store import accounts, profiles, rooms, terms
from timserver.tenancy import Requester, Tenant, Variant


async def read_profile(
    ctx: Context, tenant: Tenant, requester: Requester | None, user_id: UserID
) -> dict[str, JsonValue]:
    """All fields. Raises `NotFound` for nobody, and for users of other servers.

    TI-M tenants answer only with a token (A_26289); ePA tenants only about users who share a room (A_26290), and
    say the same of users who do not exist.
    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid
    """
    if requester is None and tenant.variant is not Variant.OFF:
        raise errors.MissingToken()
    async with ctx.database.transaction(tenant) as conn:
        user_nid = (await terms.find(conn, ctx.caches, tenant, [user_id])).get(user_id)
        if tenant.variant is Variant.EPA and requester is not None:
            sharing = {requester.user_nid} | await rooms.users_sharing_rooms(conn, tenant, requester.user_nid)
            if user_nid not in sharing:
                raise errors.Forbidden("You share no room with this user")
        if user_nid is None or server_name_of(user_id) != tenant.server_name:
            raise errors.NotFound("User not found")
        profile = await profiles.profile_of(conn, tenant, user_nid)
        if not profile and not await accounts.local_among(conn, tenant, [user_nid]):
            raise errors.NotFound("User not found")
    return profile


async def read_field(
    ctx: Context, tenant: Tenant, requester: Requester | None, user_id: UserID, name: str
) -> JsonValue:
    """One field. Raises `NotFound` when it is not set."""
    profile = await read_profile(ctx, tenant, requester, user_id)
    if name not in profile:
        raise errors.NotFound("Profile field not set")
    return profile[name]
