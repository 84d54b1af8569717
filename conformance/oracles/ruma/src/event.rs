//! An event as `ruma_state_res::Event`.
use ruma_common::{EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use ruma_events::TimelineEventType;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub struct RawEvent<'a> {
    pub event_id: OwnedEventId,
    pub rejected: bool,
    pub auth_events: Vec<OwnedEventId>,
    pub prev_events: Vec<OwnedEventId>,
    #[serde(borrow)]
    pub pdu: &'a RawValue,
}

#[derive(Deserialize)]
struct Pdu {
    room_id: Option<OwnedRoomId>,
    sender: OwnedUserId,
    #[serde(rename = "type")]
    kind: TimelineEventType,
    state_key: Option<String>,
    content: Box<RawValue>,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    redacts: Option<OwnedEventId>,
}

pub struct Event {
    id: OwnedEventId,
    pdu: Pdu,
    auth: Vec<OwnedEventId>,
    prev: Vec<OwnedEventId>,
    rejected: bool,
}

impl Event {
    pub fn read(raw: &RawEvent<'_>) -> Result<Self, String> {
        let pdu: Pdu = serde_json::from_str(raw.pdu.get()).map_err(|error| error.to_string())?;
        Ok(Event {
            id: raw.event_id.clone(),
            auth: raw.auth_events.clone(),
            prev: raw.prev_events.clone(),
            rejected: raw.rejected,
            pdu,
        })
    }
}

impl ruma_state_res::Event for Event {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.id
    }

    fn room_id(&self) -> Option<&RoomId> {
        self.pdu.room_id.as_deref()
    }

    fn sender(&self) -> &UserId {
        &self.pdu.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.pdu.origin_server_ts
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.pdu.kind
    }

    fn content(&self) -> &RawValue {
        &self.pdu.content
    }

    fn state_key(&self) -> Option<&str> {
        self.pdu.state_key.as_deref()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.prev.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.auth.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        self.pdu.redacts.as_ref()
    }

    fn rejected(&self) -> bool {
        self.rejected
    }
}

/// The id, for maps.
pub fn id_of(event: &Event) -> &EventId {
    &event.id
}
