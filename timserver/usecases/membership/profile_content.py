"""Step: what a member event says of a local user's profile."""

from timserver.matrix.json_types import JsonValue
from timserver.store import profiles
from timserver.store.database import Connection
from timserver.tenancy import Tenant

_SHOWN = ("displayname", "avatar_url")


async def profile_content(conn: Connection, tenant: Tenant, user_nid: int) -> dict[str, JsonValue]:
    """Display name and avatar, as far as they are set."""
    profile = await profiles.profile_of(conn, tenant, user_nid)
    return {name: profile[name] for name in _SHOWN if profile.get(name) is not None}
