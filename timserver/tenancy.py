"""Who is asked and who asks: plain values, passed as parameters, never ambient (DESIGN 2)."""

from enum import StrEnum

import msgspec

from timserver.matrix.ids import DeviceID, ServerName, UserID


class Variant(StrEnum):
    """`tim.variant` (tim/REQUIREMENTS 0.4): which TI-M product type the tenant is."""

    PRO = "pro"
    EPA = "epa"
    OFF = "off"


class SupportContact(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom to ask about a homeserver (`/.well-known/matrix/support`)."""

    role: str
    matrix_id: str | None = None
    email_address: str | None = None


class TenantSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator may set for one tenant; stored as JSON in the tenant's row.

    A setting is added here with a default that keeps what was before.
    """

    default_room_version: str = "10"
    registration: bool = False
    presence: bool = True
    search_all_users: bool = True
    matrix_versions: tuple[str, ...] = ()
    """Advertised Matrix versions; empty: what the variant prescribes (TI-M caps at v1.11)."""
    display_name_by_user: bool | None = None
    """May users set their display name? None: no in TI-M tenants (ML-132303), yes otherwise."""
    allowed_servers: tuple[ServerName, ...] = ()
    """TI-M tenants: further servers to federate with, besides those of the configuration."""
    support_page: str | None = None
    support_contacts: tuple[SupportContact, ...] = ()


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """One homeserver. An idle tenant is only its row; this value may be cached and dropped."""

    tenant_id: int
    server_name: ServerName
    variant: Variant
    tim_version: str
    """`tim.spec`: "1.1" or "1.2"."""
    settings: TenantSettings
    client_url: str | None = None
    """Public base URL of the client API, for well-known documents."""

    @property
    def display_name_by_user(self) -> bool:
        """May users set their display name? In TI-M tenants they may not (ML-132303), unless the settings say so."""
        chosen = self.settings.display_name_by_user
        return self.variant is Variant.OFF if chosen is None else chosen


class Requester(msgspec.Struct, frozen=True, kw_only=True):
    """A local user and device behind an access token, already known to be allowed to act."""

    user_id: UserID
    user_nid: int
    device_id: DeviceID
    device_nid: int
    is_admin: bool = False
    is_suspended: bool = False
