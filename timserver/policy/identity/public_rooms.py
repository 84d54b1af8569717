"""A_28587, A_26518, A_26520, A_28590: insured people have no directory of rooms; in the others it is for who has logged
in, and no other server sees it.
"""

from timserver.matrix.errors import MissingToken
from timserver.policy.facts import DirectoryFacts
from timserver.policy.verdict import Denied
from timserver.tenancy import Variant


def on_directory(facts: DirectoryFacts) -> Denied | None:
    """ePA: refused always, before any question of tokens. Pro: refused to servers, and without a token."""
    if facts.tenant.variant is Variant.EPA:
        return Denied(requirement="A_28587")
    if facts.tenant.variant is Variant.PRO and facts.by_server:
        return Denied(requirement="A_26520")
    if facts.tenant.variant is Variant.PRO and not facts.authenticated:
        return Denied(requirement="A_26518", error="Missing access token", kind=MissingToken)
    return None
