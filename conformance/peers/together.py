"""Inside the private network: two servers, all checks, in both directions."""

from functools import partial

from conformance.complement.deployment import deploy_two, failed
from conformance.peers.checks import CHECKS
from conformance.peers.encrypted import encrypted_dm
from conformance.peers.outage import READY_S_MAX, outage

PORTS = (
    ("127.0.0.1:18008:8008", "127.0.0.1:18448:8448"),
    ("127.0.0.1:28008:8008", "127.0.0.1:28448:8448"),
)
"""Nobody else is in that network; a server that is started again has the ports that it had."""


def check_together(base: str, other: str, outage_s: int) -> int:
    """How many checks failed."""
    first, second = deploy_two(base, other, PORTS, READY_S_MAX)
    directions = ((first, second), (second, first))
    checks = (*CHECKS, encrypted_dm)
    count = sum(
        failed(f"{check.__name__} ({here.name} -> {there.name})", partial(check, here, there))
        for check in checks
        for here, there in directions
    )
    return count + sum(
        failed(f"{there.name} is away for {outage_s} s", partial(outage, here, there, outage_s))
        for here, there in directions
    )
