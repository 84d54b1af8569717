"""What policies are told: one struct per decision point, loaded once by the use case."""

import msgspec

from timserver.matrix.ids import ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.tenancy import Tenant


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
    inviter: UserID
    invitee: UserID


class JoinFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A local user joins a room; `via` are the servers that would help."""

    tenant: Tenant
    user_id: UserID
    via: tuple[ServerName, ...]


class CreateRoomFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A local user creates a room."""

    tenant: Tenant
    creator: UserID
    invitees: tuple[UserID, ...]


class DirectoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody reads or changes the directory of published rooms."""

    tenant: Tenant
    authenticated: bool


class ProfileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A user changes a field of the own profile."""

    tenant: Tenant
    user_id: UserID
    field: str


class FederationCallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """We are about to ask another server something, whatever it is."""

    tenant: Tenant
    destination: ServerName


class MediaFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A local user asks for media of a server."""

    tenant: Tenant
    server_name: ServerName


class RetentionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A room as retention sees it: have all local members left and forgotten it, and since when."""

    tenant: Tenant
    local_members_left: bool
    all_forgotten: bool
