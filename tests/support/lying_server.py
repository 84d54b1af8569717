"""A homeserver of somebody else that answers handshakes with whatever a test wants, and keeps what it was sent.

It stands where the loop-back does, so nothing goes over the wire; every name below `.lying.example` is its own, and it
tells the keys of the events of `ToldRoom`.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from tests.support.sealed_rooms import key_of
from tests.support.told_room import ToldRoom
from timserver.matrix import membership_template, pdu, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.remote.errors import RemoteError
from timserver.remote.fetcher import Streamed
from timserver.tenancy import Tenant

_FAR_TS = 4_000_000_000_000

Lie = Callable[[Any], Any]
"""What is made of an honest answer."""


class LyingServer:
    """In `room`, with the honest answers of a resident server, until `lies` has something else for a step."""

    def __init__(self, name: str, room: ToldRoom, **lies: Lie) -> None:
        self.name, self.room, self.lies = ServerName(name), room, lies
        self.sent: list[tuple[str, Any]] = []

    async def hosts(self, server_name: ServerName) -> bool:
        """It is asked for all its names."""
        return server_name.endswith(".lying.example")

    async def request(
        self,
        origin: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        content: JsonObject | None,
    ) -> bytes:
        """Answer, or RemoteError."""
        if path == "/_matrix/key/v2/server":
            return json.dumps(self._keys(destination)).encode()
        step = path.split("/")[4]
        if content is not None:
            self.sent.append((step, content))
        answer = self._honest(origin, step, path, content)
        lie = self.lies.get(step)
        answer = lie(answer) if lie else answer
        if isinstance(answer, RemoteError):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    @asynccontextmanager
    async def stream(
        self, origin: Tenant, destination: ServerName, path: str, query: Sequence[tuple[str, str]]
    ) -> AsyncIterator[Streamed]:
        """It has no files."""
        raise RemoteError("no files", status=404)
        yield  # type: ignore[unreachable]

    def _keys(self, server_name: ServerName) -> Any:
        key = key_of(server_name)
        value: Any = {
            "server_name": server_name,
            "verify_keys": {key.key_id: {"key": signing.encode_base64(key.public_key)}},
            "old_verify_keys": {},
            "valid_until_ts": _FAR_TS,
        }
        return signing.sign_object(key, server_name, value)

    def _honest(self, origin: Tenant, step: str, path: str, content: Any) -> Any:
        if step.startswith("make_"):
            user_id = path.rpartition("/")[2].replace("%40", "@").replace("%3A", ":")
            membership = step.removeprefix("make_")
            template = self.room.template(
                user_id, "m.room.member", {"membership": membership}, state_key=user_id
            )
            event = membership_template.to_send(self.room.version, template, self.name)
            return {"room_version": self.room.version.identifier, "event": event}
        if step == "send_join":
            return {
                "state": [self.told(event) for event in self.room.state.values()],
                "auth_chain": [self.told(event) for event in self.room.auth_chain()],
                "event": content,
            }
        if step == "send_knock":
            return {"knock_room_state": [self.told(event) for event in self.room.state.values()]}
        if step == "invite":
            assert content is not None
            event = signing.sign_event(
                self.room.version,
                content["event"],
                self.name,
                key_of(self.name),
            )
            return {"event": event}
        if step == "send_leave":
            return {}
        if step == "state_ids":
            state, chain = self.room.state.values(), self.room.auth_chain()
            return {
                "pdu_ids": [event.event_id for event in state],
                "auth_chain_ids": [event.event_id for event in chain],
            }
        if step == "event":
            wanted = unquote(path.rpartition("/")[2])
            found = next((event for event in self.room.events if event.event_id == wanted), None)
            if found is not None:
                return {"pdus": [self.told(found)]}
        raise RemoteError("unknown", status=404, errcode="M_UNRECOGNIZED")

    def told(self, event: Event) -> JsonObject:
        """The event as JSON."""
        return pdu.to_object(self.room.version, event)
