"""Steps: the event that another one relates to, and the thread that it belongs to by that."""

from timserver.context import Context
from timserver.matrix import relations
from timserver.matrix.relations import Relation
from timserver.store import events
from timserver.store import relations as relation_rows
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant


def target_hash_of(room: LiveRoom, relation: Relation | None) -> bytes | None:
    """The event that a relation points at, as it is stored; None for what cannot be one in this room."""
    try:
        return events.event_key(room.version, relation.event_id) if relation else None
    except ValueError:
        return None


def thread_by(relation: Relation, target_nid: int, thread_nid: int | None) -> int | None:
    """The root of the thread of an event that relates to a target, which itself may be in a thread."""
    return target_nid if relation.rel_type == relations.THREAD else thread_nid


async def thread_of_received(
    ctx: Context, tenant: Tenant, room: LiveRoom, relation: Relation | None
) -> int | None:
    """The root of the thread of another server's event, as far as we have what it relates to.

    It may annotate something twice: unlike an event of ours it cannot be refused for that any more.
    """
    target_hash = target_hash_of(room, relation)
    if relation is None or target_hash is None:
        return None
    target = await relation_rows.target(ctx.database, tenant, room.room_nid, target_hash)
    return thread_by(relation, target.event_nid, target.thread_nid) if target else None
