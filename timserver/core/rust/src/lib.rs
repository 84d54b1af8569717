//! The compiled engine of `timserver.core`; `engine.pyi` is its contract.
use pyo3::prelude::*;

#[pymodule]
mod engine {
    use super::*;

    /// The engine's own version, compared with the package's at start-up.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
