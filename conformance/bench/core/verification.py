"""Events of a join: opening (read, hash, redact, id) and signatures, against signedjson and PyNaCl."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import nacl.bindings
import signedjson.key
import signedjson.sign

from conformance.bench.core.rooms import ALICE, KEY, SERVER, Builder, user
from timserver import core
from timserver.core import choice, engine, sealing
from timserver.matrix import signing
from timserver.matrix.redaction import redact
from timserver.matrix.room_versions import RoomVersion


def measure(version: str, count: int) -> dict[str, float]:
    """Seconds for each way."""
    room = Builder(version)
    room.add(ALICE, "m.room.join_rules", {"join_rule": "public"})
    for number in range(count - len(room.events)):
        room.join(user(number))
    pdus = [event.pdu for event in room.events.values()]
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], bool]) -> None:
        started = time.perf_counter()
        assert work()
        seconds[name] = time.perf_counter() - started

    opened = [sealing.open_pdu(room.version, data) for data in pdus]
    items = [(KEY.public_key, item.signed, _signature(item)) for item in opened]
    pairs = [(signature + message, key) for key, message, signature in items]
    timed("signatures: PyNaCl", lambda: all(map(_by_nacl, pairs)))
    timed("signatures: one by one in Python", lambda: all(choice.verify_by_definition(items)))
    timed("signatures: engine", lambda: all(core.verify(items)))
    timed("signatures: engine, 31 at a time (one thread)", lambda: all(_by_parts(items)))
    timed("open: one by one", lambda: all(core.open_pdu(room.version, data).hash_matches for data in pdus))
    timed("open: batch", lambda: len(core.open_pdus(room.version, pdus)) == len(pdus))
    timed(
        "open: batch, engine's part",
        lambda: len(engine.open_events(pdus, sealing.rules(room.version))) == count,
    )
    timed("whole: json, signedjson", lambda: all(_by_signedjson(room.version, data) for data in pdus))
    timed("whole: open batch, engine", lambda: _whole(room.version, pdus))
    return seconds


def _signature(opened: core.OpenedPdu) -> bytes:
    by_server = opened.event.signatures[SERVER]
    assert isinstance(by_server, dict)
    text = by_server[KEY.key_id]
    assert isinstance(text, str)
    return signing.decode_base64(text)


def _by_nacl(pair: tuple[bytes, bytes]) -> bool:
    nacl.bindings.crypto_sign_open(*pair)
    return True


def _by_parts(items: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    return [right for at in range(0, len(items), 31) for right in core.verify(list(items[at : at + 31]))]


def _by_signedjson(version: RoomVersion, data: bytes) -> bool:
    """Read, compare the hash, redact, verify; raises when it is wrong."""
    value: dict[str, Any] = json.loads(data)
    key = signedjson.key.decode_verify_key_bytes(KEY.key_id, KEY.public_key)
    signedjson.sign.verify_signed_json(redact(version, value), SERVER, key)
    return signing.content_hash_matches(version, value)


def _whole(version: RoomVersion, pdus: Sequence[bytes]) -> bool:
    opened = [item for item in core.open_pdus(version, pdus) if isinstance(item, core.OpenedPdu)]
    right = core.verify([(KEY.public_key, item.signed, _signature(item)) for item in opened])
    return len(opened) == len(pdus) and all(right) and all(item.hash_matches for item in opened)
