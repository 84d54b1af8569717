"""A name server: every name has the address that it is told, mostly 127.0.0.1, and no other records."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

_A, _IN = 1, 1
_LOCALHOST = "127.0.0.1"


def answer_to(query: bytes, addresses: Mapping[str, str]) -> bytes:
    """The answer to a query with one question (RFC 1035, section 4)."""
    end, labels = 12, []
    while query[end]:
        labels.append(query[end + 1 : end + 1 + query[end]].decode("ascii").lower())
        end += query[end] + 1
    question = query[12 : end + 5]
    wants_address = int.from_bytes(question[-4:-2]) == _A
    address = ipaddress.IPv4Address(addresses.get(".".join(labels), _LOCALHOST)).packed
    record = b"\xc0\x0c" + bytes([0, _A, 0, _IN, 0, 0, 0, 60, 0, 4]) + address if wants_address else b""
    counts = bytes([0, 1, 0, 1 if record else 0, 0, 0, 0, 0])
    return query[:2] + b"\x81\x80" + counts + question + record


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.transport.sendto(answer_to(data, self._addresses), address)


@asynccontextmanager
async def name_server(addresses: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Its `address:port`; names that are not among the addresses are at 127.0.0.1."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Answers(addresses or {}), local_addr=(_LOCALHOST, 0)
    )
    address, port = transport.get_extra_info("sockname")
    try:
        yield f"{address}:{port}"
    finally:
        transport.close()
