"""A server that submits right requests with one to three things changed, and looks whether it gets our signature."""

import random
from typing import Any

from tests.support.federation import Server, as_server
from tests.support.homeserver import Homeserver, Reply
from tests.support.mutations import ODD
from timserver.matrix import signing
from timserver.matrix.errors import MatrixError
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat
from timserver.tenancy import Tenant
from timserver.usecases.tenants.signing_key import signing_key

Options = dict[str, list[Any]]
"""What may stand in each place instead; `...`: nothing at all."""

SOME_EVENT_ID = "$" + "C" * 42 + "A"


class Oracle:
    """One tenant that is asked, by the server of another one.

    `answered` (without a signature over what was asked) and `signed` (objects) are counted by the tests.
    """

    def __init__(self, asked: Tenant, liar: Server, key: signing.SigningKey, seed: int) -> None:
        self.asked, self.liar, self.key = asked, liar, key
        self.chance = random.Random(seed)
        self.signed = self.answered = self.refused = 0

    def change(self, value: dict[str, Any], options: Options) -> dict[str, Any]:
        """One to three fields replaced or taken away."""
        names = self.chance.sample(list(options), self.chance.randint(1, min(3, len(options))))
        changed = {**value}
        for name in names:
            changed[name] = self.chance.choice(options[name])
        return {name: field for name, field in changed.items() if field is not ...}

    def text(self, *likely: str) -> str:
        """One of the likely ones, mostly."""
        if self.chance.random() < 0.7:
            return self.chance.choice(likely)
        return str(self.chance.choice(ODD))[:200]

    def seal(self, version: str, value: dict[str, Any]) -> dict[str, Any]:
        """With the right hash and signature of the asking server, if it can be written at all; or with wrong ones."""
        rules = ROOM_VERSIONS[version]
        try:
            hashed = {**value, "hashes": {"sha256": signing.content_hash(rules, value)}}
            sealed = signing.sign_event(rules, hashed, self.liar.server_name, self.liar.key)
        except (MatrixError, TypeError, AttributeError, KeyError):
            return {**value, "hashes": {"sha256": "x"}, "signatures": {}}
        match self.chance.randrange(12):
            case 0:
                sealed["hashes"] = {"sha256": "A" * 43}
            case 1:
                sealed["signatures"] = {}
            case 2:
                sealed["signatures"] = {self.asked.server_name: {"ed25519:x": "A" * 86}}
            case 3:
                sealed["origin_server_ts"] = 5
        return sealed

    def event_id(self, version: str, sealed: dict[str, Any]) -> str:
        """The id that the event has, or any."""
        try:
            return signing.event_id(ROOM_VERSIONS[version], sealed)
        except (MatrixError, AssertionError, KeyError, TypeError):
            return "$" + "A" * 43

    def is_signed(self, version: str, event: Any) -> bool:
        """Does it bear a signature of ours that is right?"""
        if not isinstance(event, dict):
            return False
        rules = ROOM_VERSIONS[version]
        name, key = self.asked.server_name, self.key
        return signing.verify_event(rules, event, name, key.key_id, key.public_key)

    def must_refuse(self, reply: Reply) -> None:
        """A refusal tells no signature, and is no mistake of ours."""
        assert reply.status < 500, (reply.status, reply.raw)
        self.never_in(reply)
        self.refused += 1

    def never_in(self, reply: Reply) -> None:
        """No signature of ours is in the answer."""
        assert self.key.key_id.encode() not in reply.raw, reply.raw

    def told(self, name: str) -> None:
        """The figures of a test."""
        print(f"{name}: {self.signed} objects signed, {self.answered} answered, {self.refused} refused")


async def oracle(server: Homeserver, asked: Tenant, asking: Tenant, seed: int) -> Oracle:
    """What the server of one tenant is to another."""
    liar = await as_server(server, asking)
    return Oracle(asked, liar, await signing_key(server.ctx, asked), seed)


def without_signatures(event: dict[str, Any]) -> dict[str, Any]:
    """What is signed of an event."""
    return {name: value for name, value in event.items() if name not in ("signatures", "unsigned")}


def reference(version: str) -> Any:
    """Some event that another one follows or cites, as its version writes that."""
    given = ROOM_VERSIONS[version].event_id_format is EventIdFormat.GIVEN
    return ["$1:x.example", {"sha256": "h"}] if given else "$" + "B" * 42 + "A"
