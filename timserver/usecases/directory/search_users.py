"""Looking for users of this server."""

from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix.ids import UserID, make_user_id
from timserver.matrix.json_types import JsonValue
from timserver.store import rooms, user_directory
from timserver.tenancy import Requester, Tenant, Variant

WORDS_MAX: Final = 10
TERM_LENGTH_MAX: Final = 256


class FoundUser(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user with what the profile shows to everybody."""

    user_id: UserID
    display_name: JsonValue = None
    avatar_url: JsonValue = None


async def search_users(
    ctx: Context, tenant: Tenant, requester: Requester, term: str, limit: int
) -> tuple[list[FoundUser], bool]:
    """Users, and whether there are more.

    All users of the server where `search_all_users` says so. Else those who share a room with the requester or are in
    a listed room; in ePA tenants never others than those who share a room (A_26375).
    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch
    """
    words = term[:TERM_LENGTH_MAX].lower().split()[:WORDS_MAX]
    if not words:
        return [], False
    limit = min(max(limit, 1), ctx.settings.limits.user_search_results_max)
    async with ctx.database.transaction(tenant) as conn:
        among = None
        if tenant.variant is Variant.EPA or not tenant.settings.search_all_users:
            among = {requester.user_nid} | await rooms.users_sharing_rooms(conn, tenant, requester.user_nid)
            if tenant.variant is not Variant.EPA:
                among |= await user_directory.in_public_rooms(conn, tenant)
        rows = await user_directory.search(
            conn, tenant, words, None if among is None else list(among), limit + 1
        )
    return [_found(tenant, row) for row in rows[:limit]], len(rows) > limit


def _found(tenant: Tenant, row: user_directory.FoundRow) -> FoundUser:
    return FoundUser(
        make_user_id(row.localpart, tenant.server_name),
        msgspec.json.decode(row.display_name) if row.display_name else None,
        msgspec.json.decode(row.avatar_url) if row.avatar_url else None,
    )
