"""Another server asks for the profile of a user of ours.

Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName, UserID, server_name_of
from timserver.matrix.json_types import JsonValue
from timserver.store import accounts, profiles, room_servers, terms
from timserver.tenancy import Tenant, Variant


async def read_profile(
    ctx: Context, tenant: Tenant, origin: ServerName, user_id: UserID, field: str | None
) -> dict[str, JsonValue]:
    """All fields, or the one that is asked for as far as it is set. Raises `NotFound`, `InvalidParam`, `Forbidden`.

    ePA tenants answer only servers that share a room with the user (A_26290), and say the same of nobody.
    """
    if server_name_of(user_id) != tenant.server_name:
        raise errors.InvalidParam("The user is not of this server")
    async with ctx.database.transaction(tenant) as conn:
        found = await terms.find(conn, ctx.caches, tenant, [user_id, origin])
        user_nid = found.get(user_id)
        if tenant.variant is Variant.EPA and (
            user_nid is None
            or user_nid
            not in await room_servers.sharing_with_server(conn, tenant, found.get(origin, 0), [user_nid])
        ):
            raise errors.Forbidden("You share no room with this user")
        if user_nid is None:
            raise errors.NotFound("User not found")
        profile = await profiles.profile_of(conn, tenant, user_nid)
        if not profile and not await accounts.local_among(conn, tenant, [user_nid]):
            raise errors.NotFound("User not found")
    return profile if field is None else {name: value for name, value in profile.items() if name == field}
