"""A policy server that stands where the loop-back does: it signs what it likes, and keeps what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from timserver.context import Context
from timserver.matrix import pdu, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.policy_server import KEY_ID
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from timserver.matrix.signing import SigningKey
from timserver.remote.errors import RemoteError
from timserver.remote.fetcher import Streamed
from timserver.tenancy import Tenant

NAME = ServerName("policy.lying.example")
KEY = signing.make_signing_key(KEY_ID, bytes([42] * 32))
OTHER_KEY = signing.make_signing_key(KEY_ID, bytes([43] * 32))


def content(key: SigningKey = KEY, via: str = NAME) -> dict[str, Any]:
    """What a room that uses it has in `m.room.policy`."""
    return {"via": via, "public_keys": {"ed25519": signing.encode_base64(key.public_key)}}


def signed(version: RoomVersion, event: Event, key: SigningKey = KEY) -> Event:
    """The event with a policy server's signature."""
    return pdu.from_object(version, signing.sign_event(version, pdu.to_object(version, event), NAME, key))


class PolicyServer:
    """`verdict` gets each event: a refusal, or an answer instead of the right one; None signs."""

    def __init__(self, version: str = "10", verdict: Callable[[Any], Any] | None = None) -> None:
        self.version, self.verdict = ROOM_VERSIONS[version], verdict
        self.asked: list[Any] = []
        self.is_dead = False

    async def hosts(self, server_name: ServerName) -> bool:
        """It has one name."""
        return server_name == NAME

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
        if self.is_dead:
            await asyncio.Event().wait()
        if (method, path) != ("POST", "/_matrix/policy/v1/sign"):
            raise RemoteError("unknown", status=404, errcode="M_UNRECOGNIZED")
        assert content is not None
        self.asked.append(content)
        answer = self.verdict(content) if self.verdict else None
        if isinstance(answer, RemoteError):
            raise answer
        if answer is None:
            whole = signing.sign_event(self.version, content, NAME, KEY)
            answer = {NAME: {KEY_ID: whole["signatures"][NAME][KEY_ID]}}  # type: ignore[index,call-overload]
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    @asynccontextmanager
    async def stream(
        self, origin: Tenant, destination: ServerName, path: str, query: Sequence[tuple[str, str]]
    ) -> AsyncIterator[Streamed]:
        """It has no files."""
        raise RemoteError("no files", status=404)
        yield  # type: ignore[unreachable]

    @asynccontextmanager
    async def answering(self, ctx: Context) -> AsyncIterator[None]:
        """Instead of the loop-back."""
        before = ctx.remote.loopback
        ctx.remote.loopback = self
        try:
            yield
        finally:
            ctx.remote.loopback = before
