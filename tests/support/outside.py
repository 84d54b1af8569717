"""Other people's servers, as far as a room and a sender of ours see them.

Real: their events (hashed, signed, admitted like any other). Fake: their answers, which a test decides; they stand
where a co-hosted tenant would (`remote.client.Loopback`).
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from tests.support.devices import Device
from tests.support.sealed_rooms import key_of
from timserver import core
from timserver.clock import Clock
from timserver.context import Context
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import DeviceID, EventID, RoomID, ServerName, UserID, server_name_of
from timserver.matrix.json_types import JsonObject
from timserver.remote.client import FederationClient, RemoteError
from timserver.remote.fetcher import Streamed
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.rooms.live import must_current_room, state_events


class SetClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at_ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000


class Transaction(msgspec.Struct, frozen=True):
    """One that a server was sent."""

    origin: str
    destination: str
    txn_id: str
    content: dict[str, Any]

    @property
    def bodies(self) -> list[str]:
        """Texts of the messages in it."""
        return [pdu["content"]["body"] for pdu in self.content["pdus"] if pdu["type"] == "m.room.message"]

    def edus(self, edu_type: str) -> list[dict[str, Any]]:
        """Contents of the EDUs of a type."""
        return [edu["content"] for edu in self.content.get("edus", ()) if edu["edu_type"] == edu_type]


class Outside:
    """All servers that are not ours."""

    def __init__(self) -> None:
        self.received: list[Transaction] = []
        self.refuse: Callable[[Transaction], RemoteError | None] = lambda _: None
        self.under_way = self.most_under_way = 0
        self.delay_s = 0.0
        self.held: asyncio.Event | None = None
        """Nobody answers before it is set."""
        self.on_request: Callable[[Transaction], None] = lambda _: None

    async def hosts(self, server_name: ServerName) -> bool:
        return True

    async def request(
        self,
        origin: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        content: JsonObject | None,
    ) -> bytes:
        assert method == "PUT"
        assert path.startswith("/_matrix/federation/v1/send/")
        txn_id = path.rpartition("/")[2]
        body = json.loads(msgspec.json.encode(content))
        transaction = Transaction(origin.server_name, destination, txn_id, body)
        assert body["origin"] == origin.server_name
        assert len(body["pdus"]) <= 50
        assert len(body.get("edus", ())) <= 100
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            self.on_request(transaction)
            await asyncio.sleep(self.delay_s)
            if self.held is not None:
                await self.held.wait()
            error = self.refuse(transaction)
            if error is not None:
                raise error
            self.received.append(transaction)
            return b'{"pdus":{}}'
        finally:
            self.under_way -= 1

    def stream(
        self, origin: Tenant, destination: ServerName, path: str, query: Sequence[tuple[str, str]]
    ) -> AbstractAsyncContextManager[Streamed]:
        raise AssertionError("no files here")

    def is_away(self, *servers: str) -> None:
        """These servers do not answer."""
        self.refuse = lambda t: RemoteError("away", transient=True) if t.destination in servers else None

    def bodies(self, server: str) -> list[str]:
        """Texts of all messages that a server has received, in order."""
        return [body for t in self.received if t.destination == server for body in t.bodies]

    def edus(self, server: str, edu_type: str) -> list[dict[str, Any]]:
        """Contents of all EDUs of a type that a server has received."""
        return [edu for t in self.received if t.destination == server for edu in t.edus(edu_type)]


def process(ctx: Context, outside: Outside, clock: Clock | None = None, **limits: int) -> Context:
    """As another process of the deployment would see the database; requests go to `outside`."""
    settings = ctx.settings.model_copy(update={"limits": ctx.settings.limits.model_copy(update=limits)})
    remote = FederationClient(ctx.remote.fetcher, ctx.clock, ctx.ids, settings)
    remote.signing_key_of = ctx.remote.signing_key_of
    remote.federation_list = ctx.remote.federation_list
    remote.loopback = outside
    return msgspec.structs.replace(ctx, remote=remote, settings=settings, clock=clock or ctx.clock)


def requester(device: Device) -> Requester:
    """The user of a device as who asks."""
    return Requester(
        user_id=UserID(device.user_id),
        user_nid=device.user_nid,
        device_id=DeviceID(device.device_id),
        device_nid=device.device_nid,
    )


async def comes(
    ctx: Context,
    tenant: Tenant,
    room_id: RoomID,
    user_id: str,
    membership: str = "join",
    after: Sequence[EventID] | None = None,
) -> Event:
    """A user of another server joins a public room, or leaves."""
    room = await must_current_room(ctx, tenant, room_id)
    content: JsonObject = {"membership": membership}
    return await says(ctx, tenant, room, user_id, "m.room.member", content, user_id, after=after)


async def says(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    user_id: str,
    event_type: str,
    content: JsonObject,
    state_key: str | None = None,
    *,
    after: Sequence[EventID] | None = None,
) -> Event:
    """An event of another server's user, on what we have, or after some events; it must be taken."""
    version, server_name = room.version, server_name_of(UserID(user_id))
    keys = core.state_keys(version, event_type, UserID(user_id), state_key, content)
    auth = await state_events(ctx, tenant, room, keys)
    template = pdu.PduTemplate(
        room_id=room.room_id,
        sender=UserID(user_id),
        type=event_type,
        content=content,
        prev_events=tuple(after or (event_id for _, event_id in room.extremities)),
        auth_events=tuple(event.event_id for _, event in auth.values()),
        depth=room.depth + 1,
        origin_server_ts=ctx.clock.now_ms(),
        state_key=state_key,
    )
    event = core.seal(version, template, server_name=server_name, signing_key=key_of(server_name))
    admitted = await admit(ctx, tenant, room, event)
    assert admitted.status is Status.NEW, admitted
    return event
