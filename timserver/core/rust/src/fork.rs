//! The resolution of a fork, step by step; the text is `timserver/core/definition/fork.py`.
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple};

use crate::auth::{self, Rules};
use crate::auth_event::Key;
use crate::auth_vector::{self, Range};
use crate::items::Items;
use crate::json::Reason;
use crate::layered_state::{self, Difference, Layers};
use crate::numbers::{NumberHasher, NumberMap, NumberSet, PlaceSet, map_for};
use crate::resolution::Room;
use crate::stored::{dict_of, tops_after};
use crate::stored_event::{Order, Placed, Stored};
use crate::{refused, resolve_room};

/// So few events are looked through faster one by one.
const SMALL: usize = 16;

/// For a fork of fewer events it is not worth the while to let go of the interpreter lock.
const DETACHED_MIN: usize = 256;

/// What is known after the steps that were taken.
#[pyclass(module = "timserver.core.engine")]
pub struct Fork {
    rules: Rules,
    differing: Difference,
    difference: Vec<Range>, // by chain
    lowest: NumberMap<u64>,
    full: Vec<Py<Stored>>, // those that differ come first
    unconflicted: Vec<Py<Stored>>,
    removed: Vec<u64>, // from the first state
    added: Vec<u64>,
}

#[pymethods]
impl Fork {
    #[new]
    fn new(rules: u16, states: Items<Layers<'_>>) -> PyResult<Self> {
        Ok(Fork {
            rules: Rules(rules),
            differing: layered_state::differing(&states)?,
            difference: Vec::new(),
            lowest: NumberMap::default(),
            full: Vec::new(),
            unconflicted: Vec::new(),
            removed: Vec::new(),
            added: Vec::new(),
        })
    }

    #[getter]
    fn differing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for (key, events) in self.differing.rows() {
            found.set_item(key, PyTuple::new(py, events)?)?;
        }
        Ok(found)
    }

    #[getter]
    fn numbers(&self) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(self.differing.events.len());
        for (_, events) in self.differing.rows() {
            let begin = numbers.len(); // no event has two keys
            for number in events.iter().filter(|number| **number != 0) {
                if !numbers.get(begin..).is_some_and(|row| row.contains(number)) {
                    numbers.push(*number);
                }
            }
        }
        numbers
    }

    fn ranges(
        &mut self,
        reached: Items<Option<Layers<'_>>>,
        differing: Items<Py<Stored>>,
    ) -> PyResult<Option<Vec<Range>>> {
        self.full = differing.into();
        if self.rules.has(Rules::V1) {
            return Ok(Some(Vec::new()));
        }
        let events = self.full.iter().map(Py::get);
        let placed: Option<Vec<auth_vector::Placed<'_>>> =
            events.map(|event| Some((event.place.0, event.place.1, event.vector.as_deref()?))).collect();
        let reached: Option<Vec<Layers<'_>>> = reached.into_iter().collect();
        let (Some(placed), Some(reached)) = (placed, reached) else { return Ok(None) };
        self.difference = auth_vector::difference(&layered_state::differing(&reached)?);
        let mut between = Vec::new();
        if self.rules.has(Rules::FROM_NOTHING) {
            self.lowest = auth_vector::lowest_places(&placed);
            between = auth_vector::between(&placed, &self.lowest)?;
        }
        let known: PlaceSet = placed.iter().map(|(chain, position, _)| (*chain, *position)).collect();
        let ranges = self.difference.iter().copied().chain(between);
        Ok(Some(ranges.filter_map(|range| auth_vector::unknown_in(range, &known)).collect()))
    }

    fn full_set(&self, found: Items<Bound<'_, PyAny>>) -> PyResult<Vec<u64>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut more = Vec::new();
        let numbers = found.iter().map(|event| Placed(event).number()).collect::<PyResult<Vec<_>>>()?;
        let mut unseen: NumberSet = numbers.iter().copied().collect();
        for number in &self.differing.events {
            unseen.remove(number);
        }
        let range_on = |chain: u64| {
            let at = self.difference.binary_search_by_key(&chain, |range| range.0).ok()?;
            self.difference.get(at)
        };
        for (event, number) in found.iter().map(Placed).zip(numbers) {
            if !unseen.contains(&number) {
                continue;
            }
            let (chain, position) = event.place()?;
            let is_of_one =
                range_on(chain).is_some_and(|(_, after, upto)| (after + 1..=*upto).contains(&position));
            let is_full = is_of_one
                || match event.vector()? {
                    Some(vector) => auth_vector::reaches_any(&vector, &self.lowest)?,
                    None => false, // those between conflicted events have one, as these have
                };
            if is_full {
                unseen.remove(&number);
                more.push(number);
            }
        }
        Ok(more)
    }

    fn asked_keys<'py>(&mut self, py: Python<'py>, more: Items<Py<Stored>>) -> PyResult<Bound<'py, PySet>> {
        self.full.extend(more);
        if self.rules.has(Rules::FROM_NOTHING) {
            return PySet::new(py, [(intern!(py, "m.room.create"), intern!(py, ""))]);
        }
        let mut asked = vec![("m.room.create", "")];
        let differing: NumberSet = self.differing.keys.iter().copied().collect();
        let mut named: HashSet<Key<'_>, BuildHasherDefault<NumberHasher>> = HashSet::default();
        for event in self.full.iter().map(Py::get) {
            let (differs, event) = (differing.contains(&event.key), &event.event);
            auth::each_asked_key(self.rules, event, &mut |key| {
                let of_sender = std::ptr::eq(key.1, event.sender.as_ref());
                if key.1.is_empty() {
                    if !asked.contains(&key) {
                        asked.push(key);
                    }
                } else if !of_sender {
                    named.insert(Key::new(key.0, key.1));
                } else if !differs || !event.is_of_sender {
                    named.insert(event.sender_key());
                }
            });
        }
        for event in self.full.iter().map(Py::get).filter(|event| differing.contains(&event.key)) {
            let event = &event.event;
            if event.state_key.as_deref() == Some("") {
                asked.retain(|key| *key != (event.kind.as_ref(), ""));
            } else if let Some(key) = event.hashed_key() {
                named.remove(&key);
            }
        }
        asked.extend(named.iter().map(Key::texts));
        PySet::new(py, asked)
    }

    fn cited(&mut self, unconflicted: Items<Py<Stored>>) -> Vec<u64> {
        self.unconflicted = unconflicted.into();
        let given = self.full.iter().chain(&self.unconflicted).map(|event| event.get().number);
        let mut seen = NumberSet::with_capacity_and_hasher(2 * self.full.len(), Default::default());
        seen.extend(given);
        let cited = self.full.iter().flat_map(|event| event.get().auth.iter().copied());
        cited.filter(|number| seen.insert(*number)).collect()
    }

    fn resolve<'py>(
        &mut self,
        py: Python<'py>,
        cited: Items<Py<Stored>>,
        older_levels: Bound<'py, PyDict>,
    ) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
        let winners = if self.full.len() < DETACHED_MIN {
            let older_levels = |number: u64| older_levels.get_item(number).ok()??.extract().ok();
            resolve_stored(self.rules, &self.full, &self.unconflicted, &cited, &older_levels)
        } else {
            let (rules, full, unconflicted) = (self.rules, &self.full, &self.unconflicted);
            let levels: NumberMap<u64> = older_levels.extract()?;
            let older_levels = |number: u64| levels.get(&number).copied();
            py.detach(|| resolve_stored(rules, full, unconflicted, &cited, &older_levels))
        };
        let winners = winners.map_err(refused)?;
        let mut winners = winners.into_iter().peekable();
        let (layer, mut others) = (PyDict::new(py), Vec::new());
        (self.removed, self.added) = (Vec::new(), Vec::new());
        for (key, events) in self.differing.rows() {
            while let Some(other) = winners.next_if(|(at, _)| *at < key) {
                others.push(other);
            }
            let winner = winners.next_if(|(at, _)| *at == key).map_or(0, |(_, number)| number);
            let first = events.first().copied().unwrap_or_default();
            if winner != first {
                layer.set_item(key, winner)?;
                self.removed.extend((first != 0).then_some(first));
                self.added.extend((winner != 0).then_some(winner));
            }
        }
        others.extend(winners);
        if !others.is_empty() {
            let held: NumberSet = self.unconflicted.iter().map(|event| event.get().key).collect();
            others.retain(|(key, _)| !held.contains(key));
        }
        Ok((layer, dict_of(py, others)?))
    }

    fn reach_after<'py>(
        &self,
        py: Python<'py>,
        before: Layers<'py>,
        newcomers: NumberSet,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let is_small = self.full.len() <= SMALL;
        let mut vectors = map_for(if is_small { 0 } else { self.full.len() });
        if !is_small {
            let events = self.full.iter().map(Py::get);
            vectors.extend(events.map(|event| (event.number, event.vector.as_deref())));
        }
        let vector = |number: &u64| {
            if is_small {
                return self
                    .full
                    .iter()
                    .map(Py::get)
                    .find(|event| event.number == *number)?
                    .vector
                    .as_deref();
            }
            vectors.get(number).copied()?
        };
        let of =
            |numbers: &mut dyn Iterator<Item = &u64>| -> Option<Vec<&[u8]>> { numbers.map(vector).collect() };
        match (of(&mut self.removed.iter()), of(&mut self.added.iter().chain(&newcomers))) {
            (Some(removed), Some(added)) => tops_after(py, &before, &removed, &added),
            _ => Ok(None),
        }
    }
}

/// The events of the resolved state, by key, in ascending order.
fn resolve_stored(
    rules: Rules,
    full: &[Py<Stored>],
    unconflicted: &[Py<Stored>],
    cited: &[Py<Stored>],
    older_levels: &dyn Fn(u64) -> Option<u64>,
) -> Result<Vec<(u64, u64)>, Reason> {
    let (mut stored, agreed) = contradicted(rules, full);
    let conflicted = stored.len();
    stored.reserve(unconflicted.len() + agreed.len() + cited.len());
    stored.extend(unconflicted.iter().map(Py::get).chain(agreed));
    let base: Vec<usize> = (conflicted..stored.len()).collect();
    let is_create = |event: &&Stored| event.event.is_state("m.room.create");
    let create = stored.iter().copied().skip(conflicted).find(is_create).ok_or(Reason::NotJson)?;
    stored.extend(cited.iter().map(Py::get));
    let order = Order::of(stored, conflicted);
    let nodes = order.nodes(create.number);
    let conflicted = (0..conflicted).collect();
    let room = Room { rules, nodes: &nodes, create: &create.event, conflicted, older_levels };
    let winners = resolve_room(&room, &base);
    let stored = winners.into_iter().filter_map(|place| order.stored_at(place));
    let mut resolved: Vec<(u64, u64)> = stored.map(|event| (event.key, event.number)).collect();
    resolved.sort_unstable();
    Ok(resolved)
}

/// In room version 1, what others contradict, and what none does: a key that some states lack is no conflict.
fn contradicted(rules: Rules, full: &[Py<Stored>]) -> (Vec<&Stored>, Vec<&Stored>) {
    let events = full.iter().map(Py::get);
    if !rules.has(Rules::V1) {
        return (events.collect(), Vec::new());
    }
    let mut candidates: NumberMap<usize> = NumberMap::default();
    for event in events.clone() {
        *candidates.entry(event.key).or_default() += 1;
    }
    events.partition(|event| candidates.get(&event.key).is_some_and(|count| *count > 1))
}
