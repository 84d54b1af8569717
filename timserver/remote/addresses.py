"""Which addresses outgoing connections may reach (RELIABILITY O1): decided on the address of the socket itself.

However a name or number was spelled, and whatever DNS said a moment before: what counts is where the packets would go.
"""

import ipaddress
from collections.abc import Iterable, Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


class AddressWall:
    """An address may be reached if neither it nor an IPv4 address within it is blocked.

    What `allowed` holds is never blocked. When `only` is given, nothing else may be reached.
    """

    def __init__(self, blocked: Iterable[str], allowed: Iterable[str] = (), only: Iterable[str] = ()) -> None:
        self._blocked = _networks(blocked)
        self._allowed = _networks(allowed)
        self._only = _networks(only)

    def may_reach(self, text: str) -> bool:
        """Whether a socket may be connected to this numeric address; what is no address may not."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if self._only and not _within(address, self._only):
            return False
        if _within(address, self._allowed):
            return True
        return not any(_within(meant, self._blocked) for meant in (address, *embedded(address)))


def embedded(address: Address) -> Iterator[Address]:
    """IPv4 addresses that packets to an IPv6 address may end up at: by mapping, translation or tunnels."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    bits = int(address)
    last = ipaddress.IPv4Address(bits & 0xFFFF_FFFF)
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if any(address in network for network in (*_NAT64, _COMPATIBLE)) or bits >> 32 & 0xFFFF_FFFF in _ISATAP:
        yield last


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
