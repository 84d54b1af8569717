//! States and auth vectors of the store, as Python passes them.
use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::auth_vector::{self, Chains};
use crate::layered_state::{self, Layer};
use crate::numbers::NumberMap;
use crate::state_pack;

#[pyfunction]
pub fn merged(layers: Vec<Layer<'_>>) -> PyResult<BTreeMap<u64, u64>> {
    let whole = layered_state::merged(&layers)?;
    Ok(whole.into_iter().filter(|(_, value)| *value != 0).collect())
}

#[pyfunction]
pub fn changes(before: Vec<Layer<'_>>, after: Vec<Layer<'_>>) -> PyResult<BTreeMap<u64, u64>> {
    let found = layered_state::differing(&[before, after])?;
    Ok(found.rows().map(|(key, events)| (key, events.last().copied().unwrap_or_default())).collect())
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
) -> PyResult<Option<NumberMap<u64>>> {
    let (removed, added): (Vec<_>, Vec<_>) = (bytes_of(&removed).collect(), bytes_of(&added).collect());
    tops_after(&before, &removed, &added)
}

/// The tops that change when events with these vectors leave a state and come.
pub fn tops_after(
    before: &[Layer<'_>],
    removed: &[&[u8]],
    added: &[&[u8]],
) -> PyResult<Option<NumberMap<u64>>> {
    let chains = auth_vector::chains_of(removed.iter().chain(added).copied())?;
    let tops = layered_state::values(before, &chains)?;
    Ok(auth_vector::reach_after(&chains, &tops, removed, added)?)
}

fn bytes_of(vectors: &[PyBackedBytes]) -> impl Iterator<Item = &[u8]> {
    vectors.iter().map(|vector| &vector[..])
}
