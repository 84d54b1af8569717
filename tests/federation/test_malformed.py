"""S3: malformed PDUs and EDUs by chance, in transactions with good ones. `--fuzz 100000` for a long run.

Nothing raises, nothing is an error of ours, every good event arrives, and nothing takes long.
"""

import json
import random
import time
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.support.devices import Device, new_device
from tests.support.guests import Guest
from tests.support.mutations import mutated, with_raw
from tests.support.outside import requester
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID
from timserver.matrix.room_presets import Preset
from timserver.tenancy import Tenant
from timserver.usecases.federation.receive_transaction import receive_transaction
from timserver.usecases.rooms.create_room import NewRoom, create_room
from timserver.usecases.tenants.signing_key import signing_key

PDUS, EDUS = 20, 30
"""Malformed ones of a transaction."""


def edus_of(alice: Device, bob: Guest, room: RoomID, event_id: str) -> list[dict[str, Any]]:
    """A good one of each kind."""
    device_keys = {
        "user_id": bob.user_id,
        "device_id": "D",
        "algorithms": ["a"],
        "keys": {},
        "signatures": {},
    }
    contents: dict[str, Any] = {
        "m.typing": {"room_id": room, "user_id": bob.user_id, "typing": True},
        "m.receipt": {room: {"m.read": {bob.user_id: {"event_ids": [event_id], "data": {"ts": 1}}}}},
        "m.presence": {"push": [{"user_id": bob.user_id, "presence": "online", "last_active_ago": 1}]},
        "m.direct_to_device": {
            "sender": bob.user_id,
            "type": "m.test",
            "message_id": "1",
            "messages": {alice.user_id: {alice.device_id: {"a": 1}}},
        },
        "m.device_list_update": {
            "user_id": bob.user_id,
            "device_id": "D",
            "stream_id": 1,
            "prev_id": [],
            "keys": device_keys,
        },
        "m.signing_key_update": {"user_id": bob.user_id},
    }
    return [{"edu_type": name, "content": content} for name, content in contents.items()]


def encoded(chance: random.Random, value: Any) -> bytes:
    try:
        data = msgspec.json.encode(value)
    except (OverflowError, ValueError):
        data = json.dumps(value).encode()
    return with_raw(chance, data)


@pytest.mark.parametrize("version", ["5", "10", "12"])
async def test_s3_malformed_pdus_and_edus(
    ctx: Context, tenant: Tenant, other: Tenant, version: str, request: pytest.FixtureRequest
) -> None:
    wanted: int = request.config.getoption("--fuzz") // 3
    chance = random.Random(f"{version}{wanted}")
    alice = await new_device(ctx, tenant)
    room = await create_room(
        ctx, tenant, requester(alice), NewRoom(preset=Preset.PUBLIC_CHAT, room_version=version)
    )
    bob = Guest(ctx, tenant, f"@bob:{other.server_name}", await signing_key(ctx, other))
    await bob.joins(room)
    sent, slowest_s, unreadable = 0, 0.0, 0
    with capture_logs() as logs:
        while sent < wanted:
            good = await bob.event(room, "m.room.message", {"msgtype": "m.text", "body": str(sent)})
            value, edus = json.loads(good.pdu), edus_of(alice, bob, room, good.event_id)
            bad = [encoded(chance, mutated(chance, value, chance.randint(1, 3))) for _ in range(PDUS)]
            bad_edus = [
                encoded(chance, mutated(chance, chance.choice(edus), chance.randint(1, 3)))
                for _ in range(EDUS)
            ]
            sent += PDUS + EDUS
            began_s = time.perf_counter()
            try:
                answer = await receive_transaction(
                    ctx, tenant, other.server_name, f"{version}{sent}", _body([*bad, good.pdu], bad_edus)
                )
            except errors.NotJson:  # NaN and the like break the JSON of the whole
                unreadable += 1
                parts = ([item for item in bad if _is_json(item)], [e for e in bad_edus if _is_json(e)])
                answer = await receive_transaction(
                    ctx, tenant, other.server_name, f"{version}{sent}", _body([*parts[0], good.pdu], parts[1])
                )
            slowest_s = max(slowest_s, time.perf_counter() - began_s)
            results = json.loads(answer)["pdus"]
            assert results[good.event_id] == {}, "the good one among them"
            assert b"Internal server error" not in answer
    assert not [entry for entry in logs if entry["log_level"] in ("error", "critical")]
    print(f"version {version}: {sent} sent, slowest {slowest_s * 1000:.0f} ms, {unreadable} unreadable")
    assert slowest_s < 5


def _body(pdus: list[bytes], edus: list[bytes]) -> bytes:
    return b'{"pdus":[' + b",".join(pdus) + b'],"edus":[' + b",".join(edus) + b"]}"


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
