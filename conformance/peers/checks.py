"""What two homeservers do together, told as steps of people: each check raises `Failed` with what was seen instead.

`here` and `there` are deployments (`conformance/complement/deployment.py`) of any two servers; every check is run in both
directions.
"""

import io
import json
import secrets
import uuid
from urllib.parse import quote

from PIL import Image

from conformance.complement.deployment import JSON, Deployment, Failed, call_raw
from conformance.peers.people import (
    Person,
    device_of,
    devices_seen,
    membership,
    person,
    rooms,
    same_state,
    sees,
    until,
    upload_keys,
)


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
    until("the invite is seen", lambda: room in rooms(bob, "invite") or rooms(bob, "invite"))
    bob.joins(room, here)
    bob.sends(room, "came")
    until("the invited one speaks", sees(alice, room, "came"))
    bob.must("POST", f"/rooms/{quote(room)}/leave", {})
    until("the leave is seen", lambda: membership(alice, room, bob) == "leave")
    alice.must("POST", f"/rooms/{quote(room)}/invite", {"user_id": bob.user_id})
    until("the second invite is seen", lambda: room in rooms(bob, "invite"))
    bob.must("POST", f"/rooms/{quote(room)}/leave", {})
    until("the refusal is seen", lambda: membership(alice, room, bob) == "leave")


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
    until("the ban", lambda: room in rooms(bob, "leave"))
    if bob.call("POST", f"/join/{quote(room)}?server_name={here.name}&via={here.name}", {})[0] != 403:
        raise Failed("a banned user could join")


def knock(here: Deployment, there: Deployment) -> None:
    """Knock, be invited, join."""
    alice, bob = person(here), person(there)
    rules: JSON = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room = alice.creates(preset="private_chat", initial_state=[rules])
    bob.must("POST", f"/knock/{quote(room)}?server_name={here.name}&via={here.name}", {})
    until("the knock", lambda: membership(alice, room, bob) == "knock")
    alice.must("POST", f"/rooms/{quote(room)}/invite", {"user_id": bob.user_id})
    until("the invite", lambda: room in rooms(bob, "invite"))
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
    until("the first join is known", lambda: membership(alice, club, bob) == "join")
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
    upload_keys(bob)
    device = device_of(bob)
    until("the device's keys", lambda: device in devices_seen(alice, bob) or list(devices_seen(alice, bob)))
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


def media(here: Deployment, there: Deployment) -> None:
    """What is uploaded at one server is downloaded at the other, by who is logged in only."""
    alice, bob = person(here), person(there)
    content = secrets.token_bytes(200_000)
    media_id = alice.uploads(content, "application/octet-stream")
    path = f"/_matrix/client/v1/media/download/{here.name}/{media_id}"
    status, got = call_raw(there, "GET", path, token=bob.token)
    if status != 200 or got != content:
        raise Failed(f"download: {status}, {len(got)} bytes: {got[:200]!r}")
    if (status := call_raw(there, "GET", path)[0]) != 401:
        raise Failed(f"download by nobody: {status}")
    picture = io.BytesIO()
    Image.linear_gradient("L").save(picture, "PNG")
    picture_id = alice.uploads(picture.getvalue(), "image/png")
    path = f"/_matrix/client/v1/media/thumbnail/{here.name}/{picture_id}?width=32&height=32&method=scale"
    status, got = call_raw(there, "GET", path, token=bob.token)
    if status != 200 or not got.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF")):
        raise Failed(f"thumbnail: {status} {got[:200]!r}")
    status, got = call_raw(
        there, "GET", f"/_matrix/client/v1/media/download/{here.name}/nothing", token=bob.token
    )
    if status != 404:
        raise Failed(f"what was never uploaded: {status} {got[:200]!r}")


def device_lists(here: Deployment, there: Deployment) -> None:
    """A new device, its keys, its name and its end are seen at the other server."""
    alice, bob = person(here), person(there)
    room = alice.creates(preset="public_chat")
    bob.joins(room, here)
    upload_keys(bob)
    first = device_of(bob)
    until("the first device", lambda: first in devices_seen(alice, bob) or devices_seen(alice, bob))
    since = str(alice.must("GET", "/sync?timeout=0")["next_batch"])
    again = bob.logs_in_again()
    upload_keys(again)
    second = device_of(again)
    since = _until_changed(alice, bob, since, "the new device")
    until(
        "both devices", lambda: {first, second} <= devices_seen(alice, bob) or list(devices_seen(alice, bob))
    )
    again.must("POST", "/logout", {})
    _until_changed(alice, bob, since, "the end of the device")
    until("one device", lambda: devices_seen(alice, bob) == {first} or list(devices_seen(alice, bob)))


def _until_changed(reader: Person, whose: Person, since: str, what: str) -> str:
    """Sync until the list of somebody's devices is said to have changed; where that was."""
    reached = [since]

    def changed() -> object:
        answer = reader.must("GET", f"/sync?timeout=1000&since={reached[0]}")
        reached[0] = str(answer["next_batch"])
        return whose.user_id in json.dumps(answer.get("device_lists", {}))

    until(f"device_lists.changed for {what}", changed)
    return reached[0]


CHECKS = (public_room, invite, moderation, knock, restricted, directory, devices, media, device_lists)
