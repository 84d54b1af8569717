"""`/capabilities`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from timserver.api.endpoint import endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.tenancy import Requester, Tenant, Variant

TIM_ROOM_VERSIONS = ("9", "10", "11")
"""A_26248."""


class CapabilitiesResponse(msgspec.Struct, frozen=True):
    """What the server can do, by name."""

    capabilities: Mapping[str, Any]


@endpoint("GET", "/_matrix/client/v3/capabilities", rate=RateKind.READ)
async def get_capabilities(ctx: Context, tenant: Tenant, requester: Requester) -> CapabilitiesResponse:
    """GET /_matrix/client/v3/capabilities.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3capabilities
    """
    versions = tuple(ROOM_VERSIONS) if tenant.variant is Variant.OFF else TIM_ROOM_VERSIONS
    renames = tenant.display_name_by_user
    profile_fields: dict[str, Any] = {"enabled": True}
    if not renames:
        profile_fields["disallowed"] = ["displayname"]
    found: dict[str, Any] = {
        "m.change_password": {"enabled": True},
        "m.room_versions": {
            "default": tenant.settings.default_room_version,
            "available": dict.fromkeys(versions, "stable"),
        },
        "m.set_displayname": {"enabled": renames},
        "m.set_avatar_url": {"enabled": True},
        "m.3pid_changes": {"enabled": False},
        "m.get_login_token": {"enabled": False},
        "m.profile_fields": profile_fields,
        "m.forget_forced_upon_leave": {"enabled": False},
    }
    if requester.is_admin:
        found["m.account_moderation"] = {"suspend": True, "lock": True}
    return CapabilitiesResponse(found)
