//! An event as authorization and state resolution see it.
use std::borrow::Cow;

use crate::json::Reason;
use crate::json::tree::{self, Object, Value};

pub struct AuthEvent<'a> {
    pub id: &'a str,
    pub kind: Cow<'a, str>,
    pub state_key: Option<Cow<'a, str>>,
    pub sender: Cow<'a, str>,
    pub content: Object<'a>,
    pub signatures: Object<'a>,
    pub redacts: Option<Cow<'a, str>>,
    pub origin_server_ts: i64,
    pub depth: i64,
    pub only_prev: Option<&'a str>,
    pub auth: &'a [usize],
    pub rejected: bool,
}

impl<'a> AuthEvent<'a> {
    /// Of a PDU that has passed the format checks.
    pub fn read(
        id: &'a str,
        pdu: &'a [u8],
        only_prev: Option<&'a str>,
        auth: &'a [usize],
        rejected: bool,
    ) -> Result<Self, Reason> {
        let mut pdu = tree::parse_loose_object(pdu)?;
        Ok(AuthEvent {
            id,
            kind: text(pdu.take("type")).ok_or(Reason::NotJson)?,
            state_key: text(pdu.take("state_key")),
            sender: text(pdu.take("sender")).ok_or(Reason::NotJson)?,
            content: object(pdu.take("content")),
            signatures: object(pdu.take("signatures")),
            redacts: text(pdu.take("redacts")),
            origin_server_ts: integer(pdu.get("origin_server_ts")).ok_or(Reason::NotJson)?,
            depth: integer(pdu.get("depth")).unwrap_or_default(),
            only_prev,
            auth,
            rejected,
        })
    }

    pub fn key(&self) -> Option<(&str, &str)> {
        self.state_key.as_deref().map(|state_key| (self.kind.as_ref(), state_key))
    }

    pub fn is_state(&self, kind: &str) -> bool {
        self.kind == kind && self.state_key.as_deref() == Some("")
    }
}

fn text(value: Option<Value<'_>>) -> Option<Cow<'_, str>> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn integer(value: Option<&Value<'_>>) -> Option<i64> {
    match value {
        Some(Value::Integer(number)) => Some(*number),
        Some(Value::Odd(number)) if !number.is_float => number.nearest(),
        _ => None,
    }
}

fn object(value: Option<Value<'_>>) -> Object<'_> {
    match value {
        Some(Value::Object(object)) => object,
        _ => Object::default(),
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
