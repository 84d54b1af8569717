"""ML-132303, A_25546: in TI-M the server sets display names, users do not."""

from timserver.policy.facts import ProfileFacts
from timserver.policy.verdict import Denied


def on_profile(facts: ProfileFacts) -> Denied | None:
    """Refuses `displayname`, unless the tenant's settings allow it."""
    if facts.field != "displayname" or facts.tenant.display_name_by_user:
        return None
    return Denied(requirement="ML-132303", error="Display names are set by the organisation")
