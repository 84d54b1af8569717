//! States and auth vectors of the store, as Python passes them.
use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};

use crate::auth_vector::{self, Chains, Range};
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
