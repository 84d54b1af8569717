//! The compiled engine of `timserver.core`; `engine.pyi` is its contract.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use crate::auth_event::AuthEvent;
use crate::json::Reason;

mod auth;
mod auth_event;
mod auth_vector;
mod base64;
mod event;
mod json;
mod layered_state;
mod resolution;
mod resolution_v1;
mod signature;
mod state_pack;
mod stored;

/// Above this size the interpreter lock is released: below, taking it again could cost more than the work.
const LARGE_BYTES: usize = 1 << 16;

fn refused(reason: Reason) -> PyErr {
    PyValueError::new_err(reason.name())
}

/// Event id, PDU, the previous event if it is the only one, numbers of the auth events, whether it was rejected.
type RawEvent = (PyBackedStr, PyBackedBytes, Option<PyBackedStr>, Vec<usize>, bool);

fn read_events(raw: &[RawEvent]) -> Result<Vec<AuthEvent<'_>>, Reason> {
    let mut events = Vec::with_capacity(raw.len());
    for (id, pdu, only_prev, auth, rejected) in raw {
        events.push(AuthEvent::read(id, pdu, only_prev.as_deref(), auth, *rejected)?);
    }
    Ok(events)
}

fn state_of<'r>(events: &'r [AuthEvent<'r>], numbers: &[usize]) -> resolution::State<'r> {
    let key_of = |number: &usize| Some((events.get(*number)?.key()?, *number));
    numbers.iter().filter_map(key_of).collect()
}

fn resolve_events(
    rules: auth::Rules,
    raw: &[RawEvent],
    create: usize,
    unconflicted: &[usize],
    conflicted: Vec<usize>,
) -> Result<Vec<usize>, Reason> {
    let events = read_events(raw)?;
    let create = events.get(create).ok_or(Reason::NotJson)?;
    let conflicted = conflicted.into_iter().collect();
    let room = resolution::Room { rules, events: &events, create, conflicted };
    let unconflicted = state_of(&events, unconflicted);
    let state = if rules.has(auth::Rules::V1) {
        resolution_v1::resolve(&room, &unconflicted)
    } else {
        resolution::resolve(&room, unconflicted)
    };
    Ok(state.into_values().collect())
}

fn check_last(
    rules: auth::Rules,
    raw: &[RawEvent],
    create: usize,
    state: &[usize],
) -> Result<Option<&'static str>, Reason> {
    let events = read_events(raw)?;
    let create = events.get(create).ok_or(Reason::NotJson)?;
    let event = events.last().ok_or(Reason::NotJson)?;
    let state = state_of(&events, state);
    let lookup = |kind: &str, state_key: &str| {
        resolution::at(&state, kind, state_key).and_then(|number| events.get(number))
    };
    Ok(auth::check(&auth::Facts::new(rules, event, create, &lookup)).err())
}

#[pymodule]
mod engine {
    use std::collections::{BTreeMap, BTreeSet};

    use pyo3::types::{PyBytes, PyDict};

    #[pymodule_export]
    use super::stored::{
        between, differing, merged, reach, reach_after, reach_difference, reaching_any, values, vector,
    };
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
        seed: [u8; 32],
    ) -> PyResult<Sealed<'py>> {
        let rules = event::Rules::from_bits(rules);
        let sealed = event::seal(pdu, rules, server_name, key_id, &seed).map_err(refused)?;
        let bytes = PyBytes::new(py, &sealed.pdu);
        Ok((sealed.event_id, bytes, sealed.content_hash, sealed.signature))
    }

    #[pyfunction]
    fn open_event<'py>(py: Python<'py>, pdu: &[u8], rules: u8) -> PyResult<Opened<'py>> {
        let opened = event::open(pdu, event::Rules::from_bits(rules)).map_err(refused)?;
        let bytes = PyBytes::new(py, &opened.pdu);
        Ok((opened.event_id, bytes, opened.hash_matches, PyBytes::new(py, &opened.signed)))
    }

    #[pyfunction]
    fn verify(py: Python<'_>, items: Vec<(PyBackedBytes, PyBackedBytes, PyBackedBytes)>) -> Vec<bool> {
        let all = || items.iter().map(|(key, message, signature)| signature::verify(key, message, signature));
        py.detach(|| all().collect())
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
        let resolved = || resolve_events(auth::Rules(rules), &events, create, &unconflicted, conflicted);
        py.detach(resolved).map_err(refused)
    }

    #[pyfunction]
    fn asked_keys(rules: u16, pdus: Vec<PyBackedBytes>) -> PyResult<BTreeSet<(&'static str, String)>> {
        let mut keys = BTreeSet::new();
        for pdu in &pdus {
            let event = AuthEvent::read("", pdu, None, &[], false).map_err(refused)?;
            let asked = auth::asked_keys(auth::Rules(rules), &event);
            keys.extend(asked.into_iter().map(|(kind, state_key)| (kind, state_key.to_owned())));
        }
        Ok(keys)
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
        let pairs = state_pack::unpack(data)?;
        let state = PyDict::new(py);
        for (key, value) in pairs {
            state.set_item(key, value)?;
        }
        Ok(state)
    }
}
