"""What passes beside events: typing, receipts, presence, device lists, messages to devices, and whom it reaches.

Real: the database, rooms, keys that are really signed. Fake: the other servers (`support.outside`), and the clock.
"""

from typing import cast

import msgspec
import pytest

from tests.support.crypto import Crypto
from tests.support.devices import Device, new_device
from tests.support.homeserver import Person
from tests.support.outside import Outside, SetClock, comes, process, requester
from tests.support.sending import all_rounds, room_of, say
from timserver.context import Context
from timserver.matrix.ids import EventID
from timserver.matrix.receipts import ReceiptType
from timserver.store import outgoing
from timserver.tenancy import Tenant, TenantSettings
from timserver.usecases.accounts.log_out import end_devices, log_out
from timserver.usecases.accounts.uia import Attempt
from timserver.usecases.devices.rename_device import rename_device
from timserver.usecases.devices.send_to_device import send_to_device
from timserver.usecases.e2ee.upload_cross_signing import upload_cross_signing
from timserver.usecases.e2ee.upload_keys import KeyUpload, upload_keys
from timserver.usecases.e2ee.upload_signatures import upload_signatures
from timserver.usecases.ephemeral.presence import set_presence
from timserver.usecases.ephemeral.receipts import Marker
from timserver.usecases.ephemeral.set_receipt import set_receipts
from timserver.usecases.ephemeral.set_typing import set_typing
from timserver.usecases.federation.read_user_keys import read_user_devices
from timserver.usecases.membership.join_room import join_room

B, C = "b.example", "c.example"
BOB, CAROL = "@bob:b.example", "@carol:c.example"
DEVICES, SIGNING = "m.device_list_update", "m.signing_key_update"


@pytest.fixture
async def alice(ctx: Context, tenant: Tenant) -> Device:
    return await new_device(ctx, tenant)


def crypto_of(device: Device) -> Crypto:
    return Crypto(cast(Person, device))


async def publish(ctx: Context, tenant: Tenant, device: Device) -> Crypto:
    crypto = crypto_of(device)
    await upload_keys(ctx, tenant, requester(device), KeyUpload(device_keys=crypto.device_keys()))
    return crypto


async def write(
    ctx: Context, tenant: Tenant, device: Device, txn_id: str, *users: str, text: str = "key"
) -> None:
    messages = {user_id: {"*": msgspec.Raw(b'{"text":"%s"}' % text.encode())} for user_id in users}
    await send_to_device(ctx, tenant, requester(device), txn_id, "m.room_key", messages)


async def test_typing_reaches_the_servers_in_the_room(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await room_of(here, tenant, alice, CAROL)
    await set_typing(here, tenant, requester(alice), room_id, 20_000)
    await all_rounds(here, tenant)
    await set_typing(here, tenant, requester(alice), room_id, None)
    await all_rounds(here, tenant)
    about = {"room_id": room_id, "user_id": alice.user_id}
    assert outside.edus(B, "m.typing") == [{**about, "typing": True}, {**about, "typing": False}]
    assert outside.edus(C, "m.typing") == []


async def test_receipts_are_told_and_private_ones_are_not(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    event_id = EventID(await say(here, tenant, alice, room_id, "1"))
    carol = await new_device(here, tenant)
    await join_room(here, tenant, requester(carol), room_id)
    await all_rounds(here, tenant)
    await set_receipts(here, tenant, requester(carol), room_id, [Marker(ReceiptType.READ_PRIVATE, event_id)])
    assert await all_rounds(here, tenant) == []
    await set_receipts(here, tenant, requester(carol), room_id, [Marker(ReceiptType.READ, event_id)])
    await set_receipts(here, tenant, requester(alice), room_id, [Marker(ReceiptType.READ, event_id, "main")])
    await all_rounds(here, tenant)
    ts = here.clock.now_ms()
    (told,) = outside.edus(B, "m.receipt")
    assert told == {
        room_id: {
            "m.read": {
                carol.user_id: {"event_ids": [event_id], "data": {"ts": ts}},
                alice.user_id: {"event_ids": [event_id], "data": {"ts": ts, "thread_id": "main"}},
            }
        }
    }


async def test_presence_reaches_who_shares_a_room_and_can_be_switched_off(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    await room_of(here, tenant, alice, BOB)
    lonely = await new_device(here, tenant)
    await room_of(here, tenant, lonely)
    await set_presence(here, tenant, requester(alice), 2, "here")
    await set_presence(here, tenant, requester(lonely), 2, None)
    await all_rounds(here, tenant)
    (told,) = outside.edus(B, "m.presence")
    assert [(user["user_id"], user["presence"]) for user in told["push"]] == [(alice.user_id, "online")]
    silent = msgspec.structs.replace(tenant, settings=TenantSettings(presence=False))
    await set_presence(here, tenant, requester(alice), 0, None)
    await all_rounds(here, silent)
    assert len(outside.edus(B, "m.presence")) == 1


async def test_what_passes_is_not_told_to_who_was_away(
    here: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await all_rounds(here, tenant)
    outside.is_away(B)
    event_id = EventID(await say(here, tenant, alice, room_id, "1"))
    await set_typing(here, tenant, requester(alice), room_id, 20_000)
    await set_presence(here, tenant, requester(alice), 2, None)
    await set_receipts(here, tenant, requester(alice), room_id, [Marker(ReceiptType.READ, event_id)])
    await write(here, tenant, alice, "t1", BOB)
    await all_rounds(here, tenant)
    outside.is_away()
    clock.at_ms += 3_600_000
    await all_rounds(here, tenant)
    assert outside.bodies(B) == ["1"]
    assert outside.edus(B, "m.typing") == outside.edus(B, "m.presence") == []
    assert len(outside.edus(B, "m.receipt")) == len(outside.edus(B, "m.direct_to_device")) == 1


async def test_messages_to_devices_go_once_in_one_parcel_for_each_server(
    here: Context, tenant: Tenant, other: Tenant, alice: Device, outside: Outside
) -> None:
    local = await new_device(here, tenant)
    users = [BOB, "@bea:b.example", CAROL, local.user_id, "nobody"]
    await write(here, tenant, alice, "t1", *users)
    await write(here, tenant, alice, "t1", *users)
    await all_rounds(here, tenant)
    (for_b,), (for_c,) = outside.edus(B, "m.direct_to_device"), outside.edus(C, "m.direct_to_device")
    assert (for_b["sender"], for_b["type"]) == (alice.user_id, "m.room_key")
    assert for_b["messages"] == {user: {"*": {"text": "key"}} for user in (BOB, "@bea:b.example")}
    assert for_c["messages"] == {CAROL: {"*": {"text": "key"}}}
    assert for_b["message_id"] != for_c["message_id"]
    assert len(for_b["message_id"]) <= 32
    assert {t.destination for t in outside.received} == {B, C}
    assert await all_rounds(here, other) == []
    async with here.database.transaction(tenant) as conn:
        assert await conn.raw.fetchval("select count(*) from to_device_outbox") == 0


async def test_messages_to_devices_outlive_weeks_of_outage_within_bounds(
    ctx: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    here = process(ctx, outside, clock, to_device_outbox_messages_max=60, outbox_events_per_destination_max=5)
    room_id = await room_of(here, tenant, alice, BOB)
    outside.is_away(B)
    for number in range(70):
        await write(here, tenant, alice, f"t{number}", BOB, text=str(number))
        await say(here, tenant, alice, room_id, str(number))
    await all_rounds(here, tenant)
    clock.at_ms += 20 * 86_400_000
    await all_rounds(here, tenant)
    outside.is_away()
    clock.at_ms += 4_000_000
    await all_rounds(here, tenant)
    texts = [message["messages"][BOB]["*"]["text"] for message in outside.edus(B, "m.direct_to_device")]
    assert texts == [str(number) for number in range(10, 70)]
    assert max(len(t.edus("m.direct_to_device")) for t in outside.received) <= 40
    first_pdu = next(place for place, t in enumerate(outside.received) if "69" in t.bodies)
    last_key = max(place for place, t in enumerate(outside.received) if t.edus("m.direct_to_device"))
    assert last_key < first_pdu


async def test_messages_of_a_megabyte_go_one_by_one(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    for number in range(3):
        await write(here, tenant, alice, f"t{number}", BOB, text="x" * 700_000)
    await all_rounds(here, tenant)
    assert [len(t.edus("m.direct_to_device")) for t in outside.received] == [1, 1, 1]


async def test_each_change_of_a_device_is_told_with_the_one_before(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    await room_of(here, tenant, alice, BOB)
    await all_rounds(here, tenant)
    crypto = await publish(here, tenant, alice)
    second = await new_device(here, tenant, of=alice)
    await publish(here, tenant, second)
    await rename_device(here, tenant, requester(alice), alice.device_id, "phone")
    await all_rounds(here, tenant)
    await log_out(here, tenant, requester(second))
    await all_rounds(here, tenant)
    first, other, gone = outside.edus(B, DEVICES)
    assert (first["device_id"], first["prev_id"]) == (alice.device_id, [])
    assert first["keys"] == crypto.device_keys()
    assert "device_display_name" not in first
    assert (other["device_id"], other["prev_id"]) == (second.device_id, [first["stream_id"]])
    assert (gone["device_id"], gone["prev_id"]) == (second.device_id, [other["stream_id"]])
    assert gone["deleted"] is True
    assert "keys" not in gone
    shown = await read_user_devices(here, tenant, crypto.person.user_id)  # type: ignore[arg-type]
    assert shown.stream_id == gone["stream_id"]


async def test_devices_that_end_together_have_a_number_each(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    await room_of(here, tenant, alice, BOB)
    devices = [alice, *[await new_device(here, tenant, of=alice) for _ in range(24)]]
    await all_rounds(here, tenant)
    await end_devices(here, tenant, alice.user_nid, [device.device_nid for device in devices])
    await all_rounds(here, tenant)
    told = outside.edus(B, DEVICES)
    assert {edu["device_id"] for edu in told} == {device.device_id for device in devices}
    assert [edu["prev_id"] for edu in told] == [[], *([edu["stream_id"]] for edu in told[:-1])]
    assert all(edu["deleted"] for edu in told)


async def test_cross_signing_keys_are_told_and_their_signatures(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    await room_of(here, tenant, alice, BOB)
    crypto = await publish(here, tenant, alice)
    keys = crypto.cross_signing_keys()
    by_usage = {
        "master": keys["master_key"],
        "self_signing": keys["self_signing_key"],
        "user_signing": keys["user_signing_key"],
    }
    await upload_cross_signing(here, tenant, requester(alice), by_usage, Attempt("", b"", None))
    signed = crypto.signed(crypto.self_signing, crypto.device_keys())
    own = {alice.user_id: {alice.device_id: signed}}
    assert await upload_signatures(here, tenant, requester(alice), own) == {}
    await all_rounds(here, tenant)
    (cross,) = outside.edus(B, SIGNING)
    assert cross == {
        "user_id": alice.user_id,
        "master_key": keys["master_key"],
        "self_signing_key": keys["self_signing_key"],
    }
    device = outside.edus(B, DEVICES)[-1]
    assert len(device["keys"]["signatures"][alice.user_id]) == 2


async def test_device_lists_reach_only_who_shares_a_room_and_who_comes_to_share_one(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    await publish(here, tenant, alice)
    creator = await new_device(here, tenant)
    room_id = await room_of(here, tenant, creator, BOB, CAROL)
    await all_rounds(here, tenant)
    assert outside.edus(B, DEVICES) == []
    await join_room(here, tenant, requester(alice), room_id)
    await all_rounds(here, tenant)
    for server in (B, C):
        (told,) = outside.edus(server, DEVICES)
        assert (told["user_id"], told["device_id"]) == (alice.user_id, alice.device_id)
    await comes(here, tenant, room_id, CAROL, "leave")
    second = await new_device(here, tenant, of=alice)
    await publish(here, tenant, second)
    await all_rounds(here, tenant)
    assert [edu["device_id"] for edu in outside.edus(B, DEVICES)] == [alice.device_id, second.device_id]
    assert len(outside.edus(C, DEVICES)) == 1


async def test_tenants_number_their_devices_apart(
    here: Context, tenant: Tenant, other: Tenant, alice: Device
) -> None:
    stranger = await new_device(here, other)
    await publish(here, tenant, alice)
    for at, user, known in ((tenant, alice, True), (other, alice, False), (other, stranger, False)):
        async with here.database.transaction(at) as conn:
            assert (await outgoing.stream_id(conn, at, user.user_nid) > 0) is known
