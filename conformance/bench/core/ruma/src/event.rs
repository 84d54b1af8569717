//! An event as `ruma_state_res::Event`, read before anything is timed.
use std::sync::Arc;

use ruma_common::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use ruma_events::TimelineEventType;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub struct RawEvent {
    pub event_id: OwnedEventId,
    pub pdu: Pdu,
}

#[derive(Deserialize)]
pub struct Pdu {
    room_id: Option<OwnedRoomId>,
    sender: OwnedUserId,
    #[serde(rename = "type")]
    kind: TimelineEventType,
    state_key: Option<String>,
    content: Box<RawValue>,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    auth_events: Vec<OwnedEventId>,
    prev_events: Vec<OwnedEventId>,
    redacts: Option<OwnedEventId>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Event(Arc<RawEvent>);

impl From<RawEvent> for Event {
    fn from(raw: RawEvent) -> Self {
        Event(Arc::new(raw))
    }
}

impl ruma_state_res::Event for Event {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.0.event_id
    }

    fn room_id(&self) -> Option<&RoomId> {
        self.0.pdu.room_id.as_deref()
    }

    fn sender(&self) -> &UserId {
        &self.0.pdu.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.0.pdu.origin_server_ts
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.0.pdu.kind
    }

    fn content(&self) -> &RawValue {
        &self.0.pdu.content
    }

    fn state_key(&self) -> Option<&str> {
        self.0.pdu.state_key.as_deref()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.0.pdu.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.0.pdu.auth_events.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        self.0.pdu.redacts.as_ref()
    }

    fn rejected(&self) -> bool {
        false
    }
}
