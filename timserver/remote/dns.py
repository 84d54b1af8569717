"""The one resolver of outgoing requests: addresses, and the SRV records of discovery.

Without `nameservers` addresses come from the system (so /etc/hosts and container networks work) and SRV records from
the system's name servers; with `nameservers` everything comes from these.
"""

import asyncio
import socket
from collections.abc import Sequence

import aiodns
import msgspec
import pycares
from aiohttp.abc import AbstractResolver, ResolveResult

_TIMEOUT_S = 2.0
_TRIES = 2
_ANSWERS_MAX = 32


class SrvRecord(msgspec.Struct, frozen=True, order=True):
    """One place where a service is."""

    priority: int
    weight: int
    port: int
    target: str


class Resolver(AbstractResolver):
    """Made and closed by the `Fetcher`."""

    def __init__(self, nameservers: Sequence[str]) -> None:
        self._nameservers = list(nameservers)
        self._made: aiodns.DNSResolver | None = None

    @property
    def _dns(self) -> aiodns.DNSResolver:
        """Made when first needed: it starts a thread."""
        if self._made is None:
            self._made = aiodns.DNSResolver(
                self._nameservers or None,
                timeout=_TIMEOUT_S,
                tries=_TRIES,
                lookups="b" if self._nameservers else "fb",
            )
        return self._made

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError."""
        if self._nameservers:
            addresses = await self._ask(host, family)
        else:
            infos = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
            )
            addresses = [(info[0], str(info[4][0])) for info in infos]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=found,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for found, address in addresses[:_ANSWERS_MAX]
        ]

    async def _ask(self, host: str, family: socket.AddressFamily) -> list[tuple[int, str]]:
        try:
            answer = await self._dns.getaddrinfo(host, family, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise OSError(None, f"{host} has no address") from error
        return [(node.family, node.addr[0].decode()) for node in answer.nodes]

    async def srv(self, name: str) -> list[SrvRecord]:
        """The SRV records of a name; none too when DNS does not answer."""
        try:
            answer = await self._dns.query_dns(name, "SRV")
        except (aiodns.error.DNSError, ValueError, UnicodeError):
            return []
        records = [record.data for record in answer.answer if isinstance(record.data, pycares.SRVRecordData)]
        return [
            SrvRecord(record.priority, record.weight, record.port, record.target.rstrip("."))
            for record in records[:_ANSWERS_MAX]
        ]

    async def close(self) -> None:
        """Give up what is being asked."""
        if self._made is not None:
            await self._made.close()
