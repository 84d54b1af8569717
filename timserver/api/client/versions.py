"""`/_matrix/client/versions`."""

import msgspec

from timserver.api.endpoint import Auth, endpoint
from timserver.context import Context
from timserver.tenancy import Tenant, Variant

MATRIX_VERSIONS = tuple(f"v1.{minor}" for minor in range(1, 13))
TIM_VERSIONS = tuple(f"v1.{minor}" for minor in range(1, 12))
"""TI-M pins Matrix v1.11 (A_25641-01)."""

UNSTABLE_FEATURES = {"org.matrix.msc3814": True}
"""Dehydrated devices, which TI-M demands (A_26574)."""


class VersionsResponse(msgspec.Struct, frozen=True):
    """What the server speaks."""

    versions: tuple[str, ...]
    unstable_features: dict[str, bool]


@endpoint("GET", "/_matrix/client/versions", auth=Auth.NONE)
async def get_versions(ctx: Context, tenant: Tenant) -> VersionsResponse:
    """GET /_matrix/client/versions.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions
    """
    own = MATRIX_VERSIONS if tenant.variant is Variant.OFF else TIM_VERSIONS
    return VersionsResponse(tenant.settings.matrix_versions or own, UNSTABLE_FEATURES)
