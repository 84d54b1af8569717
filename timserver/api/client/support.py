"""`/.well-known/matrix/support`."""

import msgspec

from timserver.api.endpoint import Auth, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import SupportContact, Tenant


class SupportResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom to ask."""

    contacts: tuple[SupportContact, ...] = ()
    support_page: str | None = None


@endpoint("GET", "/.well-known/matrix/support", auth=Auth.NONE)
async def get_wellknown_support(ctx: Context, tenant: Tenant) -> SupportResponse:
    """GET /.well-known/matrix/support. 404 where the tenant names nobody.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport
    """
    settings = tenant.settings
    if not settings.support_contacts and settings.support_page is None:
        raise errors.NotFound("No support contact is set")
    return SupportResponse(settings.support_contacts, settings.support_page)
