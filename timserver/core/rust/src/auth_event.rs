//! An event as authorization and state resolution see it.
use std::borrow::Cow;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{LazyLock, OnceLock};

use crate::auth;
use crate::json::Reason;
use crate::json::tree::{self, Object, Value};

/// What is read of a PDU: of content, only what authorization looks at.
#[derive(Default)]
pub struct AuthEvent<'a> {
    pub id: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub state_key: Option<Cow<'a, str>>,
    pub sender: Cow<'a, str>,
    pub content: Object<'a>,
    pub membership: Option<&'static str>, // what is none of those the rules know is empty
    pub is_of_sender: bool,               // the sender's own membership
    key_hash: u64,
    sender_hash: u64,                         // of the key of the sender's membership
    pub levels_form: OnceLock<auth::Verdict>, // of power levels, when it was asked for
    signatures: Cow<'a, str>,
    pub redacts: Option<Cow<'a, str>>,
    pub origin_server_ts: i64,
    pub depth: i64,
    pub rejected: bool,
}

/// An event among those that it cites.
pub struct Node<'r> {
    pub number: u64,
    pub event: &'r AuthEvent<'r>,
    pub follows_create: bool, // and nothing else
    pub auth: &'r [usize],
}

/// Hashes of keys, with a seed that nobody can know.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A type and a state key, with their hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'k> {
    hash: u64,
    kind: &'k str,
    state_key: &'k str,
}

impl<'k> Key<'k> {
    pub fn new(kind: &'k str, state_key: &'k str) -> Self {
        Key { hash: SEED.hash_one((kind, state_key)), kind, state_key }
    }

    pub fn texts(&self) -> (&'k str, &'k str) {
        (self.kind, self.state_key)
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

/// The types of most state events, of which no event has a copy.
const KINDS: [&str; 8] = [
    "m.room.member",
    "m.room.power_levels",
    "m.room.join_rules",
    "m.room.create",
    "m.room.third_party_invite",
    "m.room.redaction",
    "m.room.aliases",
    "m.room.history_visibility",
];

const MEMBERSHIPS: [&str; 5] = ["join", "invite", "leave", "ban", "knock"];

/// The user of another server whose signature lets somebody join.
pub const AUTHORISING_USER: &str = "join_authorised_via_users_server";

impl<'a> AuthEvent<'a> {
    /// Of a PDU that has passed the format checks.
    pub fn read(id: &'a str, pdu: &'a [u8], rejected: bool) -> Result<Self, Reason> {
        let mut event = AuthEvent { id: Cow::Borrowed(id), rejected, ..AuthEvent::default() };
        let (mut kind, mut sender, mut time, mut content) = (None, None, None, "");
        tree::read_members(pdu, |name, member| {
            match name.as_ref() {
                "type" => kind = text(member.value()?),
                "sender" => sender = text(member.value()?),
                "state_key" => event.state_key = text(member.value()?),
                "content" => content = member.skip()?,
                "redacts" => event.redacts = text(member.value()?),
                "origin_server_ts" => time = integer(&member.value()?),
                "depth" => event.depth = integer(&member.value()?).unwrap_or_default(),
                "signatures" => event.signatures = Cow::Borrowed(member.skip()?),
                _ => {
                    member.skip()?;
                }
            }
            Ok(())
        })?;
        event.kind = kind.ok_or(Reason::NotJson)?;
        event.sender = sender.ok_or(Reason::NotJson)?;
        event.origin_server_ts = time.ok_or(Reason::NotJson)?;
        event.content = tree::read_named(content, content_of(&event.kind))?;
        match event.content.get(AUTHORISING_USER) {
            None => event.signatures = Cow::Borrowed(""),
            Some(_) if event.signatures.is_empty() => event.signatures = Cow::Borrowed("{}"),
            Some(_) => {}
        }
        if let Some(membership) = event.content.get("membership") {
            let known = |known: &&str| membership.text() == Some(known);
            event.membership = Some(MEMBERSHIPS.into_iter().find(known).unwrap_or_default());
            event.is_of_sender = event.state_key.as_deref() == Some(&event.sender);
        }
        event.key_hash = event.key().map_or(0, |(kind, state_key)| Key::new(kind, state_key).hash);
        event.sender_hash = match event.is_of_sender {
            true => event.key_hash,
            false => Key::new("m.room.member", &event.sender).hash,
        };
        Ok(event)
    }

    /// The same, borrowing nothing from the PDU.
    pub fn into_owned(self) -> AuthEvent<'static> {
        AuthEvent {
            id: tree::owned(self.id),
            kind: match KINDS.into_iter().find(|known| *known == self.kind) {
                Some(known) => Cow::Borrowed(known),
                None => tree::owned(self.kind),
            },
            state_key: self.state_key.map(tree::owned),
            sender: tree::owned(self.sender),
            content: self.content.into_owned(),
            membership: self.membership,
            is_of_sender: self.is_of_sender,
            key_hash: self.key_hash,
            sender_hash: self.sender_hash,
            levels_form: self.levels_form,
            signatures: tree::owned(self.signatures),
            redacts: self.redacts.map(tree::owned),
            origin_server_ts: self.origin_server_ts,
            depth: self.depth,
            rejected: self.rejected,
        }
    }

    /// The bytes that it takes, about.
    pub fn size(&self) -> usize {
        let optional = [&self.state_key, &self.redacts].into_iter().flatten();
        let texts = [&self.id, &self.kind, &self.sender, &self.signatures].into_iter().chain(optional);
        size_of::<Self>() + texts.map(|text| text.len()).sum::<usize>() + self.content.size()
    }

    /// Whether another user is named who lets somebody join.
    pub fn has_authorising_user(&self) -> bool {
        !self.signatures.is_empty()
    }

    /// Whether the server has signed, rightly or not.
    pub fn is_signed_by(&self, server_name: &str) -> bool {
        let signatures = tree::parse_loose_object(self.signatures.as_bytes()).unwrap_or_default();
        signatures.object(server_name).is_some_and(|by_server| !by_server.is_empty())
    }

    pub fn hashed_key(&self) -> Option<Key<'_>> {
        self.key().map(|(kind, state_key)| Key { hash: self.key_hash, kind, state_key })
    }

    /// The key of the sender's membership.
    pub fn sender_key(&self) -> Key<'_> {
        Key { hash: self.sender_hash, kind: "m.room.member", state_key: &self.sender }
    }

    pub fn key(&self) -> Option<(&str, &str)> {
        self.state_key.as_deref().map(|state_key| (self.kind.as_ref(), state_key))
    }

    pub fn is_state(&self, kind: &str) -> bool {
        self.kind == kind && self.state_key.as_deref() == Some("")
    }
}

/// The members of content that authorization looks at.
fn content_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "m.room.create" => &["additional_creators", "creator", "m.federate"],
        "m.room.join_rules" => &["join_rule"],
        "m.room.member" => &[AUTHORISING_USER, "membership", "third_party_invite"],
        "m.room.power_levels" => &[
            "ban",
            "events",
            "events_default",
            "invite",
            "kick",
            "notifications",
            "redact",
            "state_default",
            "users",
            "users_default",
        ],
        "m.room.third_party_invite" => &["public_key", "public_keys"],
        _ => &[],
    }
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Odd(number) if !number.is_float => number.nearest(),
        _ => None,
    }
}

/// What stands behind the first colon.
pub fn server_name_of(identifier: &str) -> &str {
    identifier.split_once(':').map_or("", |(_, server_name)| server_name)
}

/// See `timserver/matrix/ids.py`.
pub fn is_user_id(text: &str) -> bool {
    let Some((localpart, server_name)) = text.strip_prefix('@').and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    text.len() <= 255 && !localpart.contains('\0') && is_server_name(server_name)
}

fn is_server_name(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        let hexadecimal = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        return (2..=45).contains(&address.len())
            && address.bytes().all(hexadecimal)
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (1..=255).contains(&host.len()) && host.bytes().all(in_host) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
