"""The redaction algorithm: what of an event survives, by room version.

Signatures and event ids cover the redacted form, so a wrong key here makes events unreachable.

Spec: https://spec.matrix.org/v1.19/rooms/v12/#redactions
"""

from typing import Final

from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import RoomVersion

_TOP_LEVEL_V11: Final = frozenset(
    {
        "event_id",
        "type",
        "room_id",
        "sender",
        "state_key",
        "content",
        "hashes",
        "signatures",
        "depth",
        "prev_events",
        "auth_events",
        "origin_server_ts",
    }
)
_TOP_LEVEL: Final = _TOP_LEVEL_V11 | {"prev_state", "origin", "membership"}
_POWER_LEVELS: Final = frozenset(
    {"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"}
)


def redact(version: RoomVersion, pdu: JsonObject) -> dict[str, JsonValue]:
    """The redacted copy of a PDU; `pdu` stays as it is. Content that is no object becomes empty."""
    kept = _TOP_LEVEL_V11 if version.redaction_v11 else _TOP_LEVEL
    redacted = {name: value for name, value in pdu.items() if name in kept}
    content = redacted.get("content")
    event_type = redacted.get("type")
    redacted["content"] = (
        redact_content(version, event_type, content)
        if isinstance(content, dict) and isinstance(event_type, str)
        else {}
    )
    return redacted


def redact_content(version: RoomVersion, event_type: str, content: JsonObject) -> dict[str, JsonValue]:
    """The part of `content` that redaction leaves."""
    if event_type == "m.room.create" and version.redaction_v11:
        return dict(content)
    kept = _kept_content(version, event_type)
    redacted = {name: value for name, value in content.items() if name in kept}
    if event_type == "m.room.member" and version.redaction_v11:
        invite = content.get("third_party_invite")
        if isinstance(invite, dict):  # stays, even if nothing of it does: ids depend on it
            redacted["third_party_invite"] = {name: invite[name] for name in ("signed",) if name in invite}
    return redacted


def _kept_content(version: RoomVersion, event_type: str) -> frozenset[str]:
    kept: frozenset[str] = frozenset()
    match event_type:
        case "m.room.member":
            kept = frozenset({"membership"})
            if version.redaction_keeps_authorising_user:
                kept |= {"join_authorised_via_users_server"}
        case "m.room.create":
            kept = frozenset({"creator"})
        case "m.room.join_rules":
            kept = frozenset({"join_rule"})
            if version.redaction_keeps_allow:
                kept |= {"allow"}
        case "m.room.power_levels":
            kept = _POWER_LEVELS | {"invite"} if version.redaction_v11 else _POWER_LEVELS
        case "m.room.aliases" if version.redaction_keeps_aliases:
            kept = frozenset({"aliases"})
        case "m.room.history_visibility":
            kept = frozenset({"history_visibility"})
        case "m.room.redaction" if version.redaction_v11:
            kept = frozenset({"redacts"})
    return kept
