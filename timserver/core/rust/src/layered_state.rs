//! States in layers, compared by what differs; the text is `timserver/core/definition/layered_state.py`.
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;

use crate::items::Items;
use crate::state_pack::{Malformed, Pairs, unpack};

type Pair = (u64, u64);

/// A full state, or what changed since the layer below.
pub enum Layer<'py> {
    Packed(PyBackedBytes),
    Open(Bound<'py, PyDict>),
}

/// A state's layers, the lowest one first.
pub type Layers<'py> = Items<Layer<'py>>;

/// The keys that differ, in ascending order, and the values of each in all states, 0 where there is none.
pub struct Difference {
    pub keys: Vec<u64>,
    pub events: Vec<u64>,
    states: usize,
}

impl Difference {
    pub fn rows(&self) -> impl Iterator<Item = (u64, &[u64])> {
        self.keys.iter().copied().zip(self.events.chunks_exact(self.states.max(1)))
    }
}

impl<'py> FromPyObject<'_, 'py> for Layer<'py> {
    type Error = PyErr;

    fn extract(layer: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match layer.cast::<PyDict>() {
            Ok(open) => Ok(Layer::Open(open.to_owned())),
            Err(_) => Ok(Layer::Packed(layer.extract()?)),
        }
    }
}

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
pub fn differing(states: &[Layers<'_>]) -> PyResult<Difference> {
    let shared = shared_layers(states);
    let mut own = Vec::with_capacity(states.len());
    for state in states {
        own.push(merged(state.get(shared..).unwrap_or_default())?);
    }
    let (keys, touched) = side_by_side(own);
    let base = states.first().and_then(|state| state.get(..shared)).unwrap_or_default();
    let below = values(base, &keys)?;
    let (found_keys, found_events) = (Vec::with_capacity(keys.len()), Vec::with_capacity(touched.len()));
    let mut found = Difference { keys: found_keys, events: found_events, states: states.len() };
    for ((key, row), below) in keys.into_iter().zip(touched.chunks_exact(states.len().max(1))).zip(below) {
        let begin = found.events.len();
        found.events.extend(row.iter().map(|value| value.unwrap_or(below)));
        if all_agree(found.events.get(begin..).unwrap_or_default()) {
            found.events.truncate(begin);
        } else {
            found.keys.push(key);
        }
    }
    Ok(found)
}

fn all_agree<V: PartialEq>(row: &[V]) -> bool {
    row.windows(2).all(|pair| pair.first() == pair.last())
}

fn shared_layers(states: &[Layers<'_>]) -> usize {
    let Some((first, others)) = states.split_first() else { return 0 };
    let is_shared = |(at, layer): &(usize, &Layer<'_>)| {
        others.iter().all(|other| other.get(*at).is_some_and(|found| found.is_same(layer)))
    };
    first.iter().enumerate().take_while(is_shared).count()
}

/// Each key on which lists do not agree, and what each list says.
fn side_by_side(lists: Vec<Vec<Pair>>) -> (Vec<u64>, Vec<Option<u64>>) {
    let count = lists.iter().map(Vec::len).max().unwrap_or_default();
    let (mut keys, mut rows) = (Vec::with_capacity(count), Vec::with_capacity(count * lists.len()));
    let mut lists: Vec<_> = lists.into_iter().map(|list| list.into_iter().peekable()).collect();
    loop {
        let next = lists.iter_mut().filter_map(|list| list.peek().map(|(key, _)| *key)).min();
        let Some(key) = next else { return (keys, rows) };
        let begin = rows.len();
        rows.extend(lists.iter_mut().map(|list| list.next_if(|(at, _)| *at == key).map(|(_, value)| value)));
        if all_agree(rows.get(begin..).unwrap_or_default()) {
            rows.truncate(begin);
        } else {
            keys.push(key);
        }
    }
}

impl From<Malformed> for PyErr {
    fn from(_: Malformed) -> Self {
        pyo3::exceptions::PyValueError::new_err("malformed")
    }
}
