"""Step: a local user knocks on a room that we are not in.

Spec: https://spec.matrix.org/v1.19/server-server-api/#knocking-rooms
"""

from collections.abc import Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import errors, pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import RoomVersion
from timserver.remote.federation import handshakes
from timserver.tenancy import Tenant
from timserver.usecases.federation.handshake import Asked, shake_hands
from timserver.usecases.federation.out_of_band import store_out_of_band
from timserver.usecases.federation.shown_state import read_shown_state


async def knock_elsewhere(ctx: Context, tenant: Tenant, asked: Asked, servers: Sequence[ServerName]) -> None:
    """Raises what `shake_hands` does."""

    async def send(server_name: ServerName, version: RoomVersion, event: Event) -> list[msgspec.Raw]:
        value = pdu.to_object(version, event)
        return await handshakes.send_knock(
            ctx.remote, tenant, server_name, asked.room_id, event.event_id, value
        )

    shaken = await shake_hands(ctx, tenant, servers, asked, send)
    shown: list[JsonObject] = []
    try:
        entries = [bytes(entry) for entry in shaken.answer]
        shown = await read_shown_state(ctx, tenant, shaken.version, asked.room_id, entries)
    except (errors.InvalidParam, errors.MissingParam):
        pass  # the knock stands; the user is shown nothing that cannot be believed
    await store_out_of_band(ctx, tenant, shaken.version, asked.room_id, shaken.event, shown)
