//! Sequences, as Python passes them.
use std::ops::Deref;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// What a sequence has. Of a list, the usual kind, each item is taken without an iterator.
pub struct Items<T>(Vec<T>);

impl<'py, T: FromPyObjectOwned<'py>> FromPyObject<'_, 'py> for Items<T> {
    type Error = PyErr;

    fn extract(sequence: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Ok(list) = sequence.cast::<PyList>() else { return Ok(Items(sequence.extract()?)) };
        let mut items = Vec::with_capacity(list.len());
        for item in list.iter() {
            items.push(item.extract().map_err(Into::into)?);
        }
        Ok(Items(items))
    }
}

impl<T> Deref for Items<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> From<Items<T>> for Vec<T> {
    fn from(items: Items<T>) -> Self {
        items.0
    }
}

impl<T> IntoIterator for Items<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
