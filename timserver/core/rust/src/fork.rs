//! The resolution of a fork, step by step; the text is `timserver/core/definition/fork.py`.
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::auth::{self, Rules};
use crate::auth_event::{AuthEvent, Key};
use crate::auth_vector::{self, Range};
use crate::json::Reason;
use crate::layered_state::{self, Difference, Layer};
use crate::numbers::{NumberHasher, NumberMap, NumberSet, PlaceSet};
use crate::stored::tops_after;
use crate::stored_event::{Order, Placed, Stored};
use crate::{refused, resolve_nodes};

/// What is known after the steps that were taken.
#[pyclass(module = "timserver.core.engine")]
pub struct Fork {
    rules: Rules,
    differing: Difference,
    difference: Vec<Range>,
    lowest: NumberMap<u64>,
    full: Vec<Py<Stored>>, // those that differ come first
    unconflicted: Vec<Py<Stored>>,
    removed: Vec<u64>, // from the first state
    added: Vec<u64>,
}

#[pymethods]
impl Fork {
    #[new]
    fn new(rules: u16, states: Vec<Vec<Layer<'_>>>) -> PyResult<Self> {
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
        let mut seen = NumberSet::default();
        let events = self.differing.events.iter().copied();
        events.filter(|number| *number != 0 && seen.insert(*number)).collect()
    }

    fn ranges(
        &mut self,
        reached: Vec<Option<Vec<Layer<'_>>>>,
        differing: Vec<Py<Stored>>,
    ) -> PyResult<Option<Vec<Range>>> {
        self.full = differing;
        if self.rules.has(Rules::V1) {
            return Ok(Some(Vec::new()));
        }
        let events = self.full.iter().map(Py::get);
        let placed: Option<Vec<auth_vector::Placed<'_>>> =
            events.map(|event| Some((event.place.0, event.place.1, event.vector.as_deref()?))).collect();
        let reached: Option<Vec<Vec<Layer<'_>>>> = reached.into_iter().collect();
        let (Some(placed), Some(reached)) = (placed, reached) else { return Ok(None) };
        self.difference = auth_vector::difference(&layered_state::differing(&reached)?);
        let mut ranges = self.difference.clone();
        if self.rules.has(Rules::FROM_NOTHING) {
            self.lowest = auth_vector::lowest_places(&placed);
            ranges.extend(auth_vector::between(&placed, &self.lowest)?);
        }
        let known: PlaceSet = placed.iter().map(|(chain, position, _)| (*chain, *position)).collect();
        Ok(Some(ranges.into_iter().filter_map(|range| auth_vector::unknown_in(range, &known)).collect()))
    }

    fn full_set(&self, found: Vec<Bound<'_, PyAny>>) -> PyResult<Vec<u64>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut more = Vec::new();
        let mut seen: NumberSet = self.differing.events.iter().copied().collect();
        let differences: NumberMap<(u64, u64)> =
            self.difference.iter().map(|(chain, after, upto)| (*chain, (*after, *upto))).collect();
        for event in found.iter().map(Placed) {
            let number = event.number()?;
            if seen.contains(&number) {
                continue;
            }
            let (chain, position) = event.place()?;
            let is_of_one =
                differences.get(&chain).is_some_and(|(after, upto)| (after + 1..=*upto).contains(&position));
            let is_full = is_of_one
                || match event.vector()? {
                    Some(vector) => auth_vector::reaches_any(&vector, &self.lowest)?,
                    None => false, // those between conflicted events have one, as these have
                };
            if is_full {
                seen.insert(number);
                more.push(number);
            }
        }
        Ok(more)
    }

    fn asked_keys(&mut self, more: Vec<Py<Stored>>) -> HashSet<(String, String)> {
        self.full.extend(more);
        let mut asked = HashSet::from([("m.room.create", "")]);
        if !self.rules.has(Rules::FROM_NOTHING) {
            let differing: NumberSet = self.differing.keys.iter().copied().collect();
            let mut common = Vec::new();
            let mut own = Vec::new();
            for event in self.full.iter().map(Py::get) {
                let (differs, event) = (differing.contains(&event.key), &event.event);
                own.extend(differs.then_some(event));
                auth::each_asked_key(self.rules, event, &mut |key| {
                    let is_own = differs && event.is_of_sender && key.0 == "m.room.member";
                    if key.1.is_empty() {
                        if !common.contains(&key) {
                            common.push(key);
                        }
                    } else if !is_own || key.1 != event.sender {
                        asked.insert(key);
                    }
                });
            }
            asked.extend(common);
            remove_keys(&mut asked, &own);
        }
        asked.into_iter().map(|(kind, state_key)| (kind.to_owned(), state_key.to_owned())).collect()
    }

    fn cited(&mut self, unconflicted: Vec<Py<Stored>>) -> Vec<u64> {
        self.unconflicted = unconflicted;
        let given = self.full.iter().chain(&self.unconflicted).map(|event| event.get().number);
        let mut seen: NumberSet = given.collect();
        let cited = self.full.iter().flat_map(|event| event.get().auth.iter().copied());
        cited.filter(|number| seen.insert(*number)).collect()
    }

    fn resolve<'py>(
        &mut self,
        py: Python<'py>,
        cited: Vec<Py<Stored>>,
        older_levels: NumberMap<u64>,
    ) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
        let (rules, full, unconflicted) = (self.rules, &self.full, &self.unconflicted);
        let resolve = || resolve_stored(rules, full, unconflicted, &cited, &older_levels);
        let mut resolved = py.detach(resolve).map_err(refused)?;
        let (layer, newcomers) = (PyDict::new(py), PyDict::new(py));
        (self.removed, self.added) = (Vec::new(), Vec::new());
        for (key, events) in self.differing.rows() {
            let winner = resolved.remove(&key).unwrap_or_default();
            let first = events.first().copied().unwrap_or_default();
            if winner != first {
                layer.set_item(key, winner)?;
                self.removed.extend((first != 0).then_some(first));
                self.added.extend((winner != 0).then_some(winner));
            }
        }
        for event in &self.unconflicted {
            resolved.remove(&event.get().key);
        }
        for (key, number) in resolved {
            newcomers.set_item(key, number)?;
        }
        Ok((layer, newcomers))
    }

    fn reach_after(
        &self,
        before: Vec<Layer<'_>>,
        newcomers: HashSet<u64>,
    ) -> PyResult<Option<NumberMap<u64>>> {
        let vectors: NumberMap<&[u8]> = self
            .full
            .iter()
            .filter_map(|event| Some((event.get().number, event.get().vector.as_deref()?)))
            .collect();
        let of = |numbers: &mut dyn Iterator<Item = &u64>| -> Option<Vec<&[u8]>> {
            numbers.map(|number| vectors.get(number).copied()).collect()
        };
        match (of(&mut self.removed.iter()), of(&mut self.added.iter().chain(&newcomers))) {
            (Some(removed), Some(added)) => tops_after(&before, &removed, &added),
            _ => Ok(None),
        }
    }
}

/// Takes the keys of events away.
fn remove_keys<'k>(keys: &mut HashSet<(&'k str, &'k str)>, events: &[&'k AuthEvent<'_>]) {
    let hashed: HashSet<Key<'_>, BuildHasherDefault<NumberHasher>> =
        events.iter().filter_map(|event| event.hashed_key()).collect();
    keys.retain(|(kind, state_key)| !hashed.contains(&Key::new(kind, state_key)));
}

/// The events of the resolved state, by key.
fn resolve_stored(
    rules: Rules,
    full: &[Py<Stored>],
    unconflicted: &[Py<Stored>],
    cited: &[Py<Stored>],
    older_levels: &NumberMap<u64>,
) -> Result<NumberMap<u64>, Reason> {
    let (conflicted, agreed) = contradicted(rules, full);
    let base: Vec<&Stored> = unconflicted.iter().map(Py::get).chain(agreed).collect();
    let cited: Vec<&Stored> = cited.iter().map(Py::get).collect();
    let is_create = |event: &&Stored| event.event.is_state("m.room.create");
    let create = base.iter().copied().find(is_create).ok_or(Reason::NotJson)?;
    let older = AuthEvent::older_levels();
    let order = Order::of(&conflicted, &base, &cited, older_levels);
    let nodes = order.nodes(create.number, &older)?;
    let base: Vec<usize> = (conflicted.len()..conflicted.len() + base.len()).collect();
    let winners = resolve_nodes(rules, &nodes, &create.event, &base, (0..conflicted.len()).collect());
    let stored = winners.into_iter().filter_map(|place| order.stored_at(place));
    Ok(stored.map(|event| (event.key, event.number)).collect())
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
