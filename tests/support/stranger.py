"""A homeserver of somebody else with rooms and people, over HTTPS, as small as one can be that still federates.

It verifies nothing and answers make_join, send_join, make_leave, invites, aliases, transactions, events and auth chains;
whatever else it is asked is kept in `unexpected` and answered with 404 and no JSON, as a server of another make might.
"""

import json
from collections.abc import Sequence
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from aiohttp import web

from tests.support.federation import Server
from tests.support.homeserver import Homeserver, Reply
from tests.support.remote_server import Received, RemoteServer
from tests.support.sealed_rooms import key_of
from tests.support.told_room import ToldRoom
from timserver import core
from timserver.matrix import membership_template, pdu, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import RoomID, UserID
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.tenancy import Tenant


class LearnedRoom(ToldRoom):
    """A room of the server under test, as it told it in its answer to our join."""

    def __init__(self, version: str, join: Event, answer: Any) -> None:
        self.version = ROOM_VERSIONS[version]
        self.creator, self.room_id = join.sender, join.room_id
        told = [core.open_pdu(self.version, json.dumps(value).encode()).event for value in answer["state"]]
        self.state = {event.key: event for event in told}
        self.state[join.key] = join
        self.events = [*told, join]


class Stranger(Server):
    """Made by the fixture of that name."""

    def __init__(self, remote: RemoteServer, server: Homeserver) -> None:
        self.remote, self.name = remote, remote.server_name
        remote.key = key_of(self.name)
        remote.keys = remote.key_document()
        remote.otherwise = self._answer
        super().__init__(server, remote.server_name, remote.key)
        self.rooms: dict[str, ToldRoom] = {}
        self.aliases: dict[str, str] = {}
        self.kept: dict[str, Event] = {}
        self.unexpected: list[Received] = []
        self.pdus: list[Any] = []
        self.edus: list[Any] = []
        self._txn = 0
        self.said: dict[str, Any] = {}
        """Answers of a test by the step's name: a value, or a function of the request."""

    def user(self, name: str) -> str:
        """A user id of this server."""
        return f"@{name}:{self.name}"

    def makes_room(self, version: str = "10") -> ToldRoom:
        """Charlie's room, that everybody may join through this server."""
        room = ToldRoom(version, self.user("charlie"), name=f"room{len(self.rooms)}-")
        self.rooms[room.room_id] = room
        return room

    async def joins(
        self, tenant: Tenant, room_id: str, name: str = "charlie", query: str = ""
    ) -> LearnedRoom:
        """One of our users joins a room of the server under test."""
        user_id = self.user(name)
        place = f"{quote(room_id)}/{quote(user_id)}"
        versions = "&".join(f"ver={version}" for version in ROOM_VERSIONS)
        made = (await self.get(tenant, f"/_matrix/federation/v1/make_join/{place}?{versions}")).must()
        version = ROOM_VERSIONS[made["room_version"]]
        sealed = self.sealed(made)
        uri = f"/_matrix/federation/v2/send_join/{quote(room_id)}/{quote(sealed.event_id)}{query}"
        answer = (await self.put(tenant, uri, pdu.to_object(version, sealed))).must().body
        room = LearnedRoom(made["room_version"], sealed, answer)
        self.rooms[room_id] = room
        return room

    def sealed(self, made: Any, **changes: Any) -> Event:
        """The event of a template, hashed and signed."""
        version = ROOM_VERSIONS[made["room_version"]]
        value = {"origin_server_ts": 1_790_000_000_000, **made["event"], **changes}
        template = pdu.PduTemplate(
            room_id=RoomID(value["room_id"]),
            sender=UserID(value["sender"]),
            type=value["type"],
            content=value["content"],
            prev_events=tuple(value["prev_events"]),
            auth_events=tuple(value["auth_events"]),
            depth=value["depth"],
            origin_server_ts=value["origin_server_ts"],
            state_key=value["state_key"],
        )
        return core.seal(version, template, server_name=self.name, signing_key=self.key)

    async def sends(self, tenant: Tenant, *events: Event, edus: Sequence[Any] = ()) -> dict[str, Any]:
        """A transaction; the results by event id."""
        self._txn += 1
        pdus = [json.loads(event.pdu) for event in events]
        body = {"origin": self.name, "origin_server_ts": 1, "pdus": pdus, "edus": list(edus)}
        reply = await self.put(tenant, f"/_matrix/federation/v1/send/{self._txn}", body)
        results: dict[str, Any] = reply.must()["pdus"]
        return results

    async def invites(
        self, tenant: Tenant, room: ToldRoom, user_id: str, shown: Sequence[Any], **content: Any
    ) -> Reply:
        """Charlie invites somebody."""
        event = room.event(
            room.creator, "m.room.member", {"membership": "invite", **content}, state_key=user_id
        )
        uri = f"/_matrix/federation/v2/invite/{quote(room.room_id)}/{quote(event.event_id)}"
        body = {
            "room_version": room.version.identifier,
            "event": pdu.to_object(room.version, event),
            "invite_room_state": list(shown),
        }
        return await self.put(tenant, uri, body)

    def asked(self, step: str) -> list[Received]:
        """Requests of one kind."""
        return [
            request for request in self.remote.requests if f"/{step}/" in request.uri.partition("?")[0] + "/"
        ]

    async def _answer(self, request: Received) -> web.StreamResponse:
        parts = urlsplit(request.uri)
        words = [unquote(word) for word in parts.path.split("/")]
        step = words[4] if len(words) > 4 else ""
        if step in self.said:
            told = self.said[step]
            told = told(request) if callable(told) else told
            told = await told if isawaitable(told) else told
            return told if isinstance(told, web.StreamResponse) else web.json_response(told)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = request.json if request.body else {}
        known = self._known(step, words, query, body)
        if known is None:
            self.unexpected.append(request)
            return web.Response(status=404, text="nothing here")
        return web.json_response(known)

    def _known(self, step: str, words: list[str], query: dict[str, str], body: Any) -> Any:
        match step:
            case "make_join" | "make_leave" if words[5] in self.rooms:
                return self._template(self.rooms[words[5]], words[6], step.removeprefix("make_"))
            case "send_join" if words[5] in self.rooms:
                return self.joined(self.rooms[words[5]], body)
            case "invite":
                version = ROOM_VERSIONS[body["room_version"]]
                return {"event": signing.sign_event(version, body["event"], self.name, self.key)}
            case "query" if words[5] == "directory" and query["room_alias"] in self.aliases:
                return {"room_id": self.aliases[query["room_alias"]], "servers": [self.name]}
            case "event" if words[5] in self.kept:
                pdu_of = json.loads(self.kept[words[5]].pdu)
                return {"origin": self.name, "origin_server_ts": 1, "pdus": [pdu_of]}
            case "send":
                return self._received(body)
        return None

    def _template(self, room: ToldRoom, user_id: str, membership: str) -> Any:
        template = room.template(user_id, "m.room.member", {"membership": membership}, state_key=user_id)
        event = membership_template.to_send(room.version, template, self.name)
        return {"room_version": room.version.identifier, "event": event}

    def joined(self, room: ToldRoom, body: Any) -> Any:
        """The answer to a join, which becomes part of the room."""
        told = {
            "origin": self.name,
            "state": [json.loads(event.pdu) for event in room.state.values()],
            "auth_chain": [json.loads(event.pdu) for event in room.auth_chain()],
        }
        join = core.open_pdu(room.version, json.dumps(body).encode()).event
        room.events.append(join)
        room.state[join.key] = join
        return told

    def _received(self, body: Any) -> Any:
        self.edus += body.get("edus", [])
        results: dict[str, Any] = {}
        for value in body["pdus"]:
            self.pdus.append(value)
            room = self.rooms.get(value.get("room_id", ""))
            if room is None:
                continue
            event = core.open_pdu(room.version, json.dumps(value).encode()).event
            room.events.append(event)
            if event.is_state:
                room.state[event.key] = event
            results[event.event_id] = {}
        return {"pdus": results}

    def has(self, event_id: str) -> bool:
        """Whether an event has come by transaction."""
        return any(event.event_id == event_id for room in self.rooms.values() for event in room.events)
