//! `json::splitter` for Python.
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::json::splitter;
use crate::refused;

/// A piece's name and bytes.
type Piece<'py> = (Py<PyString>, Bound<'py, PyBytes>);

#[pyclass(module = "timserver.core.engine")]
pub struct Splitter {
    names: Vec<Py<PyString>>,
    inner: splitter::Splitter,
}

#[pymethods]
impl Splitter {
    #[new]
    fn new(py: Python<'_>, lists: Vec<String>, values: Vec<String>, piece_bytes_max: usize) -> Self {
        let names = lists.iter().chain(&values).map(|name| PyString::new(py, name).unbind()).collect();
        Splitter { names, inner: splitter::Splitter::new(lists, values, piece_bytes_max) }
    }

    fn feed<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Vec<Piece<'py>>> {
        let pieces = self.inner.feed(data).map_err(refused)?;
        let named = |(name, bytes): &splitter::Piece| {
            Some((self.names.get(*name)?.clone_ref(py), PyBytes::new(py, bytes)))
        };
        Ok(pieces.iter().filter_map(named).collect())
    }

    fn end(&self) -> PyResult<Vec<Piece<'_>>> {
        self.inner.end().map_err(refused)?;
        Ok(Vec::new())
    }
}
