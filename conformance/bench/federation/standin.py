"""A homeserver that is nothing but rooms: it signs events, answers what others ask of them, sends, and counts what comes.

It judges nothing and verifies nothing, so its share of a measure is small and the same for whoever is measured.
"""

import asyncio
import itertools
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from conformance.bench import database
from tests.support.remote_server import Authority
from tests.support.sealed_rooms import key_of
from tests.support.told_room import ToldRoom
from timserver import core
from timserver.matrix import signing, x_matrix
from timserver.matrix.event import Event
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.signing import SigningKey

VERSION = "10"
DAY_MS = 86_400_000
ARRIVAL_S_MAX = 120


class StandIn:
    """Made by `standing_in`."""

    def __init__(self, server_name: str, session: aiohttp.ClientSession) -> None:
        self.server_name = ServerName(server_name)
        self.key: SigningKey = key_of(server_name)
        self.creator = f"@creator:{server_name}"
        self.rooms: dict[str, ToldRoom] = {}
        self.arrived = 0
        """Events that were sent to us."""
        self._session = session
        self._numbers = itertools.count()
        self._news = asyncio.Event()
        self._keys = self._key_document()

    def room(self, members: int = 1) -> ToldRoom:
        """A public room of so many members, all of them ours."""
        name = f"room{next(self._numbers)}v"
        room = ToldRoom(VERSION, self.creator, name=name)
        for number in range(1, members):
            user_id = f"@member{number}:{self.server_name}"
            content = {"membership": "join", "displayname": f"Member number {number}"}
            room.says(user_id, "m.room.member", content, state_key=user_id)
        self.rooms[room.room_id] = room
        return room

    def message(self, room: ToldRoom) -> Event:
        """The next text message in a room."""
        text = f"Message {len(room.events)}: could you look at this, please?"
        return room.says(self.creator, "m.room.message", {"msgtype": "m.text", "body": text})

    def other_name(self, room: ToldRoom, member: int) -> Event:
        """A member of the room is called otherwise now."""
        user_id = f"@member{member}:{self.server_name}"
        content = {"membership": "join", "displayname": f"Other name {len(room.events)}"}
        return room.says(user_id, "m.room.member", content, state_key=user_id)

    async def send(self, destination: str, events: Iterable[Event]) -> None:
        """One transaction. Raises AssertionError when an event was refused."""
        uri = f"/_matrix/federation/v1/send/{next(self._numbers)}"
        pdus = b",".join(event.pdu for event in events)
        body = b'{"origin":"%s","origin_server_ts":%d,"pdus":[%s]}' % (
            self.server_name.encode(),
            time.time_ns() // 1_000_000,
            pdus,
        )
        content = core.canonical_body(body)
        authorization = x_matrix.authorization(
            self.key, self.server_name, ServerName(destination), method="PUT", uri=uri, content=content
        )
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        url = URL(f"https://{destination}{uri}", encoded=True)
        async with self._session.put(url, data=content, headers=headers) as response:
            answer = await response.read()
            assert response.status == 200, f"{response.status} {answer[:300]!r}"
        refused = [result for result in orjson.loads(answer)["pdus"].values() if result.get("error")]
        assert not refused, f"refused: {refused[0]}"

    async def until_arrived(self, count: int) -> None:
        """Wait until so many events have come since the stand-in began. Raises TimeoutError."""
        async with asyncio.timeout(ARRIVAL_S_MAX):
            while self.arrived < count:
                self._news.clear()
                await self._news.wait()

    def _key_document(self) -> bytes:
        document: JsonObject = {
            "server_name": self.server_name,
            "verify_keys": {self.key.key_id: {"key": signing.encode_base64(self.key.public_key)}},
            "old_verify_keys": {},
            "valid_until_ts": time.time_ns() // 1_000_000 + DAY_MS,
        }
        return json.dumps(signing.sign_object(self.key, self.server_name, document)).encode()

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """One request of another server."""
        parts = [unquote(part) for part in http.raw_path.partition("?")[0].split("/")[2:]]
        status, body = await self._answer(parts, http)
        return web.Response(status=status, body=body, content_type="application/json")

    async def _answer(self, parts: Sequence[str], http: web.BaseRequest) -> tuple[int, bytes]:
        if parts[0] == "key":
            return 200, self._keys
        endpoint, *words = parts[2:]
        if endpoint == "version":
            return 200, b'{"server":{"name":"stand-in","version":"1"}}'
        if endpoint == "send":
            self._count(await http.read())
            return 200, b'{"pdus":{}}'
        if endpoint == "event":
            event_id = words[0]
            for room in self.rooms.values():
                if found := [event for event in room.events if event.event_id == event_id]:
                    return 200, b'{"origin":"%s","pdus":[%s]}' % (self.server_name.encode(), found[0].pdu)
        answer = _ROOM_ANSWERS.get(endpoint)
        if answer is None or words[0] not in self.rooms:
            return 404, b'{"errcode":"M_NOT_FOUND","error":"not here"}'
        return 200, await answer(self.rooms[words[0]], words, http)

    def _count(self, body: bytes) -> None:
        self.arrived += len(orjson.loads(body).get("pdus", ()))
        self._news.set()


Answer = Callable[[ToldRoom, Sequence[str], web.BaseRequest], Awaitable[bytes]]


async def _make_join(room: ToldRoom, words: Sequence[str], _: web.BaseRequest) -> bytes:
    user_id = words[1]
    content = {"membership": "join"}
    keys = core.auth_keys(room.version, "m.room.member", user_id, user_id, content)
    event = {
        "type": "m.room.member",
        "room_id": room.room_id,
        "sender": user_id,
        "state_key": user_id,
        "content": content,
        "origin": room.creator.partition(":")[2],
        "origin_server_ts": time.time_ns() // 1_000_000,
        "depth": len(room.events) + 1,
        "prev_events": [room.events[-1].event_id],
        "auth_events": [room.state[key].event_id for key in keys if key in room.state],
    }
    return orjson.dumps({"room_version": VERSION, "event": event})


async def _send_join(room: ToldRoom, _: Sequence[str], http: web.BaseRequest) -> bytes:
    """The state before the join; the event becomes part of the room."""
    event = core.open_pdu(room.version, await http.read()).event
    server_name = room.creator.partition(":")[2]
    answer = b'{"origin":"%s","members_omitted":false,"servers_in_room":["%s"],' % (
        (server_name.encode(),) * 2
    )
    answer += b'"event":%s,"state":[%s],"auth_chain":[%s]}' % (
        event.pdu,
        b",".join(found.pdu for found in room.state.values()),
        b",".join(found.pdu for found in room.auth_chain()),
    )
    room.events.append(event)
    room.state[event.key] = event
    return answer


def _place(room: ToldRoom, event_id: str) -> int:
    """Where an event stands in its room; rooms are straight lines."""
    return next(at for at in range(len(room.events) - 1, -1, -1) if room.events[at].event_id == event_id)


def _state_before(room: ToldRoom, event_id: str) -> tuple[list[Event], list[Event]]:
    """State and its auth chain."""
    state = {event.key: event for event in room.events[: _place(room, event_id)] if event.is_state}
    known = {event.event_id: event for event in room.events}
    chain: dict[str, Event] = {}
    pending = list(state.values())
    while pending:
        for cited in pending.pop().auth_events:
            if cited not in chain:
                chain[cited] = known[cited]
                pending.append(known[cited])
    return list(state.values()), list(chain.values())


async def _state_ids(room: ToldRoom, _: Sequence[str], http: web.BaseRequest) -> bytes:
    state, chain = _state_before(room, _query(http)["event_id"])
    ids = {
        "pdu_ids": [event.event_id for event in state],
        "auth_chain_ids": [event.event_id for event in chain],
    }
    return orjson.dumps(ids)


async def _state(room: ToldRoom, _: Sequence[str], http: web.BaseRequest) -> bytes:
    state, chain = _state_before(room, _query(http)["event_id"])
    return b'{"pdus":[%s],"auth_chain":[%s]}' % (_joined(state), _joined(chain))


async def _event_auth(room: ToldRoom, words: Sequence[str], _: web.BaseRequest) -> bytes:
    return b'{"auth_chain":[%s]}' % _joined(_state_before(room, words[1])[1])


async def _missing_events(room: ToldRoom, _: Sequence[str], http: web.BaseRequest) -> bytes:
    """Those before the latest, the nearest first when there are more than wanted."""
    asked: dict[str, Any] = orjson.loads(await http.read())
    known = set(asked["earliest_events"])
    end = max(_place(room, event_id) for event_id in asked["latest_events"])
    begin = end
    while begin > 0 and end - begin < asked.get("limit", 10) and room.events[begin - 1].event_id not in known:
        begin -= 1
    return b'{"events":[%s]}' % _joined(room.events[begin:end])


async def _backfill(room: ToldRoom, _: Sequence[str], http: web.BaseRequest) -> bytes:
    query = _query(http)
    end = _place(room, query["v"]) + 1
    found = room.events[max(0, end - int(query["limit"])) : end]
    return b'{"origin":"%s","origin_server_ts":0,"pdus":[%s]}' % (
        room.creator.partition(":")[2].encode(),
        _joined(reversed(found)),
    )


def _query(http: web.BaseRequest) -> dict[str, str]:
    return dict(http.rel_url.query)


def _joined(events: Iterable[Event]) -> bytes:
    return b",".join(event.pdu for event in events)


_ROOM_ANSWERS: dict[str, Answer] = {
    "make_join": _make_join,
    "send_join": _send_join,
    "state_ids": _state_ids,
    "state": _state,
    "event_auth": _event_auth,
    "get_missing_events": _missing_events,
    "backfill": _backfill,
}


@asynccontextmanager
async def standing_in(authority: Authority) -> AsyncIterator[StandIn]:
    """Served on a free port of loopback until the end."""
    port = database.free_port()
    trust = authority.trust()
    connector = aiohttp.TCPConnector(ssl=trust, family=socket.AF_INET, limit_per_host=4)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        standin = StandIn(f"localhost:{port}", session)
        runner = web.ServerRunner(web.Server(standin, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=authority.context("localhost")).start()
        try:
            yield standin
        finally:
            await runner.cleanup()


def room_path(room_id: str) -> str:
    """A room id in a path."""
    return quote(room_id, safe="")
