"""Changes of a user's own profile."""

from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.policy import points
from timserver.policy.facts import ProfileFacts
from timserver.store import profiles
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.ownership import check_own
from timserver.usecases.profiles.tell_rooms import SHOWN_IN_ROOMS, tell_rooms

PROFILE_BYTES_MAX: Final = 65_536
"""Of all fields together."""
NAME_BYTES_MAX: Final = 255
TEXT_BYTES_MAX: Final = {"displayname": 1_024, "avatar_url": 1_000}
"""What goes into member events must leave room for the rest of them."""


async def set_field(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, name: str, body: JsonObject
) -> None:
    """Set the field that the body holds under its name. Null removes display name and avatar, as clients expect.

    Raises `MissingParam`, `InvalidParam`, `KeyTooLarge`, `ProfileTooLarge`, and what the policy says.
    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname
    """
    _check(tenant, requester, user_id, name)
    if name not in body:
        raise errors.MissingParam(f"Missing {name}")
    value = body[name]
    if name in TEXT_BYTES_MAX:
        if value is not None and not isinstance(value, str):
            raise errors.InvalidParam(f"{name} must be a string")
        if len((value or "").encode()) > TEXT_BYTES_MAX[name]:
            raise errors.InvalidParam(f"{name} is too long")
    await _store(ctx, tenant, requester, name, value, remove=value is None and name in TEXT_BYTES_MAX)


async def delete_field(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, name: str
) -> None:
    """Remove a field, whether it is there or not."""
    _check(tenant, requester, user_id, name)
    await _store(ctx, tenant, requester, name, None, remove=True)


def _check(tenant: Tenant, requester: Requester, user_id: UserID, name: str) -> None:
    check_own(requester, user_id)
    if len(name.encode()) > NAME_BYTES_MAX:
        raise errors.KeyTooLarge()
    if not name:
        raise errors.InvalidParam("A profile field needs a name")
    points.check(points.ON_PROFILE, ProfileFacts(tenant=tenant, user_id=user_id, field=name))


async def _store(
    ctx: Context, tenant: Tenant, requester: Requester, name: str, value: JsonValue, *, remove: bool
) -> None:
    async with ctx.database.transaction(tenant) as conn:
        await profiles.lock(conn, tenant, requester.user_nid)
        before = await profiles.profile_of(conn, tenant, requester.user_nid)
        after = {key: old for key, old in before.items() if key != name}
        if not remove:
            after[name] = value
            if len(msgspec.json.encode(after)) > PROFILE_BYTES_MAX:
                raise errors.ProfileTooLarge()
        if before == after:
            return
        if remove:
            await profiles.delete_field(conn, tenant, requester.user_nid, name)
        else:
            await profiles.set_field(conn, tenant, requester.user_nid, name, value)
    if name in SHOWN_IN_ROOMS:
        await tell_rooms(ctx, tenant, requester)
