"""Step: the member event that would come next in a room, not signed by anybody."""

from collections.abc import Iterable, Mapping

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, membership_template, pdu, signing
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import EventIdFormat
from timserver.store import events
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import state_events


async def authorized_template(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    *,
    sender: UserID,
    target: UserID,
    content: JsonObject,
    co_signer: ServerName | None = None,
) -> PduTemplate:
    """The template. `co_signer` is the server that will sign besides. Raises `Forbidden` when the room's current
    state does not allow the event.
    """
    version = room.version
    async with room.lock:
        extremities, depth = room.extremities, room.depth
        wanted = core.state_keys(version, "m.room.member", sender, target, content)
        state = await state_events(ctx, tenant, room, wanted)
    auth_keys = core.auth_keys(version, "m.room.member", sender, target, content)
    cited = [state[key] for key in auth_keys if key in state]
    template = PduTemplate(
        room_id=room.room_id,
        sender=sender,
        type="m.room.member",
        state_key=target,
        content=content,
        prev_events=tuple(event_id for _, event_id in extremities),
        auth_events=tuple(event.event_id for _, event in cited),
        depth=depth + 1,
        origin_server_ts=ctx.clock.now_ms(),
        reference_hashes=await _reference_hashes(ctx, tenant, room, [*extremities, *_ids(cited)]),
    )
    _check(room, template, {key: event for key, (_, event) in state.items()}, co_signer)
    return template


def _check(
    room: LiveRoom, template: PduTemplate, state: Mapping[StateKey, Event], co_signer: ServerName | None
) -> None:
    event = membership_template.to_authorize(room.version, template, co_signer)
    refused = core.check_auth(room.version, event, state)
    if refused is not None:
        raise errors.Forbidden(
            "You are not allowed to do this in this room", inner=f"{refused.name} {refused.rule}"
        )


def _ids(numbered: Iterable[tuple[int, Event]]) -> list[tuple[int, EventID]]:
    return [(nid, event.event_id) for nid, event in numbered]


async def _reference_hashes(
    ctx: Context, tenant: Tenant, room: LiveRoom, named: Iterable[tuple[int, EventID]]
) -> dict[EventID, str]:
    """Of all events that the template refers to; in rooms of version 1 and 2."""
    version = room.version
    if version.event_id_format is not EventIdFormat.GIVEN:
        return {}
    ids = dict(named)
    async with ctx.database.transaction(tenant) as conn:
        bodies = await events.bodies(conn, tenant, ids)
    return {
        ids[nid]: signing.encode_base64(signing.reference_hash(version, pdu.decode(version, body)))
        for nid, body in bodies.items()
    }
