"""Every route × {no token, garbage, expired, other tenant's, other user's}; a route without a row fails (RELIABILITY S1).

Rows are in `auth_matrix.py`.
"""

from typing import Any
from urllib.parse import quote

import asyncpg
import msgspec
import pytest

from conformance.spec.page import served
from tests.api.auth_matrix import BACKUP, KEY, MESSAGE, ROWS, RULE, Row
from tests.support.homeserver import PASSWORD, Homeserver, Person, Reply
from timserver.api.endpoint import Auth, Endpoint
from timserver.store.vault import token_hash

ENDPOINTS = {item.operation_id: item for item in served()}
NAMES = sorted(ENDPOINTS)


class World(msgspec.Struct):
    """Alice and what is hers; and tokens that must not open it."""

    alice: Person
    mallory: Person
    expired: str
    names: dict[str, str]
    """What stands for the braces in paths, queries and bodies."""

    def fill(self, value: Any, names: dict[str, str]) -> Any:
        if isinstance(value, str):
            for name, text in names.items():
                value = value.replace("{" + name + "}", text)
            return value
        if isinstance(value, dict):
            return {self.fill(key, names): self.fill(item, names) for key, item in value.items()}
        return value

    async def ask(self, who: Person, item: Endpoint, row: Row, missing: bool = False) -> Reply:
        names = self.names | {"bob": who.user_id}
        if missing:
            names |= {
                "userId": f"@nobody:{self.alice.tenant.server_name}",
                "roomId": "!missing:example.org",
                "roomIdOrAlias": "!missing:example.org",
                "roomAlias": quote(f"#missing:{self.alice.tenant.server_name}"),
                "eventId": "$missing",
                "deviceId": "MISSING",
                "mediaId": "missing",
                "version": "999999",
                "ruleId": "missing",
                "filterId": "999999",
            }
        url = self.fill(item.paths[0] + row.query, names)
        assert "{" not in url, f"no value for {url}"
        body = self.fill(row.body, names)
        if isinstance(body, bytes):
            return await who.call(item.method, url, data=body)
        return await who.call(item.method, url, body)

    async def hers(self) -> list[Any]:
        """What strangers must not change."""
        room, user = self.names["room"], f"/user/{self.alice.user_id}"
        paths = (
            f"/profile/{self.alice.user_id}",
            f"{user}/account_data/org.example",
            f"{user}/rooms/{room}/account_data/org.example",
            f"{user}/rooms/{room}/tags",
            "/pushrules/",
            "/pushers",
            f"/room_keys/keys?version={self.names['version']}",
            "/devices/OTHER",
        )
        answers = [(await self.alice.get(path)).must().body for path in paths]
        state = (await self.alice.get(f"/rooms/{room}/state")).must().body
        messages = (await self.alice.get(f"/rooms/{room}/messages?dir=b")).must()["chunk"]
        return [*answers, *((event["event_id"], event["content"]) for event in (*state, *messages))]


async def expired_token(server: Homeserver, alice: Person, database_url: str) -> str:
    login = {"type": "m.login.password", "user": "alice", "password": PASSWORD, "refresh_token": True}
    token: str = (await server.nobody(alice.tenant).post("/login", login)).must()["access_token"]
    database = await asyncpg.connect(database_url)
    await database.execute("update access_token set expires_ts = 1 where token_hash = $1", token_hash(token))
    await database.close()
    return token


@pytest.fixture(scope="module")
async def world(server: Homeserver, database_url: str) -> World:
    tenant, other = await server.tenant(), await server.tenant()
    alice = await server.person(tenant, "alice")
    await server.logged_in(tenant, "alice", "OTHER")
    room = (await alice.post("/createRoom", {"preset": "private_chat", "topic": "hers"})).must()["room_id"]
    event = (await alice.put(f"/rooms/{room}/send/m.room.message/0", MESSAGE)).must()["event_id"]
    base = f"/user/{alice.user_id}"
    for path in (f"{base}/account_data/org.example", f"{base}/rooms/{room}/account_data/org.example"):
        (await alice.put(path, {"a": 1})).must()
    (await alice.put(f"{base}/rooms/{room}/tags/u.x", {})).must()
    (await alice.put("/pushrules/global/content/x", RULE)).must()
    alias = f"#hers:{tenant.server_name}"
    (await alice.put(f"/directory/room/{quote(alias)}", {"room_id": room})).must()
    filter_id = (await alice.post(f"{base}/filter", {})).must()["filter_id"]
    version = (await alice.post("/room_keys/version", BACKUP)).must()["version"]
    (await alice.put(f"/room_keys/keys/{room}/s?version={version}", KEY)).must()
    media = (await alice.call("POST", "/_matrix/media/v3/upload", data=b"hers")).must()["content_uri"]
    token = (await alice.get("/sync", timeout=0)).must()["next_batch"]
    names = {
        "alice": alice.user_id,
        "room": room,
        "event": event,
        "token": token,
        "userId": alice.user_id,
        "roomId": room,
        "roomIdOrAlias": room,
        "roomAlias": quote(alias),
        "eventId": event,
        "deviceId": "OTHER",
        "type": "org.example",
        "tag": "u.x",
        "filterId": filter_id,
        "keyName": "displayname",
        "kind": "content",
        "ruleId": "x",
        "version": version,
        "sessionId": "s",
        "protocol": "irc",
        "eventType": "m.room.topic",
        "relType": "m.annotation",
        "stateKey": "",
        "txnId": "1",
        "receiptType": "m.read",
        "serverName": tenant.server_name,
        "mediaId": media.rpartition("/")[2],
        "fileName": "name",
    }
    names["carol"] = (await server.person(tenant, "carol")).user_id
    mallory = await server.person(other, "alice")
    return World(alice, mallory, await expired_token(server, alice, database_url), names)


def shown(reply: Reply) -> str:
    """Status and errcode, as the rows have them."""
    errcode = reply.body.get("errcode") if isinstance(reply.body, dict) else None
    return f"{reply.status} {errcode}" if errcode else str(reply.status)


def test_every_route_has_a_row() -> None:
    assert set(ROWS) == set(NAMES), "a route needs a row in tests/api/auth_matrix.py"


@pytest.mark.parametrize("name", NAMES)
async def test_tokens(server: Homeserver, world: World, name: str) -> None:
    item, row = ENDPOINTS[name], ROWS[name]
    nobody = server.nobody(world.alice.tenant)
    answers = {}
    for kind, token in (
        ("none", None),
        ("garbage", "garbage"),
        ("expired", world.expired),
        ("foreign", world.mallory.token),
    ):
        nobody.token = token
        reply = await world.ask(nobody, item, row)
        answers[kind] = shown(reply)
        if kind == "expired" and item.auth is not Auth.NONE:
            assert reply["soft_logout"] is True
    if item.auth is Auth.NONE:
        assert answers == dict.fromkeys(answers, row.anybody)
    else:
        anybody = row.anybody if item.auth is Auth.OPTIONAL else "401 M_MISSING_TOKEN"
        assert answers.pop("none") == anybody
        assert answers == dict.fromkeys(answers, "401 M_UNKNOWN_TOKEN")


@pytest.mark.parametrize("name", NAMES)
async def test_another_user(server: Homeserver, world: World, name: str) -> None:
    item, row = ENDPOINTS[name], ROWS[name]
    bob = await server.person(world.alice.tenant)
    before = await world.hers()
    assert shown(await world.ask(bob, item, row)) == row.stranger
    assert await world.hers() == before, "nothing of hers was changed"
    if not row.own:
        missing = shown(await world.ask(bob, item, row, missing=True))
        assert missing == (row.missing or row.stranger), "what is not there looks like what is closed"


@pytest.mark.parametrize("name", [name for name in NAMES if name in ROWS and ROWS[name].alice])
async def test_the_same_request_by_its_owner(world: World, name: str) -> None:
    """Shows that the stranger was not refused for a malformed request."""
    assert shown(await world.ask(world.alice, ENDPOINTS[name], ROWS[name])) == ROWS[name].alice
