"""The decision points: which rules are asked where. A new rule is a module, a line here and a table of cases."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from timserver.policy.facts import (
    CreateRoomFacts,
    DirectoryFacts,
    FederationCallFacts,
    FederationPduFacts,
    FederationRequestFacts,
    InviteFacts,
    JoinFacts,
    MediaFacts,
    ProfileFacts,
    RetentionFacts,
    SendFacts,
    ThirdPartyInviteFacts,
)
from timserver.policy.federation import allowed_servers
from timserver.policy.identity import display_name, public_rooms, third_party_identifiers
from timserver.policy.retention import forgotten_rooms
from timserver.policy.verdict import Denied

ON_SEND: Final[Sequence[Callable[[SendFacts], Denied | None]]] = (third_party_identifiers.on_send,)
ON_INVITE: Final[Sequence[Callable[[InviteFacts], Denied | None]]] = (allowed_servers.on_invite,)
ON_THIRD_PARTY_INVITE: Final[Sequence[Callable[[ThirdPartyInviteFacts], Denied | None]]] = (
    third_party_identifiers.on_third_party_invite,
)
ON_JOIN: Final[Sequence[Callable[[JoinFacts], Denied | None]]] = (allowed_servers.on_join,)
ON_CREATE_ROOM: Final[Sequence[Callable[[CreateRoomFacts], Denied | None]]] = (
    allowed_servers.on_create_room,
)
ON_DIRECTORY: Final[Sequence[Callable[[DirectoryFacts], Denied | None]]] = (public_rooms.on_directory,)
ON_PROFILE: Final[Sequence[Callable[[ProfileFacts], Denied | None]]] = (display_name.on_profile,)
ON_MEDIA: Final[Sequence[Callable[[MediaFacts], Denied | None]]] = (allowed_servers.on_media,)
ON_FEDERATION_REQUEST: Final[Sequence[Callable[[FederationRequestFacts], Denied | None]]] = (
    allowed_servers.on_federation_request,
)
ON_FEDERATION_PDU: Final[Sequence[Callable[[FederationPduFacts], Denied | None]]] = (
    allowed_servers.on_federation_pdu,
)
ON_FEDERATION_CALL: Final[Sequence[Callable[[FederationCallFacts], Denied | None]]] = (
    allowed_servers.on_federation_call,
)
RETENTION: Final[Sequence[Callable[[RetentionFacts], bool]]] = (forgotten_rooms.must_go,)


def check(point: Sequence[Callable[[Any], Denied | None]], facts: Any) -> None:
    """Ask all rules of a point; raises the first refusal as its error."""
    for rule in point:
        denied = rule(facts)
        if denied is not None:
            raise denied.to_error()
