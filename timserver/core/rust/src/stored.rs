//! States, auth vectors and events of the store, as Python passes them.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyTuple};

use crate::auth_event::AuthEvent;
use crate::auth_vector::{self, Chains, Range};
use crate::json::Reason;
use crate::layered_state::{self, Layer};
use crate::state_pack::{self, Malformed};

/// Chain (0: none), position and vector of an event.
type Placed = (u64, u64, PyBackedBytes);

#[pyfunction]
pub fn differing<'py>(
    py: Python<'py>,
    states: Vec<Vec<Layer<'py>>>,
) -> PyResult<BTreeMap<u64, Bound<'py, PyTuple>>> {
    let found = layered_state::differing(&states)?;
    found.into_iter().map(|(key, events)| Ok((key, PyTuple::new(py, events)?))).collect()
}

#[pyfunction]
pub fn merged(layers: Vec<Layer<'_>>) -> PyResult<BTreeMap<u64, u64>> {
    let whole = layered_state::merged(&layers)?;
    Ok(whole.into_iter().filter(|(_, value)| *value != 0).collect())
}

#[pyfunction]
pub fn values(layers: Vec<Layer<'_>>, keys: BTreeSet<u64>) -> PyResult<BTreeMap<u64, u64>> {
    let keys: Vec<u64> = keys.into_iter().collect();
    let found = layered_state::values(&layers, &keys)?;
    Ok(keys.into_iter().zip(found).filter(|(_, value)| *value != 0).collect())
}

#[pyfunction]
pub fn vector<'py>(
    py: Python<'py>,
    cited: Vec<PyBackedBytes>,
    chain: u64,
    position: u64,
    entries_max: usize,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let mut joined = auth_vector::join(bytes_of(&cited))?;
    if chain != 0 {
        joined.insert(chain, position);
    }
    let pairs: Vec<_> = joined.into_iter().collect();
    Ok((pairs.len() <= entries_max).then(|| PyBytes::new(py, &state_pack::pack(&pairs))))
}

#[pyfunction]
pub fn reach(py: Python<'_>, vectors: Vec<PyBackedBytes>) -> PyResult<Chains> {
    Ok(py.detach(|| auth_vector::reach(bytes_of(&vectors)))?)
}

#[pyfunction]
pub fn reach_after(
    before: Vec<Layer<'_>>,
    removed: Vec<PyBackedBytes>,
    added: Vec<PyBackedBytes>,
) -> PyResult<Option<Chains>> {
    let (removed, added): (Vec<_>, Vec<_>) = (bytes_of(&removed).collect(), bytes_of(&added).collect());
    let concerned: Vec<&[u8]> = removed.iter().chain(&added).copied().collect();
    let chains = auth_vector::chains_of(&concerned)?;
    let tops = layered_state::values(&before, &chains)?;
    let before = chains.into_iter().zip(tops).collect();
    Ok(auth_vector::reach_after(&before, &removed, &added)?)
}

#[pyfunction]
pub fn reach_difference(reached: Vec<Vec<Layer<'_>>>) -> PyResult<Vec<Range>> {
    Ok(auth_vector::difference(layered_state::differing(&reached)?.into_iter()))
}

#[pyfunction]
pub fn between(py: Python<'_>, conflicted: Vec<Placed>) -> PyResult<(Vec<Range>, Chains)> {
    let search = || -> Result<_, Malformed> {
        let placed: Vec<auth_vector::Placed<'_>> =
            conflicted.iter().map(|(chain, position, vector)| (*chain, *position, &vector[..])).collect();
        let lowest = auth_vector::lowest_places(&placed);
        Ok((auth_vector::between(&placed, &lowest)?, lowest))
    };
    Ok(py.detach(search)?)
}

#[pyfunction]
pub fn reaching_any(vectors: Vec<PyBackedBytes>, lowest: Chains) -> PyResult<Vec<bool>> {
    let verdicts = bytes_of(&vectors).map(|vector| auth_vector::reaches_any(vector, &lowest));
    Ok(verdicts.collect::<Result<_, _>>()?)
}

fn bytes_of(vectors: &[PyBackedBytes]) -> impl Iterator<Item = &[u8]> {
    vectors.iter().map(|vector| &vector[..])
}

/// Number, event id, PDU, previous events, auth events, whether it was rejected.
pub type Row = (u64, PyBackedStr, PyBackedBytes, Vec<u64>, Vec<u64>, bool);

/// What a resolution was given.
pub struct Rows {
    pub events: Vec<Row>,
    pub older_levels: HashMap<u64, u64>, // power levels -> those that they cite
}

/// The events that take part, by their place in the resolution; the conflicted ones come first.
pub struct Order {
    numbers: Vec<u64>,
    places: HashMap<u64, usize>,
    auth: Vec<Vec<usize>>,
    rows: HashMap<u64, usize>,
    create: u64,
}

impl Order {
    pub fn place_of(&self, number: u64) -> Option<usize> {
        self.places.get(&number).copied()
    }

    pub fn number_at(&self, place: usize) -> Option<u64> {
        self.numbers.get(place).copied()
    }

    fn place(&mut self, number: u64) -> usize {
        let next = self.numbers.len();
        let place = *self.places.entry(number).or_insert(next);
        if place == next {
            self.numbers.push(number);
        }
        place
    }
}

impl Rows {
    /// The conflicted events with all that they cite; of others the mainline alone matters.
    pub fn numbered(&self, conflicted: &[u64], unconflicted: &[u64], create: u64) -> Order {
        let rows = self.events.iter().enumerate().map(|(at, row)| (row.0, at)).collect();
        let (numbers, places, auth) = (Vec::new(), HashMap::new(), Vec::new());
        let mut order = Order { numbers, places, auth, rows, create };
        for number in conflicted.iter().chain(unconflicted) {
            order.place(*number);
        }
        while let Some(number) = order.number_at(order.auth.len()) {
            let is_conflicted = order.auth.len() < conflicted.len();
            let row = order.rows.get(&number).and_then(|at| self.events.get(*at)).filter(|_| is_conflicted);
            let older = self.older_levels.get(&number).map_or(&[][..], std::slice::from_ref);
            let cited = row.map_or(older, |(.., auth, _)| auth.as_slice());
            let places = cited.iter().map(|cited| order.place(*cited)).collect();
            order.auth.push(places);
        }
        order
    }

    pub fn read<'r>(&'r self, order: &'r Order) -> Result<Vec<AuthEvent<'r>>, Reason> {
        let row_of = |number: &u64| order.rows.get(number).and_then(|at| self.events.get(*at));
        let create_id = row_of(&order.create).map(|(_, id, ..)| &**id);
        let mut events = Vec::with_capacity(order.numbers.len());
        for (number, auth) in order.numbers.iter().zip(&order.auth) {
            events.push(match row_of(number) {
                None => AuthEvent::older_levels(auth),
                Some((_, id, pdu, prev, _, rejected)) => {
                    let only_prev = create_id.filter(|_| prev.as_slice() == [order.create]);
                    AuthEvent::read(id, pdu, only_prev, auth, *rejected)?
                }
            });
        }
        Ok(events)
    }
}
