"""People of two homeservers, and waiting for what they see."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from conformance.complement.deployment import (
    JSON,
    PASSWORD,
    Deployment,
    Failed,
    call,
    call_raw,
    must,
    register_openly,
)

WAIT_S = 20
PAGES_MAX = 100


@dataclass(frozen=True)
class Person:
    """Somebody who is logged in at a server."""

    at: Deployment
    user_id: str
    token: str

    def must(self, method: str, path: str, body: JSON | None = None) -> JSON:
        """One request that succeeds; `path` is below /_matrix/client/v3."""
        return must(self.at, method, f"/_matrix/client/v3{path}", body, self.token)

    def call(self, method: str, path: str, body: JSON | None = None) -> tuple[int, JSON]:
        """One request, whatever comes of it."""
        return call(self.at, method, f"/_matrix/client/v3{path}", body, self.token)

    def creates(self, **content: object) -> str:
        """A room's id."""
        return str(self.must("POST", "/createRoom", content)["room_id"])

    def joins(self, room: str, via: Deployment) -> None:
        """Join by room id or alias."""
        self.must("POST", f"/join/{quote(room)}?server_name={via.name}&via={via.name}", {})

    def sends(self, room: str, text: str) -> str:
        """A message's event id."""
        path = f"/rooms/{quote(room)}/send/m.room.message/{uuid.uuid4().hex}"
        return str(self.must("PUT", path, {"msgtype": "m.text", "body": text})["event_id"])

    def state(self, room: str) -> set[str]:
        """Ids of the room's current state events."""
        events = call(self.at, "GET", f"/_matrix/client/v3/rooms/{quote(room)}/state", None, self.token)[1]
        return {event["event_id"] for event in events}  # type: ignore[index]

    def timeline(self, room: str) -> list[JSON]:
        """The room's events, the newest first, as far back as it goes."""
        events: list[JSON] = []
        start = ""
        for _ in range(PAGES_MAX):
            page = self.must("GET", f"/rooms/{quote(room)}/messages?dir=b&limit=50{start}")
            events += page["chunk"]  # type: ignore[arg-type]
            if not page.get("end"):
                break
            start = f"&from={page['end']}"
        return events

    def history(self, room: str) -> list[str]:
        """Texts of the room, the newest first."""
        texts = [event["content"].get("body", "") for event in self.timeline(room)]  # type: ignore[attr-defined]
        return [text for text in texts if text]

    def uploads(self, content: bytes, content_type: str) -> str:
        """Media id of new media."""
        status, raw = call_raw(
            self.at, "POST", "/_matrix/media/v3/upload?filename=f", content, self.token, content_type
        )
        if status != 200:
            raise Failed(f"upload: {status} {raw[:300]!r}")
        return str(json.loads(raw)["content_uri"]).rsplit("/", 1)[1]

    def logs_in_again(self) -> "Person":
        """A further device of the same user."""
        identifier: JSON = {"type": "m.id.user", "user": self.user_id}
        body: JSON = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
        answer = must(self.at, "POST", "/_matrix/client/v3/login", body)
        return Person(self.at, self.user_id, str(answer["access_token"]))


def person(at: Deployment) -> Person:
    """A new user."""
    name = f"u{uuid.uuid4().hex[:8]}"
    return Person(at, f"@{name}:{at.name}", register_openly(at, name))


def until(what: str, holds: Callable[[], object], wait_s: float = WAIT_S) -> None:
    """Wait until something holds."""
    deadline, seen = time.monotonic() + wait_s, None
    while time.monotonic() < deadline:
        seen = holds()
        if seen is True:
            return
        time.sleep(0.2)
    raise Failed(f"not within {wait_s} s: {what}; seen: {json.dumps(seen, default=list)[:600]}")


def sees(reader: Person, room: str, text: str) -> Callable[[], object]:
    """Has the reader got the message?"""

    def holds() -> object:
        texts = reader.history(room)
        return text in texts or texts[:5]

    return holds


def same_state(room: str, *people: Person) -> Callable[[], object]:
    """Do all see the same state?"""

    def holds() -> object:
        states = [one.state(room) for one in people]
        return all(state == states[0] for state in states) or [sorted(state ^ states[0]) for state in states]

    return holds


def rooms(who: Person, kind: str) -> list[str]:
    """Rooms of one kind in a first sync."""
    query = quote(json.dumps({"room": {"include_leave": True}}))
    rooms = who.must("GET", f"/sync?timeout=0&filter={query}").get("rooms", {})
    return list(rooms.get(kind, {}))  # type: ignore[attr-defined]


def membership(reader: Person, room: str, of: Person) -> object:
    """What a reader sees of somebody's membership."""
    status, content = reader.call("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(of.user_id)}")
    return content.get("membership") if status == 200 else None


def device_of(who: Person) -> str:
    """The id of somebody's device."""
    return str(who.must("GET", "/account/whoami")["device_id"])


def upload_keys(who: Person) -> None:
    """Keys of the device (nobody verifies them here), and one to be claimed."""
    device = device_of(who)
    keys: JSON = {
        "user_id": who.user_id,
        "device_id": device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {f"ed25519:{device}": "a" * 43, f"curve25519:{device}": "b" * 43},
        "signatures": {who.user_id: {f"ed25519:{device}": "c" * 86}},
    }
    once: JSON = {"signed_curve25519:AA": {"key": "d" * 43, "signatures": {}}}
    who.must("POST", "/keys/upload", {"device_keys": keys, "one_time_keys": once})


def devices_seen(reader: Person, of: Person) -> set[str]:
    """Devices of somebody with keys, as a reader gets them."""
    found = reader.must("POST", "/keys/query", {"device_keys": {of.user_id: []}})
    return set(found.get("device_keys", {}).get(of.user_id, {}))  # type: ignore[attr-defined]
