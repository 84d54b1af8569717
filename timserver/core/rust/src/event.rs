//! Hashes, redaction and signing of PDUs. The text of the rules is `timserver/matrix/redaction.py` and `signing.py`.
use sha2::{Digest, Sha256};

use crate::base64::{decode_base64, encode_base64, encode_base64_urlsafe};
use crate::json::Reason;
use crate::json::tree::{self, Object, Value};
use crate::signature;

/// What a room version says about hashes: the flags of `RoomVersion` that matter here.
#[derive(Clone, Copy)]
pub struct Rules {
    pub keeps_aliases: bool,
    pub keeps_allow: bool,
    pub keeps_authorising_user: bool,
    pub v11: bool,
    pub id_format: IdFormat,
}

#[derive(Clone, Copy, PartialEq)]
pub enum IdFormat {
    Given,
    Hash,
    HashUrlSafe,
}

impl Rules {
    /// From the bits that Python passes: 1 aliases, 2 allow, 4 authorising user, 8 version 11, 16 the id is a hash,
    /// 32 the hash is URL-safe.
    pub fn from_bits(bits: u8) -> Self {
        let id_format = match (bits & 16 != 0, bits & 32 != 0) {
            (false, _) => IdFormat::Given,
            (true, false) => IdFormat::Hash,
            (true, true) => IdFormat::HashUrlSafe,
        };
        Rules {
            keeps_aliases: bits & 1 != 0,
            keeps_allow: bits & 2 != 0,
            keeps_authorising_user: bits & 4 != 0,
            v11: bits & 8 != 0,
            id_format,
        }
    }

    fn keeps_top_level(self, name: &str) -> bool {
        match name {
            "event_id" | "type" | "room_id" | "sender" | "state_key" | "content" | "hashes" | "depth"
            | "prev_events" | "auth_events" | "origin_server_ts" => true,
            "prev_state" | "origin" | "membership" => !self.v11,
            _ => false, // "signatures" as well: nothing that is hashed or signed has them
        }
    }

    fn keeps_content(self, event_type: &str, name: &str) -> bool {
        match (event_type, name) {
            ("m.room.create", _) => self.v11 || name == "creator",
            ("m.room.member", "membership") => true,
            ("m.room.member", "join_authorised_via_users_server") => self.keeps_authorising_user,
            ("m.room.join_rules", "join_rule") => true,
            ("m.room.join_rules", "allow") => self.keeps_allow,
            (
                "m.room.power_levels",
                "ban" | "events" | "events_default" | "kick" | "redact" | "state_default" | "users"
                | "users_default",
            ) => true,
            ("m.room.power_levels", "invite") => self.v11,
            ("m.room.aliases", "aliases") => self.keeps_aliases,
            ("m.room.history_visibility", "history_visibility") => true,
            ("m.room.redaction", "redacts") => self.v11,
            _ => false,
        }
    }
}

/// What sealing adds.
pub struct Sealed {
    pub event_id: String,
    pub pdu: Vec<u8>,
    pub content_hash: String,
    pub signature: String,
}

/// Hashes and signs an event of ours.
pub fn seal(
    data: &[u8],
    rules: Rules,
    server_name: &str,
    key_id: &str,
    key: &signature::KeyPair,
) -> Result<Sealed, Reason> {
    let mut pdu = tree::parse_object(data)?;
    for name in ["unsigned", "signatures", "hashes"] {
        pdu.remove(name);
    }
    let content_hash = encode_base64(&sha256(&encode(&pdu)));
    pdu.set("hashes", Value::Object(Object::of("sha256", string(&content_hash))));
    let signed = redacted(&pdu, rules);
    let signature = encode_base64(&key.sign(&signed));
    let by_server = Object::of(key_id, string(&signature));
    let signatures = Object::of(server_name, Value::Object(by_server));
    pdu.set("signatures", Value::Object(signatures));
    let bytes = encode(&pdu);
    let event_id = event_id(&pdu, rules, &signed);
    drop(pdu);
    Ok(Sealed { event_id, pdu: bytes, content_hash, signature })
}

/// What another server's event says when it is read strictly.
pub struct Opened {
    pub event_id: String, // empty when the event should have brought one and has not
    pub pdu: Vec<u8>,
    pub hash_matches: bool,
    pub signed: Vec<u8>,
}

/// Reads an event of another server.
pub fn open(data: &[u8], rules: Rules) -> Result<Opened, Reason> {
    let mut pdu = tree::parse_object(data)?;
    pdu.remove("unsigned");
    let signed = redacted(&pdu, rules);
    let hashed = encode_but(&pdu, &["signatures", "hashes"]);
    let claimed = pdu.object("hashes").and_then(|hashes| hashes.text("sha256"));
    let hash_matches = claimed.and_then(decode_base64).is_some_and(|hash| hash == sha256(&hashed));
    Ok(Opened { event_id: event_id(&pdu, rules, &signed), pdu: encode(&pdu), hash_matches, signed })
}

fn event_id(pdu: &Object<'_>, rules: Rules, signed: &[u8]) -> String {
    match rules.id_format {
        IdFormat::Given => pdu.text("event_id").unwrap_or_default().to_owned(),
        IdFormat::Hash => format!("${}", encode_base64(&sha256(signed))),
        IdFormat::HashUrlSafe => format!("${}", encode_base64_urlsafe(&sha256(signed))),
    }
}

/// The redacted event without signatures, which signatures and the event id cover.
fn redacted(pdu: &Object<'_>, rules: Rules) -> Vec<u8> {
    let event_type = pdu.text("type");
    let mut out = Vec::with_capacity(1024);
    let has_content = pdu.get("content").is_some();
    let empty = Value::Object(Object::default());
    let members = pdu.members().filter(|(name, _)| rules.keeps_top_level(name));
    let write = |name: &str, value: &Value<'_>, out: &mut Vec<u8>| match (name, value, event_type) {
        ("content", Value::Object(content), Some(event_type)) => {
            redacted_content(content, event_type, rules, out);
        }
        ("content", _, _) => out.extend_from_slice(b"{}"),
        _ => tree::write(value, out),
    };
    if has_content {
        tree::write_members(members, &mut out, write);
    } else {
        let mut all: Vec<_> = members.chain([("content", &empty)]).collect();
        all.sort_unstable_by_key(|member| member.0);
        tree::write_members(all.into_iter(), &mut out, write);
    }
    out
}

fn redacted_content(content: &Object<'_>, event_type: &str, rules: Rules, out: &mut Vec<u8>) {
    let signed_invite = |name: &str, value: &Value<'_>| {
        rules.v11
            && event_type == "m.room.member"
            && name == "third_party_invite"
            && matches!(value, Value::Object(_))
    };
    let members = content
        .members()
        .filter(|(name, value)| rules.keeps_content(event_type, name) || signed_invite(name, value));
    tree::write_members(members, out, |name, value, out| match value {
        Value::Object(invite) if signed_invite(name, value) => {
            let signed = invite.members().filter(|(name, _)| *name == "signed");
            tree::write_members(signed, out, |_, value, out| tree::write(value, out));
        }
        _ => tree::write(value, out),
    });
}

fn string(text: &str) -> Value<'_> {
    Value::String(text.into())
}

fn encode(object: &Object<'_>) -> Vec<u8> {
    encode_but(object, &[])
}

fn encode_but(object: &Object<'_>, dropped: &[&str]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let members = object.members().filter(|(name, _)| !dropped.contains(name));
    tree::write_members(members, &mut out, |_, value, out| tree::write(value, out));
    out
}

fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}
