"""FED-13: a TI-M tenant whose own domain is not in the federation list is talked to by nobody."""

from timserver.policy.facts import FederationList
from timserver.tenancy import Tenant, Variant


def is_listed(tenant: Tenant, federation: FederationList) -> bool:
    """Will others of the TI talk to the tenant? Who is not of the TI needs no list."""
    return tenant.variant is Variant.OFF or tenant.server_name in federation.servers
