"""A tenant that speaks to other tenants as a homeserver does: signed requests, over HTTP."""

from typing import Any

import msgspec
from yarl import URL

from tests.support.homeserver import Homeserver, Reply
from timserver import core
from timserver.matrix.ids import ServerName
from timserver.matrix.signing import SigningKey
from timserver.matrix.x_matrix import authorization
from timserver.tenancy import Tenant
from timserver.usecases.tenants.signing_key import signing_key


class Server:
    """A homeserver that asks others: a tenant's name and a key, normally its own."""

    def __init__(self, server: Homeserver, server_name: ServerName, key: SigningKey) -> None:
        self.server, self.server_name, self.key = server, server_name, key

    def signed(
        self, destination: ServerName, method: str, uri: str, content: bytes | None = None
    ) -> dict[str, str]:
        """The headers of a signed request."""
        text = authorization(self.key, self.server_name, destination, method=method, uri=uri, content=content)
        return {"Authorization": text}

    async def call(self, tenant: Tenant, method: str, uri: str, body: Any = None, **headers: str) -> Reply:
        """One signed request to a tenant; `headers` are sent instead of the right ones."""
        content = None if body is None else core.canonical_body(msgspec.json.encode(body))
        sent = {
            "Host": tenant.server_name,
            **self.signed(tenant.server_name, method, uri, content),
            **headers,
        }
        return await request(self.server, method, uri, content, sent)

    async def get(self, tenant: Tenant, uri: str) -> Reply:
        """A signed GET."""
        return await self.call(tenant, "GET", uri)

    async def put(self, tenant: Tenant, uri: str, body: Any) -> Reply:
        """A signed PUT."""
        return await self.call(tenant, "PUT", uri, body)

    async def post(self, tenant: Tenant, uri: str, body: Any) -> Reply:
        """A signed POST."""
        return await self.call(tenant, "POST", uri, body)


async def request(
    server: Homeserver, method: str, uri: str, content: bytes | None, headers: dict[str, str]
) -> Reply:
    """One request as it is given, its URI byte for byte."""
    url = URL(server.url + uri, encoded=True)
    json = {} if content is None else {"Content-Type": "application/json"}
    async with server.http.request(method, url, data=content, headers={**json, **headers}) as response:
        raw = await response.read()
        is_json = response.content_type == "application/json" and raw
        return Reply(response.status, response.headers, raw, await response.json() if is_json else None)


async def as_server(server: Homeserver, tenant: Tenant) -> Server:
    """The tenant, as others see it on the wire."""
    return Server(server, tenant.server_name, await signing_key(server.ctx, tenant))
