"""What other servers are told of a room (RELIABILITY E12): whole, redacted, or not at all."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.support.federation import Server, as_server
from tests.support.guests import Guest
from tests.support.homeserver import Homeserver, Person
from tests.support.talk import room_with
from timserver.matrix import signing
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store import events
from timserver.tenancy import Tenant

V1 = "/_matrix/federation/v1"


class World(msgspec.Struct):
    """A room of alice's at `here`; bob of `there` may come in; `stranger` has nothing to do with it."""

    here: Tenant
    alice: Person
    room: str
    bob: Guest
    there: Server
    stranger: Server

    async def says(self, text: str) -> str:
        body = {"msgtype": "m.text", "body": text}
        reply = await self.alice.put(f"/rooms/{self.room}/send/m.room.message/{text}", body)
        event_id: str = reply.must()["event_id"]
        return event_id

    async def shows(self, visibility: str) -> None:
        content = {"history_visibility": visibility}
        (await self.alice.put(f"/rooms/{self.room}/state/m.room.history_visibility/", content)).must()

    async def event(self, who: Server, event_id: str) -> dict[str, Any] | None:
        reply = await who.get(self.here, f"{V1}/event/{quote(event_id, safe='')}")
        if reply.status == 404:
            return None
        (pdu,) = reply.must()["pdus"]
        assert signing.event_id(ROOM_VERSIONS["10"], pdu) == event_id
        return dict(pdu)

    async def body_of(self, who: Server, event_id: str) -> str | None:
        """The message's text; "" when it is redacted, None when it is not told at all."""
        pdu = await self.event(who, event_id)
        return None if pdu is None else pdu["content"].get("body", "")

    async def back_from(self, who: Server, event_id: str, limit: int = 50) -> list[dict[str, Any]]:
        uri = f"{V1}/backfill/{quote(self.room, safe='')}?v={quote(event_id, safe='')}&limit={limit}"
        pdus: list[dict[str, Any]] = (await who.get(self.here, uri)).must()["pdus"]
        return pdus


@pytest.fixture
async def world(server: Homeserver) -> World:
    here, there, stranger = await server.tenant(), await server.tenant(), await server.tenant()
    alice = await server.person(here, "alice")
    room = await room_with(alice, preset="public_chat", room_version="10")
    peer = await as_server(server, there)
    bob = Guest(server.ctx, here, f"@bob:{there.server_name}", peer.key)
    return World(here, alice, room, bob, peer, await as_server(server, stranger))


async def test_e12_shared_history_is_for_servers_in_the_room(world: World) -> None:
    before = await world.says("before")
    assert await world.body_of(world.there, before) is None
    await world.bob.joins(world.room)
    after = await world.says("after")
    assert await world.body_of(world.there, before) == "before"
    assert await world.body_of(world.there, after) == "after"
    assert await world.body_of(world.stranger, after) is None
    await world.bob.leaves(world.room)
    gone = await world.says("gone")
    assert await world.body_of(world.there, gone) is None
    assert await world.body_of(world.there, after) == "after", "sent while one of its users was there"
    assert await world.body_of(world.there, before) is None


@pytest.mark.parametrize("visibility", ["joined", "invited"])
async def test_e12_hidden_history_goes_out_redacted(world: World, visibility: str) -> None:
    await world.shows(visibility)
    before = await world.says("before")
    await world.bob.joins(world.room)
    after = await world.says("after")
    assert await world.body_of(world.there, before) == ""
    assert await world.body_of(world.there, after) == "after"
    pdus = await world.back_from(world.there, after)
    texts = [pdu["content"].get("body", "") for pdu in pdus if pdu["type"] == "m.room.message"]
    assert texts == ["after", ""]
    assert pdus[-1]["type"] == "m.room.create", "back to the beginning, every event of the graph"


async def test_e12_an_invited_server_sees_what_the_invited_may(world: World) -> None:
    await world.shows("invited")
    before = await world.says("before")
    await world.bob.is_invited_by(world.alice.user_id, world.room)
    invited = await world.says("invited")
    await world.shows("joined")
    joined = await world.says("joined")
    assert await world.body_of(world.there, before) is None
    assert await world.body_of(world.there, invited) == "invited"
    assert await world.body_of(world.there, joined) is None


async def test_world_readable_history_is_for_every_server(world: World) -> None:
    hidden = await world.says("hidden")
    await world.shows("world_readable")
    shown = await world.says("shown")
    assert await world.body_of(world.stranger, hidden) is None
    assert await world.body_of(world.stranger, shown) == "shown"
    newest = (await world.back_from(world.stranger, shown))[0]
    assert newest["content"]["body"] == "shown"


async def test_e12_rejected_events_and_outliers_are_not_told(server: Homeserver, world: World) -> None:
    await world.bob.joins(world.room)
    said = await world.says("said")
    row = f"event_hash = '\\x{events.event_key(ROOM_VERSIONS['10'], said).hex()}'"
    for flag, text in (
        (0, "said"),
        (events.SOFT_FAILED, "said"),
        (events.REJECTED, None),
        (events.OUTLIER, None),
    ):
        async with server.ctx.database.transaction(world.here) as conn:
            await conn.raw.execute(
                f"update event set flags = {flag} where tenant_id = {world.here.tenant_id} and {row}"
            )
        assert await world.body_of(world.there, said) == text, flag


async def test_the_bytes_of_an_event_are_those_that_were_stored(server: Homeserver, world: World) -> None:
    joined = await world.bob.joins(world.room)
    said = await world.bob.says(world.room, "Grüße")
    for event in (joined, said):
        reply = await world.there.get(world.here, f"{V1}/event/{event.event_id}")
        assert event.pdu in reply.raw


async def test_state_before_an_event(world: World) -> None:
    room = quote(world.room, safe="")
    (await world.alice.put(f"/rooms/{world.room}/state/m.room.topic/", {"topic": "old"})).must()
    first = await world.says("first")
    topic = (await world.alice.put(f"/rooms/{world.room}/state/m.room.topic/", {"topic": "new"})).must()[
        "event_id"
    ]
    joined = await world.bob.joins(world.room)
    for event_id, expected in ((first, "old"), (topic, "old"), (joined.event_id, "new")):
        state = (await world.there.get(world.here, f"{V1}/state/{room}?event_id={event_id}")).must()
        topics = [pdu["content"]["topic"] for pdu in state["pdus"] if pdu["type"] == "m.room.topic"]
        assert topics == [expected]
        assert not [pdu for pdu in state["pdus"] if pdu.get("state_key") == world.bob.user_id]
        ids = (await world.there.get(world.here, f"{V1}/state_ids/{room}?event_id={event_id}")).must()
        version = ROOM_VERSIONS["10"]
        assert ids["pdu_ids"] == [signing.event_id(version, pdu) for pdu in state["pdus"]]
        assert ids["auth_chain_ids"] == [signing.event_id(version, pdu) for pdu in state["auth_chain"]]
        cited = {cited for pdu in state["pdus"] for cited in pdu["auth_events"]}
        assert cited <= set(ids["auth_chain_ids"])
    for uri in (f"{V1}/state/{room}?event_id={first}", f"{V1}/state_ids/{room}?event_id={first}"):
        (await world.stranger.get(world.here, uri)).must(403, "M_FORBIDDEN")
    (await world.there.get(world.here, f"{V1}/state_ids/{room}?event_id=$unknown")).must(404, "M_NOT_FOUND")
    (await world.stranger.get(world.here, f"{V1}/state_ids/{room}?event_id=$unknown")).must(403)


async def test_e12_auth_events_are_for_servers_in_the_room(world: World) -> None:
    """CVE-2022-39335."""
    said = await world.says("said")
    uri = f"{V1}/event_auth/{quote(world.room, safe='')}/{said}"
    (await world.there.get(world.here, uri)).must(403, "M_FORBIDDEN")
    await world.bob.joins(world.room)
    chain = (await world.there.get(world.here, uri)).must()["auth_chain"]
    kinds = {pdu["type"] for pdu in chain}
    assert kinds == {"m.room.create", "m.room.member", "m.room.power_levels"}
    (await world.stranger.get(world.here, uri)).must(403, "M_FORBIDDEN")
    elsewhere = await room_with(world.alice, preset="public_chat", room_version="10")
    uri = f"{V1}/event_auth/{quote(elsewhere, safe='')}/{said}"
    (await world.there.get(world.here, uri)).must(403, "M_FORBIDDEN")


async def test_missing_events_lie_between(world: World) -> None:
    await world.bob.joins(world.room)
    said = [await world.says(str(number)) for number in range(6)]

    async def missing(earliest: list[str], latest: list[str], **more: int) -> list[str]:
        body = {"earliest_events": earliest, "latest_events": latest, **more}
        uri = f"{V1}/get_missing_events/{quote(world.room, safe='')}"
        reply = (await world.there.post(world.here, uri, body)).must()
        return [pdu["content"].get("body", pdu["type"]) for pdu in reply["events"]]

    assert await missing([said[1]], [said[5]]) == ["2", "3", "4"]
    assert await missing([said[1]], [said[5]], limit=2) == ["3", "4"]
    assert await missing([said[4]], [said[5]]) == []
    assert await missing([], ["$unknown"]) == []
    assert len(await missing([], [said[5]])) == 10
    depth = (await world.event(world.there, said[3]) or {})["depth"]
    assert await missing([], [said[5]], min_depth=depth) == ["3", "4"]


async def test_a_server_that_the_list_bars_is_told_nothing(world: World) -> None:
    await world.bob.joins(world.room)
    said = await world.says("said")
    content = {"allow": ["*"], "deny": [world.there.server_name.upper()]}
    (await world.alice.put(f"/rooms/{world.room}/state/m.room.server_acl/", content)).must()
    room = quote(world.room, safe="")
    for uri in (
        f"state/{room}?event_id={said}",
        f"state_ids/{room}?event_id={said}",
        f"event_auth/{room}/{said}",
        f"backfill/{room}?v={said}&limit=5",
        f"timestamp_to_event/{room}?ts=1&dir=f",
    ):
        (await world.there.get(world.here, f"{V1}/{uri}")).must(403, "M_FORBIDDEN")
    body = {"earliest_events": [], "latest_events": [said]}
    (await world.there.post(world.here, f"{V1}/get_missing_events/{room}", body)).must(403, "M_FORBIDDEN")
    (await world.there.get(world.here, f"{V1}/event/{said}")).must(404)


async def test_the_event_closest_to_a_time(world: World) -> None:
    await world.bob.joins(world.room)
    said = await world.says("said")
    ts = (await world.event(world.there, said) or {})["origin_server_ts"]
    uri = f"{V1}/timestamp_to_event/{quote(world.room, safe='')}"
    found = (await world.there.get(world.here, f"{uri}?ts={ts + 10_000}&dir=b")).must()
    assert found.body == {"event_id": said, "origin_server_ts": ts}
    (await world.there.get(world.here, f"{uri}?ts={ts + 10_000}&dir=f")).must(404, "M_NOT_FOUND")
    (await world.stranger.get(world.here, f"{uri}?ts={ts}&dir=b")).must(403, "M_FORBIDDEN")
