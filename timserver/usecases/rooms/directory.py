"""The tenant's directory of published rooms.

Spec: https://spec.matrix.org/v1.19/client-server-api/#published-room-directory
"""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID
from timserver.policy import points
from timserver.policy.facts import DirectoryFacts
from timserver.store import rooms
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.live import must_current_room
from timserver.usecases.rooms.power import must_have_power_to_send
from timserver.usecases.rooms.summaries import Summary, summarize


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rooms; `room_types` None takes all, in it None stands for rooms without a type."""

    term: str | None = None
    room_types: tuple[str | None, ...] | None = None
    skip: int = 0
    limit: int


class Listing(msgspec.Struct, frozen=True):
    """One page, and how many rooms there are in all."""

    rooms: list[Summary]
    total: int


async def list_rooms(ctx: Context, tenant: Tenant, requester: Requester | None, wanted: Wanted) -> Listing:
    """The rooms with most members first. Raises by policy."""
    points.check(points.ON_DIRECTORY, DirectoryFacts(tenant=tenant, authenticated=requester is not None))
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        found = await summarize(conn, tenant, await rooms.listed_rooms(conn, tenant))
    chosen = [summary for summary in found.values() if _is_wanted(wanted, summary)]
    chosen.sort(key=lambda summary: (-summary.num_joined_members, summary.room_id))
    return Listing(chosen[wanted.skip : wanted.skip + wanted.limit], len(chosen))


def _is_wanted(wanted: Wanted, summary: Summary) -> bool:
    if wanted.room_types is not None and summary.room_type not in wanted.room_types:
        return False
    if not wanted.term:
        return True
    texts = (summary.name, summary.topic, summary.canonical_alias)
    return any(wanted.term.casefold() in text.casefold() for text in texts if text)


async def read_visibility(ctx: Context, tenant: Tenant, requester: Requester | None, room_id: RoomID) -> bool:
    """Is the room in the directory? Raises `NotFound`, and by policy."""
    points.check(points.ON_DIRECTORY, DirectoryFacts(tenant=tenant, authenticated=requester is not None))
    async with ctx.database.transaction(tenant) as conn:
        row = await rooms.find_room(conn, tenant, room_id)
    if row is None:
        raise errors.NotFound("Room not found")
    return row.in_directory


async def set_visibility(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, *, listed: bool
) -> None:
    """By who may say which aliases the room has. Raises `Forbidden`, and by policy."""
    points.check(points.ON_DIRECTORY, DirectoryFacts(tenant=tenant, authenticated=True))
    room = await must_current_room(ctx, tenant, room_id)
    if not requester.is_admin:
        await must_have_power_to_send(ctx, tenant, requester, room, "m.room.canonical_alias")
    async with ctx.database.transaction(tenant) as conn:
        await rooms.set_in_directory(conn, tenant, room.room_nid, listed)
