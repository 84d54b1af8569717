"""Step: a member event that this server makes and signs, by the room's current state, for who admits it afterwards."""

import msgspec

from timserver import core
from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import EventIdFormat
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.policy_server import recommended
from timserver.usecases.federation.template import authorized_template
from timserver.usecases.tenants.signing_key import signing_key


async def own_member_event(
    ctx: Context, tenant: Tenant, room: LiveRoom, *, sender: UserID, target: UserID, content: JsonObject
) -> Event:
    """With the signature of the room's policy server, if that gives one. Raises `Forbidden`."""
    template = await authorized_template(ctx, tenant, room, sender=sender, target=target, content=content)
    if room.version.event_id_format is EventIdFormat.GIVEN:
        own_id = EventID(f"${ctx.ids.opaque(18)}:{tenant.server_name}")
        template = msgspec.structs.replace(template, event_id=own_id)
    key = await signing_key(ctx, tenant)
    event = core.seal(room.version, template, server_name=tenant.server_name, signing_key=key)
    return await recommended(ctx, tenant, room, event)
