"""RELIABILITY S4: what a body may be. 4xx in every case, and at once; nothing is stored that cannot be sent on."""

import gzip
import io
import time

import pytest

from tests.support.homeserver import Person
from tests.support.talk import events_of, room_with

ANSWER_S_MAX = 2.0
"""Generous, for a busy machine; the engine's own figure is a test of the core."""


async def put_raw(person: Person, room: str, body: bytes, **headers: str) -> tuple[int, str, float]:
    began = time.monotonic()
    path = f"/rooms/{room}/send/m.room.message/{len(body)}"
    reply = await person.call("PUT", path, data=io.BytesIO(body), headers=headers)
    return reply.status, reply["errcode"] if reply.status != 200 else "", time.monotonic() - began


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"", "M_NOT_JSON"),
        (b"nonsense", "M_NOT_JSON"),
        (b"\xff\xfe", "M_NOT_JSON"),
        (b'{"a": NaN}', "M_NOT_JSON"),
        (b'{"a": Infinity}', "M_NOT_JSON"),
        (b'{"a": 1} trailing', "M_NOT_JSON"),
        (b'{"a": "\\ud800"}', "M_NOT_JSON"),
        (b"\xef\xbb\xbf{}", "M_NOT_JSON"),
        (b"[]", "M_BAD_JSON"),
        (b'{"a": 1, "a": 2}', "M_BAD_JSON"),
        (b'{"a": 1.5}', "M_BAD_JSON"),
        (b'{"a": 9007199254740992}', "M_BAD_JSON"),
        (b'{"a": 18446744073709551616}', "M_BAD_JSON"),
        (b'{"a":' + b"[" * 1_000 + b"]" * 1_000 + b"}", "M_BAD_JSON"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "M_BAD_JSON"),
        (b'{"a":' + b"[" * 100_000, "M_BAD_JSON"),
    ],
    ids=lambda value: value[:24].decode(errors="replace") if isinstance(value, bytes) else value,
)
async def test_bodies_that_are_no_event(alice: Person, body: bytes, errcode: str) -> None:
    room = await room_with(alice)
    status, found, took_s = await put_raw(alice, room, body)
    assert (status, found) == (400, errcode)
    assert took_s < ANSWER_S_MAX


async def test_an_event_may_have_64_kilobytes_as_a_whole(alice: Person) -> None:
    room = await room_with(alice)
    status, errcode, _ = await put_raw(alice, room, b'{"body": "' + b"x" * 65_536 + b'"}')
    assert (status, errcode) == (413, "M_TOO_LARGE")
    assert (await put_raw(alice, room, b'{"body": "' + b"x" * 60_000 + b'"}'))[0] == 200


async def test_a_body_beyond_the_limit_is_refused_unread(alice: Person) -> None:
    room = await room_with(alice)
    status, errcode, took_s = await put_raw(alice, room, b'{"body": "' + b"x" * 3_000_000 + b'"}')
    assert (status, errcode) == (413, "M_TOO_LARGE")
    assert took_s < ANSWER_S_MAX


async def test_the_limit_holds_after_inflation(alice: Person) -> None:
    room = await room_with(alice)
    bomb = gzip.compress(b'{"body": "' + b"x" * 30_000_000 + b'"}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    status, errcode, _ = await put_raw(alice, room, bomb, **headers)
    assert (status, errcode) in {(413, "M_TOO_LARGE"), (400, "M_NOT_JSON")}


async def test_nul_characters_are_stored_and_come_back(alice: Person) -> None:
    room = await room_with(alice)
    assert (await put_raw(alice, room, b'{"body": "a\\u0000b", "\\u0000": 1}'))[0] == 200
    (await alice.put(f"/rooms/{room}/state/x.y/a%00b", {"k": "\0"})).must()
    events = events_of((await alice.get("/sync")).must(), room)
    assert events[-2]["content"] == {"body": "a\0b", "\0": 1}
    assert events[-1]["state_key"] == "a\0b"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rooms/%ff/messages", 400),
        ("/rooms/!a%00b:c/messages", 400),
        ("/rooms/x/messages", 400),
        ("/rooms//messages", 400),
    ],
)
async def test_paths_that_name_nothing(alice: Person, path: str, status: int) -> None:
    reply = await alice.server.http.get(
        alice.server.url + "/_matrix/client/v3" + path,
        headers={"Host": alice.tenant.server_name, "Authorization": f"Bearer {alice.token}"},
    )
    assert reply.status == status
    assert (await reply.json())["errcode"] in {"M_INVALID_PARAM", "M_UNRECOGNIZED"}
