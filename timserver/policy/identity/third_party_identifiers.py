"""INV-1: no invite goes round the permissions that are enforced here, so TI-M knows no invites by address.

TI-M has no identity servers, and gematik's reference implementation blocks all that has to do with them
(tim/REQUIREMENTS 1.4, "3pid").
"""

from timserver.policy.facts import SendFacts, ThirdPartyInviteFacts
from timserver.policy.verdict import Denied
from timserver.tenancy import Tenant, Variant

_REQUIREMENT = "INV-1"


def on_third_party_invite(facts: ThirdPartyInviteFacts) -> Denied | None:
    """An address was bound to a user, or another server says so."""
    return _refused(facts.tenant)


def on_send(facts: SendFacts) -> Denied | None:
    """A local user invites an address."""
    return _refused(facts.tenant) if facts.type == "m.room.third_party_invite" else None


def _refused(tenant: Tenant) -> Denied | None:
    if tenant.variant is Variant.OFF:
        return None
    return Denied(requirement=_REQUIREMENT, error="Nobody is invited by address here")
