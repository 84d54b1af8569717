//! Events of the store: read once, and resolved by their numbers.
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::auth_event::{AuthEvent, Node};
use crate::json::Reason;
use crate::numbers::NumberMap;
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
    stored: Vec<Option<&'r Stored>>, // none: power levels of the mainline, of which it matters alone what they cite
    auth: Vec<usize>,
    auth_ends: Vec<usize>,
}

impl<'r> Order<'r> {
    /// The conflicted events and the unconflicted ones, with all that the former cite; of others the mainline alone
    /// matters.
    pub fn of(
        conflicted: &[&'r Stored],
        unconflicted: &[&'r Stored],
        cited: &[&'r Stored],
        older_levels: &NumberMap<u64>,
    ) -> Self {
        let given = [conflicted, unconflicted, cited].concat();
        let mut places: NumberMap<usize> =
            NumberMap::with_capacity_and_hasher(2 * given.len(), Default::default());
        let mut numbers = Vec::with_capacity(2 * given.len());
        for event in &given {
            places.entry(event.number).or_insert(numbers.len());
            numbers.push(event.number);
        }
        let stored = given.into_iter().map(Some).collect();
        let mut order = Order { stored, auth: Vec::new(), auth_ends: Vec::with_capacity(numbers.len()) };
        while let Some(number) = numbers.get(order.auth_ends.len()).copied() {
            let event = conflicted.get(order.auth_ends.len());
            let older = older_levels.get(&number).map_or(&[][..], std::slice::from_ref);
            for cited in event.map_or(older, |event| &event.auth) {
                let place = *places.entry(*cited).or_insert(numbers.len());
                if place == numbers.len() {
                    numbers.push(*cited);
                    order.stored.push(None);
                }
                order.auth.push(place);
            }
            order.auth_ends.push(order.auth.len());
        }
        order
    }

    pub fn stored_at(&self, place: usize) -> Option<&'r Stored> {
        *self.stored.get(place)?
    }

    pub fn nodes<'n>(&'n self, create: u64, older: &'n AuthEvent<'static>) -> Result<Vec<Node<'n>>, Reason> {
        let mut nodes = Vec::with_capacity(self.stored.len());
        let mut begin = 0;
        for (stored, end) in self.stored.iter().zip(&self.auth_ends) {
            nodes.push(Node {
                event: stored.map_or(older, |stored| &stored.event),
                follows_create: stored.is_some_and(|stored| stored.only_prev == Some(create)),
                auth: self.auth.get(begin..*end).ok_or(Reason::NotJson)?,
            });
            begin = *end;
        }
        Ok(nodes)
    }
}
