"""A_25534 (FED): who is not in the federation list is not talked to, in neither direction.

Applies to TI-M tenants (`pro`, `epa`); others federate with anyone. The own domain is always allowed. The places are
those of tim/REQUIREMENTS 2.5; that the points are asked there is a generated test's business.
"""

from collections.abc import Iterable

from timserver.matrix.errors import Unauthorized
from timserver.matrix.ids import ServerName, server_name_of
from timserver.policy.facts import (
    CreateRoomFacts,
    FederationCallFacts,
    FederationList,
    FederationPduFacts,
    FederationRequestFacts,
    InviteFacts,
    JoinFacts,
    MediaFacts,
)
from timserver.policy.verdict import Denied
from timserver.tenancy import Tenant, Variant

REQUIREMENT = "A_25534"


def is_allowed(tenant: Tenant, federation: FederationList, server_name: ServerName) -> bool:
    """May the tenant talk to the server?"""
    return (
        tenant.variant is Variant.OFF
        or server_name == tenant.server_name
        or server_name in tenant.settings.allowed_servers
        or server_name in federation.servers
    )


def _refused(tenant: Tenant, federation: FederationList, servers: Iterable[ServerName]) -> ServerName | None:
    """The first server that may not be talked to."""
    return next((name for name in servers if not is_allowed(tenant, federation, name)), None)


def on_invite(facts: InviteFacts) -> Denied | None:
    """Places 2 and 5: inviter and invitee."""
    servers = (server_name_of(facts.inviter), server_name_of(facts.invitee))
    return _not_found(_refused(facts.tenant, facts.federation, servers))


def on_create_room(facts: CreateRoomFacts) -> Denied | None:
    """Place 1: all who are invited at creation."""
    return _not_found(_refused(facts.tenant, facts.federation, map(server_name_of, facts.invitees)))


def on_join(facts: JoinFacts) -> Denied | None:
    """Place 10: refused when servers are named and none of them may be talked to; else the others are skipped."""
    if not facts.via or any(is_allowed(facts.tenant, facts.federation, name) for name in facts.via):
        return None
    return _not_found(facts.via[0])


def on_media(facts: MediaFacts) -> Denied | None:
    """Places 3 and 9, A_26328: the server name of media."""
    return _not_found(_refused(facts.tenant, facts.federation, (facts.server_name,)))


def on_federation_request(facts: FederationRequestFacts) -> Denied | None:
    """Place 4: the origin of every request of another server. A_26331: there must be one."""
    if facts.tenant.variant is Variant.OFF:
        return None
    if facts.origin is None:
        return Denied(requirement="A_26331", error="Missing X-Matrix authorization", kind=Unauthorized)
    if is_allowed(facts.tenant, facts.federation, facts.origin):
        return None
    return Denied(requirement=REQUIREMENT, error="not part of federation")


def on_federation_pdu(facts: FederationPduFacts) -> Denied | None:
    """Place 6: the server of the sender of every event that comes in a transaction."""
    if is_allowed(facts.tenant, facts.federation, facts.sender_server):
        return None
    return Denied(requirement=REQUIREMENT, error="not part of federation")


def on_federation_call(facts: FederationCallFacts) -> Denied | None:
    """Places 7 and 8: the destination of every request of ours, before its name is even looked up."""
    return _not_found(_refused(facts.tenant, facts.federation, (facts.destination,)))


def _not_found(server_name: ServerName | None) -> Denied | None:
    """The text of gematik's reference implementation."""
    if server_name is None:
        return None
    error = f"{server_name} kann nicht in der Föderation gefunden werden"
    return Denied(requirement=REQUIREMENT, error=error)
