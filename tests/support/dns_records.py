"""A DNS server on loopback with the records that a test gives it; everything else does not exist."""

import asyncio
import ipaddress
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

A, CNAME, AAAA, SRV = 1, 5, 28, 33


def _name(text: str) -> bytes:
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class DnsRecords(asyncio.DatagramProtocol):
    """`address` is where it listens, as the settings want it."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: Counter[tuple[str, int]] = Counter()
        self._turns: dict[tuple[str, int], cycle[list[bytes]]] = {}
        self._aliases: dict[str, str] = {}
        self._transport: Any = None

    def has(self, name: str, *addresses: str) -> None:
        """Addresses of a name."""
        for kind, version in ((A, 4), (AAAA, 6)):
            data = [ip.packed for ip in map(ipaddress.ip_address, addresses) if ip.version == version]
            self._put(name, kind, [data])

    def rebinds(self, name: str, *turns: str) -> None:
        """Another address at each question, with a life of no seconds."""
        self._put(name, A, [[ipaddress.ip_address(turn).packed] for turn in turns])

    def is_alias(self, name: str, target: str) -> None:
        """A CNAME."""
        self._aliases[name] = target

    def serves(self, name: str, *records: tuple[int, int, int, str]) -> None:
        """SRV records: priority, weight, port, target."""
        data = [struct.pack("!HHH", *record[:3]) + _name(record[3]) for record in records]
        self._put(name, SRV, [data])

    def _put(self, name: str, kind: int, turns: list[list[bytes]]) -> None:
        self._turns[name, kind] = cycle(turns)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
        name, question = ".".join(labels), data[12 : at + 5]
        self.asked[name, kind] += 1
        answers: list[bytes] = []
        while name in self._aliases:
            answers.append(_record(name, CNAME, _name(self._aliases[name])))
            name = self._aliases[name]
        answers += [_record(name, kind, item) for item in next(self._turns.get((name, kind), cycle([[]])))]
        code = 0 if answers or any(key[0] == name for key in self._turns) else 3
        head = data[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(answers), 0, 0)
        self._transport.sendto(head + question + b"".join(answers), addr)


def _record(name: str, kind: int, data: bytes) -> bytes:
    return _name(name) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


@asynccontextmanager
async def dns_records() -> AsyncIterator[DnsRecords]:
    """Serve on a free port."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        DnsRecords, local_addr=("127.0.0.1", 0)
    )
    server.address = "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    try:
        yield server
    finally:
        transport.close()
