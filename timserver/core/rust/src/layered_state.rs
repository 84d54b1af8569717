//! States in layers, compared by what differs; the text is `timserver/core/definition/layered_state.py`.
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;

use crate::state_pack::{Malformed, Pairs, unpack};

type Pair = (u64, u64);

/// A full state, or what changed since the layer below.
#[derive(FromPyObject)]
pub enum Layer<'py> {
    Packed(PyBackedBytes),
    Open(Bound<'py, PyDict>),
}

/// A key that differs, and its value in each state.
pub type Difference = (u64, Vec<u64>);

impl Layer<'_> {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Layer::Packed(left), Layer::Packed(right)) => {
                std::ptr::eq(left.as_ptr(), right.as_ptr()) || left[..] == right[..]
            }
            (Layer::Open(left), Layer::Open(right)) => left.is(right),
            _ => false,
        }
    }

    fn pairs(&self) -> PyResult<Vec<Pair>> {
        match self {
            Layer::Packed(data) => Ok(unpack(data)?),
            Layer::Open(dict) => {
                let mut pairs = Vec::with_capacity(dict.len());
                for (key, value) in dict.iter() {
                    pairs.push((key.extract()?, value.extract()?));
                }
                pairs.sort_unstable();
                Ok(pairs)
            }
        }
    }

    /// Fills in the values of keys, which are sorted, where there are none yet.
    fn look_up(&self, keys: &[u64], found: &mut [Option<u64>]) -> PyResult<()> {
        let mut missing = keys.iter().zip(found).filter(|(_, found)| found.is_none());
        match self {
            Layer::Packed(data) => {
                let mut pairs = Pairs::new(data);
                let mut pair = pairs.next().transpose()?;
                for (key, found) in missing {
                    while pair.is_some_and(|(at, _)| at < *key) {
                        pair = pairs.next().transpose()?;
                    }
                    *found = pair.filter(|(at, _)| at == key).map(|(_, value)| value);
                }
                Ok(())
            }
            Layer::Open(dict) => missing.try_for_each(|(key, found)| {
                *found = dict.get_item(key)?.map(|value| value.extract()).transpose()?;
                Ok(())
            }),
        }
    }
}

/// What the layers make, by key; a value may be 0.
pub fn merged(layers: &[Layer<'_>]) -> PyResult<Vec<Pair>> {
    let mut whole = Vec::new();
    for layer in layers {
        whole = laid_over(whole, layer.pairs()?);
    }
    Ok(whole)
}

fn laid_over(below: Vec<Pair>, above: Vec<Pair>) -> Vec<Pair> {
    if below.is_empty() {
        return above;
    }
    let mut whole = Vec::with_capacity(below.len() + above.len());
    let mut below = below.into_iter().peekable();
    for (key, value) in above {
        while let Some(pair) = below.next_if(|(at, _)| *at < key) {
            whole.push(pair);
        }
        below.next_if(|(at, _)| *at == key);
        whole.push((key, value));
    }
    whole.extend(below);
    whole
}

/// The values of keys, which are sorted; 0 where there is none.
pub fn values(layers: &[Layer<'_>], keys: &[u64]) -> PyResult<Vec<u64>> {
    let mut found = vec![None; keys.len()];
    for layer in layers.iter().rev() {
        layer.look_up(keys, &mut found)?;
    }
    Ok(found.into_iter().map(Option::unwrap_or_default).collect())
}

/// The keys in which the states differ. Of layers that all share, only what lies above is looked through.
pub fn differing(states: &[Vec<Layer<'_>>]) -> PyResult<Vec<Difference>> {
    let shared = shared_layers(states);
    let mut own = Vec::with_capacity(states.len());
    for state in states {
        own.push(merged(state.get(shared..).unwrap_or_default())?);
    }
    let touched = side_by_side(own);
    let keys: Vec<u64> = touched.iter().map(|(key, _)| *key).collect();
    let base = states.first().and_then(|state| state.get(..shared)).unwrap_or_default();
    let below = values(base, &keys)?;
    let filled = touched.into_iter().zip(below).map(|((key, row), below)| {
        (key, row.into_iter().map(|value| value.unwrap_or(below)).collect::<Vec<_>>())
    });
    Ok(filled.filter(|(_, row)| row.iter().any(|value| Some(value) != row.first())).collect())
}

fn shared_layers(states: &[Vec<Layer<'_>>]) -> usize {
    let Some((first, others)) = states.split_first() else { return 0 };
    let is_shared = |(at, layer): &(usize, &Layer<'_>)| {
        others.iter().all(|other| other.get(*at).is_some_and(|found| found.is_same(layer)))
    };
    first.iter().enumerate().take_while(is_shared).count()
}

/// Each key with what each list says; those on which all agree are left out.
fn side_by_side(lists: Vec<Vec<Pair>>) -> Vec<(u64, Vec<Option<u64>>)> {
    let mut lists: Vec<_> = lists.into_iter().map(|list| list.into_iter().peekable()).collect();
    let mut rows = Vec::new();
    loop {
        let next = lists.iter_mut().filter_map(|list| list.peek().map(|(key, _)| *key)).min();
        let Some(key) = next else { return rows };
        let take = |list: &mut std::iter::Peekable<std::vec::IntoIter<Pair>>| {
            list.next_if(|(at, _)| *at == key).map(|(_, value)| value)
        };
        let row: Vec<Option<u64>> = lists.iter_mut().map(take).collect();
        if row.iter().any(|value| Some(value) != row.first()) {
            rows.push((key, row));
        }
    }
}

impl From<Malformed> for PyErr {
    fn from(_: Malformed) -> Self {
        pyo3::exceptions::PyValueError::new_err("malformed")
    }
}
