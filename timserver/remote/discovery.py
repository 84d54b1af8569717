"""Where a server is: the six steps of the spec, from a server name to addresses, Host header and certificate name.

Spec: https://spec.matrix.org/v1.19/server-server-api/#resolving-server-names
"""

import asyncio
import ipaddress
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from timserver.clock import IdSource
from timserver.matrix.ids import ServerName, split_server_name
from timserver.remote.dns import Resolver, SrvRecord
from timserver.remote.errors import Unreached
from timserver.remote.well_known import WellKnown

PORT: Final = 8448
_PLACES_MAX: Final = 8


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a server. `step` is the number in the spec, for who wants to know why."""

    step: str
    host_header: str
    tls_name: str
    places: tuple[tuple[str, int], ...]
    """Host (a name or a bare address) and port, the best first."""


class Discovery:
    """Finds routes. Only the port is ever another one than the spec's, in tests."""

    def __init__(
        self, well_known: WellKnown, resolver: Resolver, ids: IdSource, *, default_port: int = PORT
    ) -> None:
        self._well_known, self._resolver, self._ids = well_known, resolver, ids
        self._port = default_port
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def route(self, server_name: ServerName) -> Route:
        """The route to a server. Raises Unreached when its DNS says that there is none."""
        host, port = split_server_name(server_name)
        literal = ip_literal(host)
        if literal is not None:
            return self._direct("1", server_name, literal, port)
        if port is not None:
            return self._direct("2", server_name, host, port)
        host = host.lower()
        async with self._locks.setdefault(host, asyncio.Lock()):
            delegated = await self._well_known.delegated(host)
        if delegated is None:
            return await self._by_srv(host, ("4", "5", "6"))
        host, port = split_server_name(delegated)
        literal = ip_literal(host)
        if literal is not None:
            return self._direct("3.1", delegated, literal, port)
        if port is not None:
            return self._direct("3.2", delegated, host, port)
        return await self._by_srv(host, ("3.3", "3.4", "3.5"))

    def _direct(self, step: str, host_header: str, host: str, port: int | None) -> Route:
        return Route(
            step=step,
            host_header=host_header,
            tls_name=host,
            places=((host, self._port if port is None else port),),
        )

    async def _by_srv(self, host: str, steps: tuple[str, str, str]) -> Route:
        for step, service in zip(steps, ("_matrix-fed", "_matrix"), strict=False):
            records = await self._resolver.srv(f"{service}._tcp.{host}")
            if not records:
                continue
            places = tuple((record.target, record.port) for record in self._in_order(records))
            if not any(target for target, _ in places):
                raise Unreached("DNS says that there is no server (SRV target is the root)")
            return Route(step=step, host_header=host, tls_name=host, places=places[:_PLACES_MAX])
        return self._direct(steps[2], host, host, None)

    def _in_order(self, records: list[SrvRecord]) -> list[SrvRecord]:
        """By priority; of equal ones the heavier is more often first (RFC 2782)."""

        def place(record: SrvRecord) -> tuple[int, float]:
            chance = (int.from_bytes(self._ids.secret(4)) + 1) / 2**32
            return record.priority, -(chance ** (1 / max(record.weight, 0.01)))

        return sorted(records, key=place)


def ip_literal(host: str) -> str | None:
    """The address, without brackets, when the host of a server name is one."""
    try:
        return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        return None
