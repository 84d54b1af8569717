"""Step: the one way for events out of a room (RELIABILITY C1): what a user may see, and what the user was then."""

from collections.abc import Sequence

import msgspec

from timserver.matrix import history_visibility as visibility
from timserver.matrix.event_types import HISTORY_VISIBILITY, HISTORY_VISIBILITY_KEY, MEMBER
from timserver.matrix.json_types import JsonObject
from timserver.store import events, rooms, snapshots
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import JOIN, MEMBERSHIP_NAMES
from timserver.tenancy import Tenant


class _Content(msgspec.Struct):
    content: dict[str, object]


class Seen(msgspec.Struct, frozen=True):
    """An event that the reader may see, and the reader's membership at it."""

    row: EventRow
    membership: str


_decode = msgspec.json.Decoder(_Content).decode


async def visible(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    reader: rooms.UserRoomRow | None,
    rows: Sequence[EventRow],
) -> list[Seen]:
    """Those events of one room that the user may see; `reader` is the user's membership row of the room, if any.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility
    """
    joined_from = reader.join_position if reader else None
    is_joined = reader is not None and reader.membership == JOIN
    if is_joined and joined_from is not None and all(row.position >= joined_from for row in rows):
        return [Seen(row, "join") for row in rows]
    states = await snapshots.read_states(conn, tenant, {row.snapshot_nid for row in rows})
    deciding = {nid: _deciding(state, user_nid) for nid, state in states.items()}
    contents = await _contents(conn, tenant, {number for both in deciding.values() for number in both})
    held = {
        nid: (visibility.read_visibility(contents.get(setter)), _membership(contents.get(member)))
        for nid, (setter, member) in deciding.items()
    }
    verdicts: dict[tuple[int, bool], bool] = {}
    """Of events that change neither, by their snapshot and whether the user joined later: many have both in common."""
    seen = []
    for row in rows:
        visible_to, membership = held[row.snapshot_nid]
        joined_later = is_joined or (joined_from is not None and joined_from > row.position)
        if row.type_nid == HISTORY_VISIBILITY and row.key_nid == HISTORY_VISIBILITY_KEY:
            both = visible_to, visibility.read_visibility(_decode(row.json).content)  # type: ignore[arg-type]
            verdict = visibility.user_may_see(both, [membership], joined_later=joined_later)
        elif row.type_nid == MEMBER and row.key_nid == user_nid:
            before, membership = membership, _membership(_decode(row.json).content)  # type: ignore[arg-type]
            verdict = visibility.user_may_see([visible_to], [before, membership], joined_later=joined_later)
        else:
            key = row.snapshot_nid, joined_later
            known = verdicts.get(key)
            if known is None:
                known = visibility.user_may_see([visible_to], [membership], joined_later=joined_later)
                verdicts[key] = known
            verdict = known
        if verdict:
            seen.append(Seen(row, membership))
    return seen


def _deciding(state: snapshots.RoomState, user_nid: int) -> tuple[int, int]:
    """The event that says who may see, and the user's member event; 0 for none."""
    held = state.values((HISTORY_VISIBILITY_KEY, user_nid))
    return held.get(HISTORY_VISIBILITY_KEY, 0), held.get(user_nid, 0)


async def _contents(conn: Connection, tenant: Tenant, nids: set[int]) -> dict[int, JsonObject]:
    found = await events.bodies(conn, tenant, nids - {0})
    return {nid: _decode(body).content for nid, body in found.items()}  # type: ignore[misc]


def _membership(content: JsonObject | None) -> str:
    value = content.get("membership") if content else None
    return value if isinstance(value, str) and value in MEMBERSHIP_NAMES.values() else "leave"
