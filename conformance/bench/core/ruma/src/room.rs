//! A room in memory: all of its events by id.
use std::collections::HashMap;

use ruma_common::OwnedEventId;
use ruma_common::room_version_rules::RoomVersionRules;
use ruma_events::StateEventType;
use ruma_state_res::utils::event_id_set::EventIdSet;
use ruma_state_res::{Event as _, StateMap};

use crate::event::{Event, RawEvent};

pub struct Room<'r> {
    rules: &'r RoomVersionRules,
    events: HashMap<OwnedEventId, Event>,
}

impl<'r> Room<'r> {
    pub fn read(rules: &'r RoomVersionRules, raw: Vec<RawEvent>) -> Self {
        let events = raw.into_iter().map(|raw| (raw.event_id.clone(), Event::from(raw))).collect();
        Room { rules, events }
    }

    pub fn state_map(&self, ids: &[String]) -> Result<StateMap<OwnedEventId>, String> {
        let mut map = StateMap::new();
        for id in ids {
            let id: OwnedEventId = id.as_str().try_into().map_err(|_| "event id")?;
            let event = self.events.get(&id).ok_or("unknown event")?;
            let state_key = event.state_key().ok_or("no state event")?.to_owned();
            map.insert((StateEventType::from(event.event_type().to_string()), state_key), id);
        }
        Ok(map)
    }

    /// The events of the state and their auth chains.
    pub fn auth_chain(&self, state: &StateMap<OwnedEventId>) -> EventIdSet<OwnedEventId> {
        let mut chain: EventIdSet<OwnedEventId> = state.values().cloned().collect();
        let mut pending: Vec<&OwnedEventId> = state.values().collect();
        while let Some(id) = pending.pop() {
            for cited in self.events.get(id).into_iter().flat_map(|event| event.auth_events()) {
                if !chain.contains(cited) {
                    chain.insert(cited.clone());
                    pending.push(cited);
                }
            }
        }
        chain
    }

    pub fn resolve(
        &self,
        states: &[StateMap<OwnedEventId>],
        chains: Vec<EventIdSet<OwnedEventId>>,
    ) -> Result<StateMap<OwnedEventId>, String> {
        let rules = self.rules.state_res.v2_rules().ok_or("state resolution v1 is not implemented")?;
        ruma_state_res::resolve(
            &self.rules.authorization,
            rules,
            states,
            chains,
            |id| self.events.get(id).cloned(),
            |conflicted| Some(self.subgraph(conflicted)),
        )
        .map_err(|error| error.to_string())
    }

    /// The events on auth paths between conflicted ones, both ends included.
    fn subgraph(&self, conflicted: &StateMap<Vec<OwnedEventId>>) -> EventIdSet<OwnedEventId> {
        let mut found: EventIdSet<OwnedEventId> = conflicted.values().flatten().cloned().collect();
        let mut citing: HashMap<&OwnedEventId, Vec<&OwnedEventId>> = HashMap::new();
        let mut seen: EventIdSet<OwnedEventId> = found.iter().cloned().collect();
        let mut pending: Vec<&OwnedEventId> = conflicted.values().flatten().collect();
        while let Some(id) = pending.pop() {
            for cited in self.events.get(id).into_iter().flat_map(|event| event.auth_events()) {
                citing.entry(cited).or_default().push(id);
                if seen.insert(cited.clone()) {
                    pending.push(cited);
                }
            }
        }
        let mut pending: Vec<&OwnedEventId> = conflicted.values().flatten().collect();
        while let Some(id) = pending.pop() {
            for by in citing.get(id).into_iter().flatten() {
                if found.insert((*by).clone()) {
                    pending.push(by);
                }
            }
        }
        found
    }
}
