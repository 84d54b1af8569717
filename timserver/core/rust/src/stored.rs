//! States and auth vectors of the store, as Python passes them.
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};

use crate::auth_vector::{self, Chains};
use crate::items::Items;
use crate::layered_state::{self, Layer, Layers};
use crate::state_pack;

#[pyfunction]
pub fn merged<'py>(py: Python<'py>, layers: Layers<'py>) -> PyResult<Bound<'py, PyDict>> {
    let whole = layered_state::merged(&layers)?;
    dict_of(py, whole.into_iter().filter(|(_, value)| *value != 0))
}

#[pyfunction]
pub fn changes<'py>(
    py: Python<'py>,
    before: Layers<'py>,
    after: Layers<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let found = layered_state::differing(&[before, after])?;
    dict_of(py, found.rows().map(|(key, events)| (key, events.last().copied().unwrap_or_default())))
}

#[pyfunction]
pub fn values<'py>(py: Python<'py>, layers: Layers<'py>, keys: Items<u64>) -> PyResult<Bound<'py, PyDict>> {
    let mut keys = Vec::from(keys);
    keys.sort_unstable();
    let found = layered_state::values(&layers, &keys)?;
    dict_of(py, keys.into_iter().zip(found).filter(|(_, value)| *value != 0))
}

/// A dict of numbers.
pub fn dict_of(py: Python<'_>, pairs: impl IntoIterator<Item = (u64, u64)>) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in pairs {
        dict.set_item(key, value)?;
    }
    Ok(dict)
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
pub fn reach_after<'py>(
    py: Python<'py>,
    before: Layers<'py>,
    removed: Vec<PyBackedBytes>,
    added: Vec<PyBackedBytes>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let (removed, added): (Vec<_>, Vec<_>) = (bytes_of(&removed).collect(), bytes_of(&added).collect());
    tops_after(py, &before, &removed, &added)
}

/// The tops that change when events with these vectors leave a state and come.
pub fn tops_after<'py>(
    py: Python<'py>,
    before: &[Layer<'py>],
    removed: &[&[u8]],
    added: &[&[u8]],
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let changed = auth_vector::reach_after(|chains| layered_state::values(before, chains), removed, added)?;
    changed.map(|changed| dict_of(py, changed)).transpose()
}

fn bytes_of(vectors: &[PyBackedBytes]) -> impl Iterator<Item = &[u8]> {
    vectors.iter().map(|vector| &vector[..])
}
