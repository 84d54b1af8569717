"""Step: the federation list as policies see it."""

from functools import lru_cache

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.policy.facts import FederationList


def federation_list(ctx: Context) -> FederationList:
    """The servers that the configuration names; a tenant's own settings may name more."""
    return _of(ctx.settings.federation.allowed_servers)


@lru_cache(maxsize=8)
def _of(servers: tuple[ServerName, ...]) -> FederationList:
    return FederationList(frozenset(servers))
