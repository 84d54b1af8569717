"""Users of other servers in rooms here: their events, built and signed as their servers would, and admitted."""

from typing import Any

from tests.support.sealed_rooms import key_of
from timserver import core
from timserver.context import Context
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import RoomID, UserID, server_name_of
from timserver.matrix.signing import SigningKey
from timserver.store import terms
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import Draft
from timserver.usecases.rooms.live import current_room, state_events


class Guest:
    """A user of another server, as a tenant's rooms know the user."""

    def __init__(self, ctx: Context, tenant: Tenant, user_id: str, key: SigningKey | None = None) -> None:
        self.ctx, self.tenant, self.user_id = ctx, tenant, UserID(user_id)
        self.server_name = server_name_of(self.user_id)
        self.key = key or key_of(self.server_name)

    async def event(
        self, room_id: str, event_type: str, content: dict[str, Any], state_key: str | None = None
    ) -> Event:
        """An event that follows the room as it is here."""
        room = await current_room(self.ctx, self.tenant, RoomID(room_id))
        assert room is not None
        version = room.version
        keys = core.state_keys(version, event_type, self.user_id, state_key, content)
        state = await state_events(self.ctx, self.tenant, room, keys)
        auth = core.auth_keys(version, event_type, self.user_id, state_key, content)
        template = pdu.PduTemplate(
            room_id=room.room_id,
            sender=self.user_id,
            type=event_type,
            content=content,
            prev_events=tuple(event_id for _, event_id in room.extremities),
            auth_events=tuple(state[key][1].event_id for key in auth if key in state),
            depth=room.depth + 1,
            origin_server_ts=self.ctx.clock.now_ms(),
            state_key=state_key,
        )
        return core.seal(version, template, server_name=self.server_name, signing_key=self.key)

    async def sends(
        self, room_id: str, event_type: str, content: dict[str, Any], state_key: str | None = None
    ) -> Event:
        """The event as it was admitted; it must be new and accepted."""
        event = await self.event(room_id, event_type, content, state_key)
        room = await current_room(self.ctx, self.tenant, RoomID(room_id))
        assert room is not None
        admitted = await admit(self.ctx, self.tenant, room, event)
        assert admitted.status is Status.NEW, admitted
        return event

    async def joins(self, room_id: str) -> Event:
        """Enter a room that is open, or to which the user is invited."""
        return await self.sends(room_id, "m.room.member", {"membership": "join"}, self.user_id)

    async def leaves(self, room_id: str) -> Event:
        """Leave."""
        return await self.sends(room_id, "m.room.member", {"membership": "leave"}, self.user_id)

    async def says(self, room_id: str, text: str) -> Event:
        """A message."""
        return await self.sends(room_id, "m.room.message", {"msgtype": "m.text", "body": text})

    async def is_invited_by(self, inviter: str, room_id: str) -> None:
        """A local user's invite, without telling the guest's server."""
        room = await current_room(self.ctx, self.tenant, RoomID(room_id))
        assert room is not None
        (nid,) = await terms.intern(self.ctx.database, self.ctx.caches, self.tenant, [inviter])
        draft = Draft(
            sender=UserID(inviter),
            sender_nid=nid,
            type="m.room.member",
            content={"membership": "invite"},
            state_key=self.user_id,
        )
        await append(self.ctx, self.tenant, room, [draft])
