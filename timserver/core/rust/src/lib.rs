//! The compiled engine of `timserver.core`; `engine.pyi` is its contract.
//!
//! Nothing here panics: what could is refused by the lints in `Cargo.toml` (indexing, slicing, unwrapping, panicking).
//! Recursion is bounded by `json::tree::DEPTH_MAX`, and arithmetic on what others have written wraps or saturates.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use crate::auth_event::{AuthEvent, Node};
use crate::json::Reason;

mod auth;
mod auth_event;
mod auth_vector;
mod base64;
mod batch;
mod event;
mod fork;
mod items;
mod json;
mod layered_state;
mod numbers;
mod resolution;
mod resolution_v1;
mod signature;
mod splitting;
mod state_pack;
mod stored;
mod stored_event;

/// Above this size the interpreter lock is released: below, taking it again could cost more than the work.
const LARGE_BYTES: usize = 1 << 16;

fn refused(reason: Reason) -> PyErr {
    PyValueError::new_err(reason.name())
}

/// Event id, PDU, the previous event if it is the only one, numbers of the auth events, whether it was rejected.
type RawEvent = (PyBackedStr, PyBackedBytes, Option<PyBackedStr>, Vec<usize>, bool);

fn read_events(raw: &[RawEvent]) -> Result<Vec<AuthEvent<'_>>, Reason> {
    raw.iter().map(|(id, pdu, .., rejected)| AuthEvent::read(id, pdu, *rejected)).collect()
}

fn nodes_of<'r>(raw: &'r [RawEvent], events: &'r [AuthEvent<'r>], create: &AuthEvent<'_>) -> Vec<Node<'r>> {
    let node = |(number, ((_, _, only_prev, auth, _), event)): (u64, (&'r RawEvent, &'r AuthEvent<'r>))| {
        Node { number, event, follows_create: only_prev.as_deref() == Some(create.id.as_ref()), auth }
    };
    (0..).zip(raw.iter().zip(events)).map(node).collect()
}

fn resolve_room(room: &resolution::Room<'_>, unconflicted: &[usize]) -> Vec<usize> {
    let is_v1 = room.rules.has(auth::Rules::V1);
    if is_v1 { resolution_v1::resolve(room, unconflicted) } else { resolution::resolve(room, unconflicted) }
}

fn check_last(
    rules: auth::Rules,
    raw: &[RawEvent],
    create: usize,
    state: &[usize],
) -> Result<Option<&'static str>, Reason> {
    let events = read_events(raw)?;
    let create = events.get(create).ok_or(Reason::NotJson)?;
    let nodes = nodes_of(raw, &events, create);
    let node = nodes.last().ok_or(Reason::NotJson)?;
    let state: Vec<&AuthEvent<'_>> =
        state.iter().filter_map(|number| Some(nodes.get(*number)?.event)).collect();
    let lookup = |kind: &str, state_key: &str| {
        state.iter().rev().copied().find(|event| event.key() == Some((kind, state_key)))
    };
    Ok(auth::check(&auth::Facts::new(rules, node, create, &lookup)).err())
}

#[pymodule]
mod engine {
    use std::collections::BTreeMap;

    use pyo3::types::{PyBytes, PyDict};

    #[pymodule_export]
    use super::fork::Fork;
    #[pymodule_export]
    use super::splitting::Splitter;
    #[pymodule_export]
    use super::stored::{changes, merged, reach, reach_after, values, vector};
    #[pymodule_export]
    use super::stored_event::read_stored;
    use super::*;

    type Sealed<'py> = (String, Bound<'py, PyBytes>, String, String);
    type Opened<'py> = (String, Bound<'py, PyBytes>, bool, Bound<'py, PyBytes>);

    /// The engine's own version, compared with the package's at start-up.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    #[pyfunction]
    #[pyo3(signature = (data, depth_max, *, strict_integers))]
    fn check_json(py: Python<'_>, data: &[u8], depth_max: usize, strict_integers: bool) -> PyResult<()> {
        let check = || json::check::check(data, depth_max, strict_integers);
        let result = if data.len() > LARGE_BYTES { py.detach(check) } else { check() };
        result.map_err(refused)
    }

    #[pyfunction]
    fn canonical_json<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(data.len());
        json::tree::write(&json::tree::parse(data).map_err(refused)?, &mut out);
        Ok(PyBytes::new(py, &out))
    }

    #[pyfunction]
    fn seal_event<'py>(
        py: Python<'py>,
        pdu: &[u8],
        rules: u8,
        server_name: &str,
        key_id: &str,
        seed: &[u8],
        public_key: &[u8],
    ) -> PyResult<Sealed<'py>> {
        let rules = event::Rules::from_bits(rules);
        let key = signature::KeyPair::of(seed, public_key).ok_or_else(|| PyValueError::new_err("key"))?;
        let sealed = event::seal(pdu, rules, server_name, key_id, &key).map_err(refused)?;
        let bytes = PyBytes::new(py, &sealed.pdu);
        Ok((sealed.event_id, bytes, sealed.content_hash, sealed.signature))
    }

    #[pyfunction]
    fn open_event<'py>(py: Python<'py>, pdu: &[u8], rules: u8) -> PyResult<Opened<'py>> {
        let opened = event::open(pdu, event::Rules::from_bits(rules)).map_err(refused)?;
        let bytes = PyBytes::new(py, &opened.pdu);
        Ok((opened.event_id, bytes, opened.hash_matches, PyBytes::new(py, &opened.signed)))
    }

    /// A reason in place of what is refused.
    #[derive(IntoPyObject)]
    enum OpenedOrReason<'py> {
        Opened(Opened<'py>),
        Reason(&'static str),
    }

    #[pyfunction]
    fn open_events(py: Python<'_>, pdus: Vec<PyBackedBytes>, rules: u8) -> Vec<OpenedOrReason<'_>> {
        let rules = event::Rules::from_bits(rules);
        let opened = py.detach(|| batch::map(&pdus, |pdu| event::open(pdu, rules)));
        let to_python = |opened: Result<event::Opened, Reason>| match opened {
            Ok(opened) => {
                let pdu = PyBytes::new(py, &opened.pdu);
                let signed = PyBytes::new(py, &opened.signed);
                OpenedOrReason::Opened((opened.event_id, pdu, opened.hash_matches, signed))
            }
            Err(reason) => OpenedOrReason::Reason(reason.name()),
        };
        opened.into_iter().map(to_python).collect()
    }

    #[pyfunction]
    fn verify(py: Python<'_>, items: Vec<(PyBackedBytes, PyBackedBytes, PyBackedBytes)>) -> Vec<bool> {
        py.detach(|| batch::map(&items, |(key, message, signed)| signature::verify(key, message, signed)))
    }

    #[pyfunction]
    fn resolve(
        py: Python<'_>,
        rules: u16,
        events: Vec<RawEvent>,
        create: usize,
        unconflicted: Vec<usize>,
        conflicted: Vec<usize>,
    ) -> PyResult<Vec<usize>> {
        let resolved = || {
            let read = read_events(&events)?;
            let create = read.get(create).ok_or(Reason::NotJson)?;
            let nodes = nodes_of(&events, &read, create);
            let mut conflicted = conflicted;
            conflicted.sort_unstable();
            conflicted.dedup();
            let rules = auth::Rules(rules);
            let room = resolution::Room { rules, nodes: &nodes, create, conflicted, older_levels: &|_| None };
            Ok(resolve_room(&room, &unconflicted))
        };
        py.detach(resolved).map_err(refused)
    }

    #[pyfunction]
    fn check_auth(
        rules: u16,
        events: Vec<RawEvent>,
        create: usize,
        state: Vec<usize>,
    ) -> PyResult<Option<&'static str>> {
        check_last(auth::Rules(rules), &events, create, &state).map_err(refused)
    }

    #[pyfunction]
    fn pack_state<'py>(py: Python<'py>, state: BTreeMap<u64, u64>) -> Bound<'py, PyBytes> {
        let pairs: Vec<_> = state.into_iter().collect();
        PyBytes::new(py, &state_pack::pack(&pairs))
    }

    #[pyfunction]
    fn unpack_state<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyDict>> {
        stored::dict_of(py, state_pack::unpack(data)?)
    }
}
