"""What policies are told: one struct per decision point, loaded once by the use case."""

import msgspec

from timserver.matrix.ids import ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.tenancy import Tenant


class FederationList(msgspec.Struct, frozen=True):
    """Who is in the federation of the TI, as far as policies ask. For now the plain list of the configuration."""

    servers: frozenset[ServerName]


class SendFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A local user sends an event."""

    tenant: Tenant
    sender: UserID
    type: str
    content: JsonObject
    state_key: str | None = None


class InviteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody invites somebody."""

    tenant: Tenant
    federation: FederationList
    inviter: UserID
    invitee: UserID


class ThirdPartyInviteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An address that was invited is said to be a user's."""

    tenant: Tenant


class JoinFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A local user joins a room; `via` are the servers that would help."""

    tenant: Tenant
    federation: FederationList
    user_id: UserID
    via: tuple[ServerName, ...]


class CreateRoomFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A local user creates a room."""

    tenant: Tenant
    federation: FederationList
    creator: UserID
    invitees: tuple[UserID, ...]


class DirectoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody reads or changes the directory of published rooms; `by_server`: another homeserver reads it."""

    tenant: Tenant
    authenticated: bool
    by_server: bool = False


class ProfileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A user changes a field of the own profile."""

    tenant: Tenant
    user_id: UserID
    field: str


class MediaFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A local user asks for media of a server."""

    tenant: Tenant
    federation: FederationList
    server_name: ServerName


class FederationRequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Another server asks something; `origin` is None when it does not say who it is."""

    tenant: Tenant
    federation: FederationList
    origin: ServerName | None


class FederationPduFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Another server sends an event, of a user of its own or of a third server; `origin` is None when we asked for it."""

    tenant: Tenant
    federation: FederationList
    origin: ServerName | None
    sender_server: ServerName


class FederationCallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """We are about to ask another server something, whatever it is."""

    tenant: Tenant
    federation: FederationList
    destination: ServerName


class RetentionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A room as retention sees it: have all local members left and forgotten it, and since when."""

    tenant: Tenant
    local_members_left: bool
    all_forgotten: bool
