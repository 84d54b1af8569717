"""Rule 5.4.1: an invitation that was made for a third-party identifier and is now claimed by a user."""

from collections.abc import Iterator

from timserver.core.definition.facts import Facts
from timserver.core.rejected import Rejected
from timserver.matrix import signing
from timserver.matrix.errors import BadJson
from timserver.matrix.event import Event, get_list, get_object, get_str
from timserver.matrix.json_types import JsonObject


def check_third_party_invite(facts: Facts, target: str) -> Rejected | None:
    """Rule 5.4.1."""
    # 5.4.1.1. The target is banned
    if facts.membership(target) == "ban":
        return Rejected("member.third_party_invite_of_banned", "5.4.1.1")
    # 5.4.1.2. There is something signed
    signed = get_object(get_object(facts.event.content, "third_party_invite") or {}, "signed")
    if signed is None:
        return Rejected("member.third_party_invite_not_signed", "5.4.1.2")
    # 5.4.1.3. It names a user and a token
    mxid, token = get_str(signed, "mxid"), get_str(signed, "token")
    if mxid is None or token is None:
        return Rejected("member.third_party_invite_incomplete", "5.4.1.3")
    # 5.4.1.4. The user is the target
    if mxid != target:
        return Rejected("member.third_party_invite_of_other_user", "5.4.1.4")
    # 5.4.1.5. The room knows the token
    invite = facts.state.get(("m.room.third_party_invite", token))
    if invite is None:
        return Rejected("member.third_party_invite_unknown_token", "5.4.1.5")
    # 5.4.1.6. The sender is who made it
    if facts.event.sender != invite.sender:
        return Rejected("member.third_party_invite_sender", "5.4.1.6")
    # 5.4.1.7. One of its keys has signed
    if any(_has_signed(public_key, signed) for public_key in _public_keys(invite)):
        return None
    # 5.4.1.8. Otherwise, reject
    return Rejected("member.third_party_invite_signature", "5.4.1.8")


def _public_keys(invite: Event) -> Iterator[bytes]:
    listed = [item for item in get_list(invite.content, "public_keys") or [] if isinstance(item, dict)]
    for holder in (invite.content, *listed):
        text = get_str(holder, "public_key")
        if text is not None:
            try:
                yield signing.decode_base64(text)
            except ValueError:
                continue


def _has_signed(public_key: bytes, signed: JsonObject) -> bool:
    signatures = get_object(signed, "signatures") or {}
    try:
        return any(
            signing.verify_object(public_key, signer, key_id, signed)
            for signer, by_signer in signatures.items()
            if isinstance(by_signer, dict)
            for key_id in by_signer
            if key_id.startswith("ed25519:")
        )
    except BadJson:
        return False
