"""The tenant's directory of published rooms, and those of other servers.

Spec: https://spec.matrix.org/v1.19/client-server-api/#published-room-directory
"""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.matrix.json_types import JsonValue
from timserver.policy import points
from timserver.policy.facts import DirectoryFacts
from timserver.remote.errors import RemoteError
from timserver.remote.federation import queries
from timserver.remote.federation.queries import RemoteSummary
from timserver.store import rooms
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.refusals import to_client
from timserver.usecases.rooms.live import must_current_room
from timserver.usecases.rooms.power import must_have_power_to_send
from timserver.usecases.rooms.summaries import Summary, summarize


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rooms; `room_types` None takes all, in it None stands for rooms without a type. `since` is a page's token."""

    term: str | None = None
    room_types: tuple[str | None, ...] | None = None
    since: str | None = None
    limit: int | None = None


class PublishedRoom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room of a directory."""

    room_id: str
    num_joined_members: int
    world_readable: bool
    guest_can_join: bool
    join_rule: str
    name: str | None = None
    topic: str | None = None
    canonical_alias: str | None = None
    avatar_url: str | None = None
    room_type: str | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page, and how many rooms there are in all."""

    chunk: list[PublishedRoom]
    total_room_count_estimate: int | None = None
    next_batch: str | None = None
    prev_batch: str | None = None


async def list_rooms(ctx: Context, tenant: Tenant, requester: Requester | None, wanted: Wanted) -> Listing:
    """The rooms with most members first. Raises by policy."""
    points.check(points.ON_DIRECTORY, DirectoryFacts(tenant=tenant, authenticated=requester is not None))
    return await _page(ctx, tenant, wanted)


async def list_rooms_for_server(ctx: Context, tenant: Tenant, wanted: Wanted) -> Listing:
    """The same for another server. Raises by policy.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#published-room-directory
    """
    points.check(points.ON_DIRECTORY, DirectoryFacts(tenant=tenant, authenticated=True, by_server=True))
    return await _page(ctx, tenant, wanted)


async def list_rooms_elsewhere(
    ctx: Context, tenant: Tenant, requester: Requester | None, server: ServerName, wanted: Wanted
) -> Listing:
    """Another server's directory. Raises by policy, and what `refusals.to_client` says."""
    points.check(points.ON_DIRECTORY, DirectoryFacts(tenant=tenant, authenticated=requester is not None))
    chosen: dict[str, JsonValue] = {}
    if wanted.term:
        chosen["generic_search_term"] = wanted.term
    if wanted.room_types is not None:
        chosen["room_types"] = list(wanted.room_types)
    content: dict[str, JsonValue] = {"limit": _limit(ctx, wanted), "filter": chosen}
    if wanted.since:
        content["since"] = wanted.since
    try:
        found = await queries.query_public_rooms(ctx.remote, tenant, server, content)
    except RemoteError as error:
        raise to_client(error, not_found="That server has no directory") from error
    return Listing(
        chunk=[_published(summary) for summary in found.chunk],
        total_room_count_estimate=found.total_room_count_estimate,
        next_batch=found.next_batch,
        prev_batch=found.prev_batch,
    )


async def _page(ctx: Context, tenant: Tenant, wanted: Wanted) -> Listing:
    skip, limit = _skip(wanted.since), _limit(ctx, wanted)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        found = await summarize(conn, tenant, await rooms.listed_rooms(conn, tenant))
    chosen = [summary for summary in found.values() if _is_wanted(wanted, summary)]
    chosen.sort(key=lambda summary: (-summary.num_joined_members, summary.room_id))
    shown = chosen[skip : skip + limit]
    after = skip + len(shown)
    return Listing(
        chunk=[_published(summary) for summary in shown],
        total_room_count_estimate=len(chosen),
        next_batch=f"d{after}" if after < len(chosen) else None,
        prev_batch=f"d{max(0, skip - limit)}" if skip else None,
    )


def _is_wanted(wanted: Wanted, summary: Summary) -> bool:
    if wanted.room_types is not None and summary.room_type not in wanted.room_types:
        return False
    if not wanted.term:
        return True
    texts = (summary.name, summary.topic, summary.canonical_alias)
    return any(wanted.term.casefold() in text.casefold() for text in texts if text)


def _published(summary: Summary | RemoteSummary) -> PublishedRoom:
    return PublishedRoom(
        room_id=summary.room_id,
        num_joined_members=summary.num_joined_members,
        world_readable=summary.world_readable,
        guest_can_join=summary.guest_can_join,
        join_rule=summary.join_rule,
        name=summary.name,
        topic=summary.topic,
        canonical_alias=summary.canonical_alias,
        avatar_url=summary.avatar_url,
        room_type=summary.room_type,
    )


def _limit(ctx: Context, wanted: Wanted) -> int:
    most = ctx.settings.limits.page_rooms_max
    return most if wanted.limit is None or wanted.limit < 1 else min(wanted.limit, most)


def _skip(since: str | None) -> int:
    """Raises `InvalidParam` for a token that is not ours."""
    if not since:
        return 0
    if since[0] != "d" or not since[1:].isdigit() or len(since) > 12:
        raise errors.InvalidParam("Unknown token")
    return int(since[1:])


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
