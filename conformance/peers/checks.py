"""What two homeservers do together, told as steps of people: each check raises `Failed` with what was seen instead.

`here` and `there` are deployments (`conformance/complement/deployment.py`) of any two servers; every check is run in both
directions.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from conformance.complement.deployment import JSON, Deployment, Failed, call, must, register_openly

WAIT_S = 20


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
        return {event["event_id"] for event in events}  # type: ignore[index, call-overload]

    def history(self, room: str) -> list[str]:
        """Texts of the room, the newest first, as far back as it goes."""
        texts: list[str] = []
        start = ""
        for _ in range(20):
            page = self.must("GET", f"/rooms/{quote(room)}/messages?dir=b&limit=50{start}")
            texts += [event["content"].get("body", "") for event in page["chunk"]]  # type: ignore[index, attr-defined, union-attr]
            if not page.get("end") or not page["chunk"]:
                break
            start = f"&from={page['end']}"
        return [text for text in texts if text]


def person(at: Deployment) -> Person:
    """A new user."""
    name = f"u{uuid.uuid4().hex[:8]}"
    return Person(at, f"@{name}:{at.name}", register_openly(at, name))


def until(what: str, holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline, seen = time.monotonic() + WAIT_S, None
    while time.monotonic() < deadline:
        seen = holds()
        if seen is True:
            return
        time.sleep(0.2)
    raise Failed(f"not within {WAIT_S} s: {what}; seen: {json.dumps(seen, default=list)[:600]}")


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


def public_room(here: Deployment, there: Deployment) -> None:
    """Join a public room, talk both ways, page back beyond the join, the same state at both ends."""
    alice, bob = person(here), person(there)
    room = alice.creates(preset="public_chat", name="peers")
    for number in range(5):
        alice.sends(room, f"before {number}")
    bob.joins(room, here)
    until("history from before the join", sees(bob, room, "before 0"))
    alice.sends(room, "hello")
    until("a message reaches the joined server", sees(bob, room, "hello"))
    bob.sends(room, "hello yourself")
    until("a message reaches the first server", sees(alice, room, "hello yourself"))
    until("the same state", same_state(room, alice, bob))


def invite(here: Deployment, there: Deployment) -> None:
    """Invite into a private room, join by it, leave, be invited again, refuse."""
    alice, bob = person(here), person(there)
    room = alice.creates(preset="private_chat", invite=[bob.user_id], is_direct=True)
    until("the invite is seen", lambda: room in _rooms(bob, "invite") or _rooms(bob, "invite"))
    bob.joins(room, here)
    bob.sends(room, "came")
    until("the invited one speaks", sees(alice, room, "came"))
    bob.must("POST", f"/rooms/{quote(room)}/leave", {})
    until("the leave is seen", lambda: _membership(alice, room, bob) == "leave")
    alice.must("POST", f"/rooms/{quote(room)}/invite", {"user_id": bob.user_id})
    until("the second invite is seen", lambda: room in _rooms(bob, "invite"))
    bob.must("POST", f"/rooms/{quote(room)}/leave", {})
    until("the refusal is seen", lambda: _membership(alice, room, bob) == "leave")


def moderation(here: Deployment, there: Deployment) -> None:
    """Kick, ban, power levels and redaction reach the other side."""
    alice, bob = person(here), person(there)
    room = alice.creates(preset="public_chat")
    bob.joins(room, here)
    spam = bob.sends(room, "spam")
    until("the message to redact", sees(alice, room, "spam"))
    alice.must("PUT", f"/rooms/{quote(room)}/redact/{quote(spam)}/{uuid.uuid4().hex}", {})
    until("the redaction", lambda: "spam" not in bob.history(room))
    alice.must("POST", f"/rooms/{quote(room)}/ban", {"user_id": bob.user_id})
    until("the ban", lambda: room in _rooms(bob, "leave"))
    if bob.call("POST", f"/join/{quote(room)}?server_name={here.name}&via={here.name}", {})[0] != 403:
        raise Failed("a banned user could join")


def knock(here: Deployment, there: Deployment) -> None:
    """Knock, be invited, join."""
    alice, bob = person(here), person(there)
    rules: JSON = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room = alice.creates(preset="private_chat", initial_state=[rules])
    bob.must("POST", f"/knock/{quote(room)}?server_name={here.name}&via={here.name}", {})
    until("the knock", lambda: _membership(alice, room, bob) == "knock")
    alice.must("POST", f"/rooms/{quote(room)}/invite", {"user_id": bob.user_id})
    until("the invite", lambda: room in _rooms(bob, "invite"))
    bob.joins(room, here)
    until("the same state", same_state(room, alice, bob))


def restricted(here: Deployment, there: Deployment) -> None:
    """Join a restricted room by being in the allowed one."""
    alice, bob = person(here), person(there)
    club = alice.creates(preset="public_chat")
    allow = [{"type": "m.room_membership", "room_id": club}]
    rules: JSON = {
        "type": "m.room.join_rules",
        "state_key": "",
        "content": {"join_rule": "restricted", "allow": allow},
    }
    room = alice.creates(preset="private_chat", initial_state=[rules])
    status, _ = bob.call("POST", f"/join/{quote(room)}?server_name={here.name}&via={here.name}", {})
    if status != 403:
        raise Failed(f"joining without being in the allowed room: {status}")
    bob.joins(club, here)
    until("the first join is known", lambda: _membership(alice, club, bob) == "join")
    bob.joins(room, here)
    until("the same state", same_state(room, alice, bob))


def directory(here: Deployment, there: Deployment) -> None:
    """Alias, profile and published rooms of the other server."""
    alice, bob = person(here), person(there)
    name = f"a{uuid.uuid4().hex[:8]}"
    room = alice.creates(preset="public_chat", room_alias_name=name, visibility="public")
    bob.joins(f"#{name}:{here.name}", here)
    alice.must("PUT", f"/profile/{quote(alice.user_id)}/displayname", {"displayname": "Alice A."})
    profile = bob.must("GET", f"/profile/{quote(alice.user_id)}")
    if profile.get("displayname") != "Alice A.":
        raise Failed(f"profile: {profile}")
    found = bob.must("GET", f"/publicRooms?server={here.name}")
    if room not in json.dumps(found):
        raise Failed(f"published rooms: {json.dumps(found)[:300]}")


def devices(here: Deployment, there: Deployment) -> None:
    """Keys are found and claimed, and a to-device message arrives exactly once."""
    alice, bob = person(here), person(there)
    room = alice.creates(preset="public_chat")
    bob.joins(room, here)
    device = str(bob.must("GET", "/account/whoami")["device_id"])
    keys: JSON = {
        "user_id": bob.user_id,
        "device_id": device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {f"ed25519:{device}": "a" * 43, f"curve25519:{device}": "b" * 43},
        "signatures": {bob.user_id: {f"ed25519:{device}": "c" * 86}},
    }
    once: JSON = {"signed_curve25519:AA": {"key": "d" * 43, "signatures": {}}}
    bob.must("POST", "/keys/upload", {"device_keys": keys, "one_time_keys": once})

    def queried() -> object:
        found = alice.must("POST", "/keys/query", {"device_keys": {bob.user_id: []}})
        return device in json.dumps(found) or found

    until("the device's keys", queried)
    wanted: JSON = {"one_time_keys": {bob.user_id: {device: "signed_curve25519"}}}
    claimed = alice.must("POST", "/keys/claim", wanted)
    if "signed_curve25519:AA" not in json.dumps(claimed):
        raise Failed(f"claim: {claimed}")
    since = str(bob.must("GET", "/sync?timeout=0")["next_batch"])
    message: JSON = {"messages": {bob.user_id: {device: {"hi": "there"}}}}
    alice.must("PUT", f"/sendToDevice/m.test/{uuid.uuid4().hex}", message)
    got: list[object] = []

    def arrived() -> object:
        nonlocal since
        answer = bob.must("GET", f"/sync?timeout=1000&since={since}")
        since = str(answer["next_batch"])
        got.extend(answer.get("to_device", {}).get("events", []))  # type: ignore[attr-defined]
        return len(got) == 1 or got

    until("the to-device message", arrived)


def _rooms(who: Person, kind: str) -> list[str]:
    query = quote(json.dumps({"room": {"include_leave": True}}))
    rooms = who.must("GET", f"/sync?timeout=0&filter={query}").get("rooms", {})
    return list(rooms.get(kind, {}))  # type: ignore[attr-defined]


def _membership(reader: Person, room: str, of: Person) -> object:
    status, content = reader.call("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(of.user_id)}")
    return content.get("membership") if status == 200 else None


CHECKS = (public_room, invite, moderation, knock, restricted, directory, devices)
