"""A Matrix client as far as the scenarios need one, on one connection of its own."""

import copy
import hashlib
import hmac
import itertools
from typing import Any, Self

import orjson

from conformance.bench.connection import Connection
from conformance.bench.server import Server

API = "/_matrix/client/v3"
PASSWORD = "correct horse battery staple"

Json = dict[str, Any]


class RequestFailed(Exception):
    """Anything but 200."""


class Client:
    """One logged-in device."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = Connection(server.host, server.port)
        self._head = f"Host: {server.server_name}\r\n"
        self._counter = itertools.count()
        self.user_id = self.token = ""

    @classmethod
    async def registered(cls, server: Server, localpart: str) -> Self:
        """A new user, made through the shared-secret endpoint."""
        client = cls(server)
        path = "/_synapse/admin/v1/register"
        nonce = (await client.call("GET", path))["nonce"]
        text = "\0".join([nonce, localpart, PASSWORD, "notadmin"])
        mac = hmac.new(server.registration_secret.encode(), text.encode(), hashlib.sha1).hexdigest()
        request = {"nonce": nonce, "username": localpart, "password": PASSWORD, "admin": False, "mac": mac}
        answer = await client.call("POST", path, request)
        client.user_id = answer["user_id"]
        client.token = answer["access_token"]
        client._head += f"Authorization: Bearer {client.token}\r\n"
        return client

    async def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """JSON in, JSON out."""
        answer: Json = orjson.loads(
            await self.raw(method, path, None if body is None else orjson.dumps(body))
        )
        return answer

    async def raw(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> bytes:
        """The body of the answer, unread. Raises `RequestFailed`, `ConnectionLost`, `OSError`."""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}"
        if body is not None:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        status, answer = await self._connection.exchange(head.encode() + b"\r\n" + (body or b""))
        if status != 200:
            raise RequestFailed(f"{method} {path}: {status} {answer[:200].decode(errors='replace')}")
        return answer

    def another(self) -> "Client":
        """The same device on one more connection."""
        twin = copy.copy(self)
        twin._connection = Connection(self._server.host, self._server.port)
        return twin

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        self._connection.close()

    async def whoami(self) -> None:
        """The request that touches nothing."""
        await self.raw("GET", f"{API}/account/whoami")

    async def create_room(self, preset: str = "public_chat", name: str = "Bench") -> str:
        """A room with a name; gives its id."""
        return str(
            (await self.call("POST", f"{API}/createRoom", {"preset": preset, "name": name}))["room_id"]
        )

    async def join(self, room_id: str) -> None:
        """Join a public room."""
        await self.raw("POST", f"{API}/join/{room_id}", b"{}")

    async def send(self, room_id: str, transaction_id: str | None = None) -> None:
        """A text message of about the size people write."""
        number = transaction_id or f"bench{next(self._counter)}"
        body = orjson.dumps(
            {"msgtype": "m.text", "body": f"Message {number}: could you look at this, please?"}
        )
        await self.raw("PUT", f"{API}/rooms/{room_id}/send/m.room.message/{number}", body)

    async def sync(self, since: str | None = None, timeout_ms: int = 0, sync_filter: str = "") -> Json:
        """One sync request, read."""
        return await self.call("GET", sync_path(since, timeout_ms, sync_filter))


def sync_path(since: str | None, timeout_ms: int = 0, sync_filter: str = "") -> str:
    """Path and query; `sync_filter` is already percent-encoded."""
    path = f"{API}/sync?timeout={timeout_ms}"
    path += f"&since={since}" if since else ""
    return path + (f"&filter={sync_filter}" if sync_filter else "")
