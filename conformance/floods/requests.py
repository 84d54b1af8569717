"""Requests as bytes, made before the flood: what is measured is the server, not who floods it."""

from collections.abc import Iterator
from itertools import count

import msgspec
import orjson

from timserver import core
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, ServerName, UserID
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.matrix.signing import SigningKey
from timserver.matrix.x_matrix import authorization

PDUS_PER_TRANSACTION = 50


class Visitor(msgspec.Struct, frozen=True):
    """A user of another server who has joined rooms of a tenant, and what an event of theirs there cites."""

    server_name: ServerName
    key: SigningKey
    user_id: str
    destination: ServerName
    joined: list[tuple[Event, list[EventID]]]
    """By room: the join, and the auth events of a message."""


class Chain:
    """Messages of a visitor in one room, each after the one before."""

    def __init__(self, visitor: Visitor, room: int) -> None:
        join, auth = visitor.joined[room]
        self._visitor, self._last = visitor, join
        self._auth = tuple(map(EventID, auth))

    def next(self) -> Event:
        """One message more."""
        last, visitor = self._last, self._visitor
        template = pdu.PduTemplate(
            room_id=last.room_id,
            sender=UserID(visitor.user_id),
            type="m.room.message",
            content={"msgtype": "m.text", "body": f"Message {last.depth}: could you look at this, please?"},
            prev_events=(last.event_id,),
            auth_events=self._auth,
            depth=last.depth + 1,
            origin_server_ts=last.origin_server_ts + 1,
        )
        version = ROOM_VERSIONS["10"]
        self._last = core.seal(version, template, server_name=visitor.server_name, signing_key=visitor.key)
        return self._last


def transactions(visitor: Visitor, size: int) -> Iterator[bytes]:
    """Signed transactions of so many events each, over all rooms of a visitor, without end."""
    chains = [Chain(visitor, room) for room in range(len(visitor.joined))]
    for number in count():
        events = [chains[place % len(chains)].next().pdu for place in range(size)]
        body = {
            "origin": visitor.server_name,
            "origin_server_ts": number,
            "pdus": [orjson.Fragment(event) for event in events],
        }
        uri = f"/_matrix/federation/v1/send/{visitor.server_name}-{number}"
        content = core.canonical_body(orjson.dumps(body))
        signature = authorization(
            visitor.key, visitor.server_name, visitor.destination, method="PUT", uri=uri, content=content
        )
        head = {"Host": visitor.destination, "Authorization": signature, "Content-Type": "application/json"}
        yield request("PUT", uri, head, content)


def request(method: str, uri: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """A whole request."""
    lines = [f"{method} {uri} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Flooder(msgspec.Struct, frozen=True):
    """Somebody with a token, as requests name them."""

    server_name: str
    token: str
    user_id: str
    room_id: str

    def requests(self) -> Iterator[bytes]:
        """What costs most, by turns, without end."""
        headers = {"Host": self.server_name, "Authorization": f"Bearer {self.token}"}
        client = "/_matrix/client/v3"
        for number in count():
            body = orjson.dumps({"msgtype": "m.text", "body": f"flood {number}"})
            uri = f"{client}/rooms/{self.room_id}/send/m.room.message/flood{number}-{self.user_id}"
            yield request("PUT", uri, headers | {"Content-Type": "application/json"}, body)
            yield request("GET", f"{client}/sync?timeout=0", headers)
            yield request("GET", f"{client}/rooms/{self.room_id}/messages?dir=b&limit=1000", headers)
            yield request("GET", f"{client}/rooms/{self.room_id}/members", headers)
            yield request("GET", f"{client}/profile/{self.user_id}", headers)
