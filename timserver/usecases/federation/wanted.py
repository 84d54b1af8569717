"""Step: may the tenant take this event, by the federation list? (Place 6 of tim/REQUIREMENTS 2.5.)

Asked of what others send us, and of what we fetch ourselves to fill a gap or to page back: the server that tells may be
in the list while the sender's is not, or is no more.
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import Event
from timserver.matrix.ids import ServerName, server_name_of
from timserver.policy import points
from timserver.policy.facts import FederationPduFacts
from timserver.tenancy import Tenant
from timserver.usecases.federation.listing import federation_list

UNWANTED = "federation.list"
"""Why an event is soft-failed whose sender is of no server in the list: others follow it, nobody is shown it."""


def check_wanted(ctx: Context, tenant: Tenant, event: Event, origin: ServerName | None = None) -> None:
    """Raises `Forbidden`. `origin` is the server that sent it, if one did."""
    facts = FederationPduFacts(
        tenant=tenant,
        federation=federation_list(ctx),
        origin=origin,
        sender_server=server_name_of(event.sender),
    )
    points.check(points.ON_FEDERATION_PDU, facts)


def is_wanted(ctx: Context, tenant: Tenant, event: Event) -> bool:
    """As `check_wanted`, as an answer."""
    try:
        check_wanted(ctx, tenant, event)
    except errors.MatrixError:
        return False
    return True
