//! Rule 5.4.1: invitations by third-party identifier.
use super::{Facts, Verdict};
use crate::base64::decode_base64;
use crate::json::tree::{self, Object, Value};
use crate::signature;

pub fn check(facts: &Facts<'_, '_>, target: &str) -> Verdict {
    if facts.membership(target) == Some("ban") {
        return Err("member.third_party_invite_of_banned"); // 5.4.1.1
    }
    let invite = facts.event.content.object("third_party_invite");
    let Some(signed) = invite.and_then(|invite| invite.object("signed")) else {
        return Err("member.third_party_invite_not_signed"); // 5.4.1.2
    };
    let (Some(mxid), Some(token)) = (signed.text("mxid"), signed.text("token")) else {
        return Err("member.third_party_invite_incomplete"); // 5.4.1.3
    };
    if mxid != target {
        return Err("member.third_party_invite_of_other_user"); // 5.4.1.4
    }
    let Some(known) = (facts.state)("m.room.third_party_invite", token) else {
        return Err("member.third_party_invite_unknown_token"); // 5.4.1.5
    };
    if facts.event.sender != known.sender {
        return Err("member.third_party_invite_sender"); // 5.4.1.6
    }
    let mut message = Vec::new();
    let covered = || signed.members().filter(|(name, _)| !matches!(*name, "signatures" | "unsigned"));
    if !covered().all(|(_, value)| value.is_strict()) {
        return Err("member.third_party_invite_signature"); // what has no canonical form cannot be signed
    }
    tree::write_members(covered(), &mut message, |_, value, out| tree::write(value, out));
    let has_signed = |public_key: &Vec<u8>| {
        signatures(signed).any(|signature| signature::verify(public_key, &message, &signature))
    };
    if public_keys(&known.content).iter().any(has_signed) {
        return Ok(()); // 5.4.1.7
    }
    Err("member.third_party_invite_signature") // 5.4.1.8
}

fn public_keys(content: &Object<'_>) -> Vec<Vec<u8>> {
    let listed = match content.get("public_keys") {
        Some(Value::Array(listed)) => listed.as_slice(),
        _ => &[],
    };
    let objects = listed.iter().filter_map(Value::object);
    let texts = std::iter::once(content).chain(objects).filter_map(|holder| holder.text("public_key"));
    texts.filter_map(decode_base64).collect()
}

fn signatures(signed: &Object<'_>) -> impl Iterator<Item = Vec<u8>> {
    let signers = signed.object("signatures").into_iter().flat_map(|signatures| signatures.members());
    let by_key = signers.filter_map(|(_, value)| value.object()).flat_map(Object::members);
    by_key
        .filter(|(key_id, _)| key_id.starts_with("ed25519:"))
        .filter_map(|(_, value)| value.text().and_then(decode_base64))
}
