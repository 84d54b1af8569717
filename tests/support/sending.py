"""Turns of the sender, one by one, for tests below HTTP."""

import itertools

from tests.support.devices import Device
from tests.support.outside import comes, requester
from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.matrix.room_presets import Preset
from timserver.tenancy import Tenant
from timserver.usecases.events.send_message import send_message
from timserver.usecases.federation import outgoing_work
from timserver.usecases.federation.send_transaction import Outcome, send_transaction
from timserver.usecases.rooms.create_room import NewRoom, create_room

_txn = itertools.count()


async def room_of(ctx: Context, tenant: Tenant, alice: Device, *others: str) -> RoomID:
    """A public room that alice has made and users of other servers have joined."""
    room_id = await create_room(ctx, tenant, requester(alice), NewRoom(preset=Preset.PUBLIC_CHAT))
    for user_id in others:
        await comes(ctx, tenant, room_id, user_id)
    return room_id


async def say(ctx: Context, tenant: Tenant, alice: Device, room_id: RoomID, *texts: str) -> str:
    """Messages of a local user; the id of the last one."""
    event_id = ""
    for text in texts:
        content = {"msgtype": "m.text", "body": text}
        txn_id = f"t{next(_txn)}"
        event_id = await send_message(
            ctx, tenant, requester(alice), room_id, "m.room.message", content, txn_id
        )
    return event_id


async def round_of(ctx: Context, tenant: Tenant, owner: int = 7) -> list[Outcome]:
    """One turn of the tenant, without the loop."""
    taken = await outgoing_work.take_transactions(ctx, tenant, owner, limit=20, probes=20)
    return [(await send_transaction(ctx, tenant, item, owner)).outcome for item in taken]


async def all_rounds(ctx: Context, tenant: Tenant) -> list[Outcome]:
    """Turns until there is nothing to do now."""
    outcomes: list[Outcome] = []
    while found := await round_of(ctx, tenant):
        outcomes += found
    assert not await outgoing_work.settle(ctx, tenant)
    return outcomes
