"""What a send into a linear room spends in the core: selection of auth events, sealing, authorization."""

import time
from statistics import median

from conformance.bench.core.rooms import ALICE, KEY, SERVER, Builder, user
from timserver import core
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.json_types import JsonObject

CONTENT: JsonObject = {
    "algorithm": "m.megolm.v1.aes-sha2",
    "ciphertext": "A" * 700,
    "device_id": "ABCDEFGHIJ",
    "sender_key": "k" * 43,
    "session_id": "s" * 43,
}


def measure(version: str, listed: int, repeats: int) -> dict[str, float]:
    """Nanoseconds of each part, the medians, in a room whose power levels list some users."""
    room = Builder(version)
    room.levels([user(number) for number in range(listed)])
    state = {key: room.events[event_id] for key, event_id in room.state.items()}
    times: dict[str, list[int]] = {"select": [], "seal": [], "authorize": []}
    for _ in range(repeats):
        started = time.thread_time_ns()
        asked = core.state_keys(room.version, "m.room.encrypted", ALICE, None, CONTENT)
        keys = core.auth_keys(room.version, "m.room.encrypted", ALICE, None, CONTENT)
        auth_state = {key: state[key] for key in asked}
        selected = time.thread_time_ns()
        event = _seal(room, [state[key] for key in keys])
        sealed = time.thread_time_ns()
        assert core.check_auth(room.version, event, auth_state) is None
        times["select"].append(selected - started)
        times["seal"].append(sealed - selected)
        times["authorize"].append(time.thread_time_ns() - sealed)
    return {part: median(found) for part, found in times.items()}


def _seal(room: Builder, auth_events: list[Event]) -> Event:
    template = pdu.PduTemplate(
        room_id=room.room_id,
        sender=ALICE,
        type="m.room.encrypted",
        content=CONTENT,
        prev_events=room.head,
        auth_events=tuple(event.event_id for event in auth_events),
        depth=len(room.events) + 1,
        origin_server_ts=room.clock,
    )
    return core.seal(room.version, template, server_name=SERVER, signing_key=KEY)
