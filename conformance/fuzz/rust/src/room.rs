//! Rooms from bytes; `../../room_bytes.py` tells the form, and reads the same.
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::auth_event::{AuthEvent, Node};
use crate::json::Reason;

/// `core.resolution.rules` of room versions 1 to 12; a test compares.
pub const RULES: [u16; 12] = [
    0b100_0000_0011,
    0b00_0000_0011,
    0b00_0000_0001,
    0b00_0000_0001,
    0b00_0000_0001,
    0b00_0000_0100,
    0b00_0000_1100,
    0b00_0001_1100,
    0b00_0001_1100,
    0b00_0111_1100,
    0b00_1111_1100,
    0b11_1111_1100,
];

static VOCABULARY: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../vocabulary.json")).expect("the vocabulary is JSON")
});

const EVENTS_MAX: u8 = 16;
const MAPS: usize = 4;

pub struct RawEvent {
    pub id: String,
    pub pdu: Vec<u8>,
    pub only_prev: Option<String>,
    pub auth: Vec<usize>,
    pub rejected: bool,
}

impl RawEvent {
    pub fn read(&self) -> Result<AuthEvent<'_>, Reason> {
        AuthEvent::read(&self.id, &self.pdu, self.rejected)
    }

    pub fn node<'r>(&'r self, number: u64, event: &'r AuthEvent<'r>, create: &AuthEvent<'_>) -> Node<'r> {
        let follows_create = self.only_prev.as_deref() == Some(create.id.as_ref());
        Node { number, event, follows_create, auth: &self.auth }
    }
}

pub struct RawRoom {
    pub rules: u16,
    pub events: Vec<RawEvent>,
    pub states: Vec<Vec<usize>>,
}

struct Reader<'d> {
    data: &'d [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.data.split_first() else { return 0 };
        self.data = rest;
        *first
    }

    fn choose(&mut self, name: &str) -> &'static Value {
        let entries = VOCABULARY[name].as_array().expect("a list");
        &entries[usize::from(self.byte()) % entries.len()]
    }

    fn text(&mut self, name: &str) -> String {
        self.choose(name).as_str().expect("a text").to_owned()
    }

    fn pairs(&mut self) -> Value {
        let mut pairs = Map::new();
        for _ in 0..self.byte() % 6 {
            let key = self.text("keys");
            let value = self.value();
            pairs.insert(key, value);
        }
        Value::Object(pairs)
    }

    fn value(&mut self) -> Value {
        let values = VOCABULARY["values"].as_array().expect("a list");
        let index = usize::from(self.byte()) % (values.len() + MAPS);
        if let Some(value) = values.get(index) {
            return value.clone();
        }
        let mut entries = Map::new();
        for _ in 0..self.byte() % 4 {
            let key = self.text("map_keys");
            entries.insert(key, self.choose("values").clone());
        }
        Value::Object(entries)
    }

    fn event(&mut self, number: usize) -> RawEvent {
        let mut pdu = Map::new();
        let kind = self.text("types");
        pdu.insert("sender".into(), self.choose("users").clone());
        let state_key = self.choose("state_keys");
        if kind != "m.room.create" && !state_key.is_null() {
            pdu.insert("state_key".into(), state_key.clone());
        }
        pdu.insert("type".into(), kind.into());
        pdu.insert("depth".into(), number.into());
        let (flags, time) = (self.byte(), self.byte());
        pdu.insert("content".into(), self.pairs());
        pdu.insert("origin_server_ts".into(), i64::from(time.cast_signed()).into());
        if flags & 4 != 0 {
            pdu.insert("signatures".into(), serde_json::json!({"b.example": {"ed25519:1": "s"}}));
        }
        let mut auth = Vec::new();
        for _ in 0..self.byte() % 7 {
            let cited = usize::from(self.byte()) % number;
            if !auth.contains(&cited) {
                auth.push(cited);
            }
        }
        RawEvent {
            id: format!("${number}:a.example"),
            pdu: serde_json::to_vec(&pdu).expect("JSON"),
            only_prev: (flags & 2 != 0).then(|| "$0:a.example".to_owned()),
            auth,
            rejected: flags & 1 != 0,
        }
    }
}

pub fn read(data: &[u8]) -> RawRoom {
    let mut reader = Reader { data };
    let rules = RULES[usize::from(reader.byte()) % RULES.len()];
    let create = serde_json::json!({
        "type": "m.room.create", "state_key": "", "sender": "@a:a.example", "origin_server_ts": 0, "depth": 0,
        "content": reader.pairs(),
    });
    let mut events = vec![RawEvent {
        id: "$0:a.example".to_owned(),
        pdu: serde_json::to_vec(&create).expect("JSON"),
        only_prev: None,
        auth: Vec::new(),
        rejected: false,
    }];
    for number in 1..=usize::from(reader.byte() % (EVENTS_MAX + 1)) {
        events.push(reader.event(number));
    }
    let mut states = Vec::new();
    for _ in 0..2 + reader.byte() % 2 {
        let mask = u16::from(reader.byte()) | u16::from(reader.byte()) << 8;
        let chosen = (1..events.len()).filter(|number| mask >> (number - 1) & 1 == 1);
        states.push(chosen.collect());
    }
    RawRoom { rules, events, states }
}
