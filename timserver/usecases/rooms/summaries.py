"""Step: what a room says of itself to people outside: name, topic, how to get in."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from timserver.matrix.event import get_list, get_str
from timserver.matrix.event_types import EMPTY_KEY, TYPE_NIDS
from timserver.matrix.history_visibility import Visibility, read_visibility
from timserver.matrix.json_types import JsonObject
from timserver.store import events, rooms, sync_reads
from timserver.store.database import Connection
from timserver.store.live_rooms import INVITE, JOIN
from timserver.store.rooms import RoomRow, UserRoomRow
from timserver.tenancy import Tenant

_TYPES = {
    TYPE_NIDS[name] + EMPTY_KEY: name
    for name in (
        "m.room.create",
        "m.room.name",
        "m.room.topic",
        "m.room.avatar",
        "m.room.canonical_alias",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.encryption",
    )
}


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room as the specification's room summary."""

    room_id: str
    num_joined_members: int
    world_readable: bool
    guest_can_join: bool
    join_rule: str
    room_version: str
    name: str | None = None
    topic: str | None = None
    canonical_alias: str | None = None
    avatar_url: str | None = None
    room_type: str | None = None
    encryption: str | None = None
    allowed_room_ids: list[str] | None = None


class _Content(msgspec.Struct):
    content: dict[str, object]


_decode = msgspec.json.Decoder(_Content).decode


async def summarize(conn: Connection, tenant: Tenant, rows: Sequence[RoomRow]) -> dict[str, Summary]:
    """Of some rooms, by room id."""
    nids = [row.room_nid for row in rows]
    if not nids:
        return {}
    keys = await sync_reads.current_state_of_keys(conn, tenant, nids, list(_TYPES))
    bodies = await events.bodies(conn, tenant, [nid for found in keys.values() for nid in found.values()])
    counts = await rooms.counts(conn, tenant, nids)
    return {
        row.room_id: _summary(
            row,
            counts[row.room_nid].joined,
            {_TYPES[key]: _decode(bodies[nid]).content for key, nid in keys[row.room_nid].items()},  # type: ignore[misc]
        )
        for row in rows
    }


def _summary(row: RoomRow, joined: int, state: Mapping[str, JsonObject]) -> Summary:
    def text(event_type: str, name: str) -> str | None:
        return get_str(state.get(event_type, {}), name)

    join_rules = state.get("m.room.join_rules", {})
    allowed = [
        room_id
        for rule in get_list(join_rules, "allow") or []
        if isinstance(rule, dict) and rule.get("type") == "m.room_membership"
        if isinstance(room_id := rule.get("room_id"), str)
    ]
    join_rule = get_str(join_rules, "join_rule") or "invite"
    visibility = read_visibility(state.get("m.room.history_visibility"))
    return Summary(
        room_id=row.room_id,
        num_joined_members=joined,
        world_readable=visibility is Visibility.WORLD_READABLE,
        guest_can_join=text("m.room.guest_access", "guest_access") == "can_join",
        join_rule=join_rule,
        room_version=row.room_version,
        name=text("m.room.name", "name") or None,
        topic=text("m.room.topic", "topic") or None,
        canonical_alias=text("m.room.canonical_alias", "alias"),
        avatar_url=text("m.room.avatar", "url"),
        room_type=text("m.room.create", "type"),
        encryption=text("m.room.encryption", "algorithm"),
        allowed_room_ids=allowed if join_rule in ("restricted", "knock_restricted") else None,
    )


def is_open_to(summary: Summary, memberships: Mapping[str, UserRoomRow]) -> bool:
    """May a user look at the room from outside: is in it or invited, could join or knock, or the world may read it."""
    own = memberships.get(summary.room_id)
    if own is not None and own.membership in (JOIN, INVITE):
        return True
    if summary.world_readable or summary.join_rule in ("public", "knock", "knock_restricted"):
        return True
    return summary.join_rule == "restricted" and _is_in_any(summary.allowed_room_ids or (), memberships)


def _is_in_any(room_ids: Collection[str], memberships: Mapping[str, UserRoomRow]) -> bool:
    return any(room_id in memberships and memberships[room_id].membership == JOIN for room_id in room_ids)
