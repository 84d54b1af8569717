"""Servers that share rooms with a TI-M tenant and are not (or no longer) in the federation list (FED-10).

Nothing is sent to them or taken from them from the first moment on: policy sees to that at every place. What is found
here are the users who must be told why somebody does not answer. The rooms stay.
"""

import msgspec

from timserver.context import Context
from timserver.matrix.ids import ServerName, UserID
from timserver.policy.federation.allowed_servers import is_allowed
from timserver.store import room_servers, terms, unlisted_servers
from timserver.tenancy import Tenant
from timserver.usecases.federation.listing import federation_list


class Unlisted(msgspec.Struct, frozen=True):
    """A server, and local users who are in a room with it."""

    server_name: ServerName
    users: list[UserID]


async def find_unlisted(ctx: Context, tenant: Tenant) -> list[Unlisted]:
    """Those of which nobody has been told; each is found once, by whichever process comes first."""
    limits, listed = ctx.settings.limits, federation_list(ctx)
    async with ctx.database.transaction(tenant) as conn:
        there = await room_servers.all_servers(conn, tenant, limits.servers_in_room_max)
        names = await terms.names_of(conn, ctx.caches, tenant, there)
        outside = {
            nid: ServerName(name)
            for nid, name in names.items()
            if nid in there and not is_allowed(tenant, listed, ServerName(name))
        }
        told = await unlisted_servers.told_of(conn, tenant)
        await unlisted_servers.forget(conn, tenant, sorted(told - outside.keys()))
        found = []
        for nid in sorted(outside.keys() - told):
            if await unlisted_servers.claim(conn, tenant, nid, ctx.clock.now_ms()):
                users = await room_servers.local_members_with(conn, tenant, nid, limits.notices_at_once_max)
                user_ids = await terms.names_of(conn, ctx.caches, tenant, users)
                found.append(Unlisted(outside[nid], [UserID(user_ids[user]) for user in users]))
    return found
