"""Pages and pictures of the web, which is nobody's federation: tenants of the TI-Messenger do not go there."""

from typing import Final

import msgspec

from timserver.remote.client import FederationClient
from timserver.remote.errors import RemoteError
from timserver.remote.fetcher import Request
from timserver.tenancy import Tenant, Variant

_REDIRECTS_MAX: Final = 5


class WebPage(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at an address. `url`: where it was found, after redirects."""

    url: str
    content_type: str
    body: bytes


async def fetch_page(
    client: FederationClient,
    tenant: Tenant,
    url: str,
    *,
    bytes_max: int,
    timeout_s: float,
    cut: bool = False,
) -> WebPage:
    """With `cut` only the beginning of what is longer than `bytes_max`. Raises RemoteError, also for another status
    than 200.
    """
    if tenant.variant is not Variant.OFF:
        raise RemoteError("this tenant talks to its federation only", denied=True)
    answer = await client.fetcher.fetch(
        Request(url=url),
        bytes_max=bytes_max,
        timeout_s=timeout_s,
        redirects_max=_REDIRECTS_MAX,
        cut=cut,
    )
    if answer.status != 200:
        raise RemoteError("no page", status=answer.status)
    return WebPage(url=answer.url, content_type=answer.headers.get("Content-Type", ""), body=answer.body)
