"""A_25534 (FED): who is not in the federation list is not talked to. Until there is a list: the own domain only.

Applies to TI-M tenants. Places 1, 2, 3, 7 and 10 of tim/REQUIREMENTS 2.5.
"""

from collections.abc import Iterable

from timserver.matrix.ids import ServerName, server_name_of
from timserver.policy.facts import CreateRoomFacts, FederationCallFacts, InviteFacts, JoinFacts, MediaFacts
from timserver.policy.verdict import Denied
from timserver.tenancy import Tenant, Variant

REQUIREMENT = "A_25534"


def _check(tenant: Tenant, servers: Iterable[ServerName]) -> Denied | None:
    if tenant.variant is Variant.OFF:
        return None
    for server_name in servers:
        if server_name != tenant.server_name:
            return Denied(requirement=REQUIREMENT, error=f"{server_name} is not part of the federation")
    return None


def on_invite(facts: InviteFacts) -> Denied | None:
    """Inviter and invitee."""
    return _check(facts.tenant, (server_name_of(facts.inviter), server_name_of(facts.invitee)))


def on_create_room(facts: CreateRoomFacts) -> Denied | None:
    """All who are invited at creation."""
    return _check(facts.tenant, map(server_name_of, facts.invitees))


def on_join(facts: JoinFacts) -> Denied | None:
    """Refused when servers are named and none of them may be talked to."""
    refusals = [_check(facts.tenant, (server_name,)) for server_name in facts.via]
    return refusals[0] if refusals and all(refusals) else None


def on_federation_call(facts: FederationCallFacts) -> Denied | None:
    """The destination of each request of ours."""
    return _check(facts.tenant, (facts.destination,))


def on_media(facts: MediaFacts) -> Denied | None:
    """A_26328: the server name of media."""
    return _check(facts.tenant, (facts.server_name,))
