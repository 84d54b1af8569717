//! Events of the store: read once, and resolved by their numbers.
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::auth_event::{AuthEvent, Node};
use crate::numbers::map_for;
use crate::refused;

/// A stored event, of which nothing is left to read.
#[pyclass(frozen, module = "timserver.core.engine")]
pub struct Stored {
    #[pyo3(get)]
    pub number: u64,
    #[pyo3(get)]
    pub key: u64,
    pub place: (u64, u64), // chain (0: none) and position
    pub vector: Option<PyBackedBytes>,
    pub event: AuthEvent<'static>,
    only_prev: Option<u64>,
    pub auth: Box<[u64]>,
}

#[pymethods]
impl Stored {
    #[getter]
    fn event_id(&self) -> &str {
        &self.event.id
    }

    #[getter]
    fn event_type(&self) -> &str {
        &self.event.kind
    }

    #[getter]
    fn auth(&self) -> Vec<u64> {
        self.auth.to_vec()
    }

    #[getter]
    fn size_bytes(&self) -> usize {
        let vector = self.vector.as_ref().map_or(0, |vector| size_of_val(&vector[..]));
        size_of::<Self>() + self.event.size() + size_of_val(&*self.auth) + vector
    }
}

/// Where an event stands, as Python has it.
pub struct Placed<'a, 'py>(pub &'a Bound<'py, PyAny>);

impl Placed<'_, '_> {
    pub fn number(&self) -> PyResult<u64> {
        self.0.getattr(intern!(self.0.py(), "number"))?.extract()
    }

    pub fn place(&self) -> PyResult<(u64, u64)> {
        let chain = self.0.getattr(intern!(self.0.py(), "chain"))?.extract()?;
        Ok((chain, self.0.getattr(intern!(self.0.py(), "position"))?.extract()?))
    }

    pub fn vector(&self) -> PyResult<Option<PyBackedBytes>> {
        Ok(self.0.getattr(intern!(self.0.py(), "vector"))?.extract()?)
    }
}

/// Reads a PDU that has passed the format checks.
#[pyfunction]
pub fn read_stored(
    placed: &Bound<'_, PyAny>,
    event_id: &str,
    pdu: &[u8],
    prev: Vec<u64>,
    auth: Vec<u64>,
    rejected: bool,
) -> PyResult<Stored> {
    let key = placed.getattr(intern!(placed.py(), "key"))?.extract()?;
    let placed = Placed(placed);
    let (number, place, vector) = (placed.number()?, placed.place()?, placed.vector()?);
    let event = AuthEvent::read(event_id, pdu, rejected).map_err(refused)?.into_owned();
    let only_prev = prev.first().copied().filter(|_| prev.len() == 1);
    Ok(Stored { number, key, place, vector, event, only_prev, auth: auth.into() })
}

/// The events that take part, by their place in the resolution; the conflicted ones come first.
pub struct Order<'r> {
    stored: Vec<&'r Stored>,
    auth: Vec<usize>,
    auth_ends: Vec<usize>, // of the conflicted ones: what others cite does not matter
}

impl<'r> Order<'r> {
    /// So many conflicted events, then the unconflicted ones and all that the former cite.
    pub fn of(stored: Vec<&'r Stored>, conflicted: usize) -> Self {
        let mut places = map_for(stored.len());
        for (place, event) in stored.iter().enumerate() {
            places.entry(event.number).or_insert(place);
        }
        let mut auth = Vec::with_capacity(4 * conflicted);
        let mut auth_ends = Vec::with_capacity(conflicted);
        for event in stored.iter().take(conflicted) {
            auth.extend(event.auth.iter().filter_map(|cited| places.get(cited)));
            auth_ends.push(auth.len());
        }
        Order { stored, auth, auth_ends }
    }

    pub fn stored_at(&self, place: usize) -> Option<&'r Stored> {
        self.stored.get(place).copied()
    }

    pub fn nodes(&self, create: u64) -> Vec<Node<'_>> {
        let mut begin = 0;
        let ends = self.auth_ends.iter().copied().chain(std::iter::repeat(self.auth.len()));
        let node = |(stored, end): (&&'r Stored, usize)| {
            let auth = self.auth.get(begin..end).unwrap_or_default();
            begin = end;
            let follows_create = stored.only_prev == Some(create);
            Node { number: stored.number, event: &stored.event, follows_create, auth }
        };
        self.stored.iter().zip(ends).map(node).collect()
    }
}
