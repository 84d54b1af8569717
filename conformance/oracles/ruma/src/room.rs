//! State resolution and authorization of one room.
use std::collections::HashMap;

use ruma_common::room_version_rules::RoomVersionRules;
use ruma_common::{EventId, OwnedEventId};
use ruma_events::{StateEventType, TimelineEventType};
use ruma_state_res::utils::event_id_set::EventIdSet;
use ruma_state_res::{Event as _, StateMap};
use serde::Deserialize;

use crate::event::{Event, RawEvent, id_of};

#[derive(Deserialize)]
pub struct AuthQuestion {
    event: String,
    state: Vec<String>,
}

pub struct Room<'r> {
    rules: &'r RoomVersionRules,
    events: HashMap<OwnedEventId, Event>,
}

impl<'r> Room<'r> {
    pub fn read(rules: &'r RoomVersionRules, raw: &[RawEvent<'_>]) -> Result<Self, String> {
        let mut events = HashMap::new();
        for raw in raw {
            let event = Event::read(raw)?;
            events.insert(id_of(&event).to_owned(), event);
        }
        Ok(Room { rules, events })
    }

    fn event(&self, id: &str) -> Result<&Event, String> {
        let id = <&EventId>::try_from(id).map_err(|error| error.to_string())?;
        self.events.get(id).ok_or_else(|| format!("unknown event {id}"))
    }

    fn state_map(&self, ids: &[String]) -> Result<StateMap<OwnedEventId>, String> {
        let mut map = StateMap::new();
        for id in ids {
            let event = self.event(id)?;
            let state_key = event.state_key().ok_or("no state event")?.to_owned();
            let kind = StateEventType::from(event.event_type().to_string());
            map.insert((kind, state_key), event.event_id().clone());
        }
        Ok(map)
    }

    /// The auth chain; with the events themselves, as ruma's own tests pass it, or without, by the spec's letter.
    fn auth_chain(&self, state: &StateMap<OwnedEventId>, with_itself: bool) -> EventIdSet<OwnedEventId> {
        let mut chain = EventIdSet::new();
        let mut pending: Vec<&OwnedEventId> = Vec::new();
        for id in state.values() {
            if with_itself {
                chain.insert(id.clone());
            }
            pending.push(id);
        }
        let mut seen: EventIdSet<OwnedEventId> = pending.iter().map(|id| (*id).clone()).collect();
        while let Some(id) = pending.pop() {
            for cited in self.events.get(id).into_iter().flat_map(|event| event.auth_events()) {
                chain.insert(cited.clone());
                if seen.insert(cited.clone()) {
                    pending.push(cited);
                }
            }
        }
        chain
    }

    pub fn resolve(&self, states: &[Vec<String>], with_itself: bool) -> Result<Vec<String>, String> {
        let res_rules = self.rules.state_res.v2_rules().ok_or("state resolution v1 is not implemented")?;
        let maps = states.iter().map(|ids| self.state_map(ids)).collect::<Result<Vec<_>, _>>()?;
        let chains = maps.iter().map(|map| self.auth_chain(map, with_itself)).collect();
        let resolved = ruma_state_res::resolve(
            &self.rules.authorization,
            res_rules,
            &maps,
            chains,
            |id| self.events.get(id),
            |conflicted| Some(self.subgraph(conflicted)),
        );
        let mut ids: Vec<String> =
            resolved.map_err(|error| error.to_string())?.into_values().map(|id| id.to_string()).collect();
        ids.sort();
        Ok(ids)
    }

    /// The events on auth paths between conflicted ones, both ends included.
    fn subgraph(&self, conflicted: &StateMap<Vec<OwnedEventId>>) -> EventIdSet<OwnedEventId> {
        let ends: EventIdSet<OwnedEventId> = conflicted.values().flatten().cloned().collect();
        let mut reaches: HashMap<OwnedEventId, bool> = HashMap::new();
        let mut found = EventIdSet::new();
        let mut seen: EventIdSet<OwnedEventId> = ends.iter().cloned().collect();
        let mut pending: Vec<OwnedEventId> = ends.iter().cloned().collect();
        while let Some(id) = pending.pop() {
            if self.reaches(&id, &ends, &mut reaches) {
                found.insert(id.clone());
            }
            for cited in self.events.get(&id).into_iter().flat_map(|event| event.auth_events()) {
                if seen.insert(cited.clone()) {
                    pending.push(cited.clone());
                }
            }
        }
        found
    }

    fn reaches(&self, id: &EventId, ends: &EventIdSet<OwnedEventId>, known: &mut HashMap<OwnedEventId, bool>) -> bool {
        if let Some(answer) = known.get(id) {
            return *answer;
        }
        let mut cited = self.events.get(id).into_iter().flat_map(|event| event.auth_events());
        let answer = ends.contains(id) || cited.any(|cited| self.reaches(cited, ends, known));
        known.insert(id.to_owned(), answer);
        answer
    }

    pub fn authorize(&self, asked: &AuthQuestion) -> Result<(), String> {
        let event = self.event(&asked.event)?;
        if *event.event_type() == TimelineEventType::RoomCreate {
            let fetch = |id: &EventId| self.events.get(id);
            return ruma_state_res::check_state_independent_auth_rules(&self.rules.authorization, event, fetch);
        }
        let state = self.state_map(&asked.state)?;
        ruma_state_res::check_state_dependent_auth_rules(&self.rules.authorization, event, |kind, key| {
            self.events.get(state.get(&(kind.clone(), key.to_owned()))?)
        })
    }
}
