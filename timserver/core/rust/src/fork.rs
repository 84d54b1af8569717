//! The resolution of a fork, step by step; the text is `timserver/core/definition/fork.py`.
use std::collections::HashSet;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyTuple};

use crate::auth::{self, Rules};
use crate::auth_event::AuthEvent;
use crate::auth_vector::{self, Range};
use crate::json::Reason;
use crate::layered_state::{self, Difference, Layer};
use crate::numbers::{NumberMap, NumberSet};
use crate::stored_event::{Order, Stored};
use crate::{refused, resolve_nodes};

/// What is known after the steps that were taken.
#[pyclass(module = "timserver.core.engine")]
pub struct Fork {
    rules: Rules,
    differing: Difference,
    difference: Vec<Range>,
    lowest: NumberMap<u64>,
    full: Vec<Py<Stored>>,
    unconflicted: Vec<Py<Stored>>,
}

/// An event and where it stands, as Python has it.
struct Placed<'a, 'py>(&'a Bound<'py, PyAny>);

impl Placed<'_, '_> {
    fn number(&self) -> PyResult<u64> {
        self.0.getattr(intern!(self.0.py(), "number"))?.extract()
    }

    fn place(&self) -> PyResult<(u64, u64)> {
        let chain = self.0.getattr(intern!(self.0.py(), "chain"))?.extract()?;
        Ok((chain, self.0.getattr(intern!(self.0.py(), "position"))?.extract()?))
    }

    fn vector(&self) -> PyResult<Option<PyBackedBytes>> {
        Ok(self.0.getattr(intern!(self.0.py(), "vector"))?.extract()?)
    }
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
        differing: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Option<Vec<Range>>> {
        let mut placed = Vec::with_capacity(differing.len());
        for event in differing.iter().map(Placed) {
            let (chain, position) = event.place()?;
            placed.push((chain, position, event.vector()?));
        }
        let reached: Option<Vec<Vec<Layer<'_>>>> = reached.into_iter().collect();
        let known: Option<Vec<auth_vector::Placed<'_>>> = placed
            .iter()
            .map(|(chain, position, vector)| Some((*chain, *position, &vector.as_ref()?[..])))
            .collect();
        let mut ranges = Vec::new();
        let mut can_tell = self.rules.has(Rules::V1);
        if !can_tell && let (Some(reached), Some(known)) = (reached, known) {
            can_tell = true;
            self.difference = auth_vector::difference(&layered_state::differing(&reached)?);
            ranges.extend(&self.difference);
            if self.rules.has(Rules::FROM_NOTHING) {
                self.lowest = auth_vector::lowest_places(&known);
                ranges.extend(auth_vector::between(&known, &self.lowest)?);
            }
        }
        Ok(can_tell.then_some(ranges))
    }

    fn full_set(&self, found: Vec<Bound<'_, PyAny>>) -> PyResult<Vec<u64>> {
        let mut full = self.numbers();
        let mut seen: NumberSet = full.iter().copied().collect();
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
                full.push(number);
            }
        }
        Ok(full)
    }

    fn asked_keys(&mut self, full: Vec<Py<Stored>>) -> HashSet<(String, String)> {
        self.full = full;
        let mut asked = HashSet::from([("m.room.create", "")]);
        if !self.rules.has(Rules::FROM_NOTHING) {
            asked.insert(("m.room.power_levels", ""));
            let differing: NumberSet = self.differing.keys.iter().copied().collect();
            let mut common = Vec::new();
            let mut own = Vec::new();
            for event in self.full.iter().map(Py::get) {
                let key = event.event.key().filter(|_| differing.contains(&event.key));
                own.extend(key);
                auth::each_asked_key(self.rules, &event.event, &mut |asked_key| {
                    if asked_key.1.is_empty() {
                        if !common.contains(&asked_key) {
                            common.push(asked_key);
                        }
                    } else if Some(asked_key) != key {
                        asked.insert(asked_key);
                    }
                });
            }
            asked.extend(common);
            for key in own {
                asked.remove(&key);
            }
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
    ) -> PyResult<(Bound<'py, PyDict>, Vec<u64>, Bound<'py, PyDict>)> {
        let (rules, full, unconflicted) = (self.rules, &self.full, &self.unconflicted);
        let resolve = || resolve_stored(rules, full, unconflicted, &cited, &older_levels);
        let mut resolved = py.detach(resolve).map_err(refused)?;
        let (layer, newcomers, mut removed) = (PyDict::new(py), PyDict::new(py), Vec::new());
        for (key, events) in self.differing.rows() {
            let winner = resolved.remove(&key).unwrap_or_default();
            let first = events.first().copied().unwrap_or_default();
            if winner != first {
                layer.set_item(key, winner)?;
                removed.extend((first != 0).then_some(first));
            }
        }
        for event in unconflicted {
            resolved.remove(&event.get().key);
        }
        for (key, number) in resolved {
            newcomers.set_item(key, number)?;
        }
        Ok((layer, removed, newcomers))
    }
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
