//! Auth vectors and the reach of states; the text is `timserver/core/definition/auth_vector.py`.
use std::collections::{BTreeMap, HashMap};

use crate::state_pack::{Malformed, Pairs};

/// Chain -> position, or top.
pub type Chains = BTreeMap<u64, u64>;

/// A chain and the positions above the first, up to the second.
pub type Range = (u64, u64, u64);

/// An event's chain (0: none), position and packed vector.
pub type Placed<'a> = (u64, u64, &'a [u8]);

const COUNT_BITS: u32 = 32;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

pub fn position_of(top: u64) -> u64 {
    top >> COUNT_BITS
}

fn top(position: u64, count: u64) -> u64 {
    position << COUNT_BITS | count
}

/// What any of the events reaches.
pub fn join<'v>(vectors: impl IntoIterator<Item = &'v [u8]>) -> Result<Chains, Malformed> {
    let mut joined = Chains::new();
    for vector in vectors {
        for pair in Pairs::new(vector) {
            let (chain, position) = pair?;
            let known = joined.entry(chain).or_default();
            *known = position.max(*known);
        }
    }
    Ok(joined)
}

/// The reach of a state that has these events.
pub fn reach<'v>(vectors: impl IntoIterator<Item = &'v [u8]>) -> Result<Chains, Malformed> {
    let mut tops: HashMap<u64, u64> = HashMap::new();
    for vector in vectors {
        for pair in Pairs::new(vector) {
            let (chain, position) = pair?;
            add(tops.entry(chain).or_default(), position);
        }
    }
    Ok(tops.into_iter().collect())
}

fn add(known: &mut u64, position: u64) {
    if position > position_of(*known) {
        *known = top(position, 1);
    } else if position == position_of(*known) {
        *known += 1;
    }
}

/// The chains that any of the vectors has.
pub fn chains_of(vectors: &[&[u8]]) -> Result<Vec<u64>, Malformed> {
    Ok(join(vectors.iter().copied())?.into_keys().collect())
}

/// The tops that change when events leave a state and others come; None when it cannot be told. `before` has the tops
/// of all chains of these vectors, 0 for those that are not reached.
pub fn reach_after(before: &Chains, removed: &[&[u8]], added: &[&[u8]]) -> Result<Option<Chains>, Malformed> {
    let mut tops = before.clone();
    for vector in added {
        for pair in Pairs::new(vector) {
            let (chain, position) = pair?;
            add(tops.entry(chain).or_default(), position);
        }
    }
    for vector in removed {
        for pair in Pairs::new(vector) {
            let (chain, position) = pair?;
            let known = tops.entry(chain).or_default();
            if position == position_of(*known) {
                *known = known.saturating_sub(1);
            }
        }
    }
    for known in tops.values_mut().filter(|known| **known & COUNT == 0) {
        if position_of(*known) > 1 {
            return Ok(None);
        }
        *known = 0;
    }
    tops.retain(|chain, known| before.get(chain) != Some(known));
    Ok(Some(tops))
}

/// The ranges on which the tops of states differ in position.
pub fn difference(tops: impl Iterator<Item = (u64, Vec<u64>)>) -> Vec<Range> {
    let range = |(chain, tops): (u64, Vec<u64>)| {
        let positions = tops.into_iter().map(position_of);
        let (after, upto) = (positions.clone().min()?, positions.max()?);
        (after < upto).then_some((chain, after, upto))
    };
    tops.filter_map(range).collect()
}

/// The lowest position of the events on each chain that has some.
pub fn lowest_places(placed: &[Placed<'_>]) -> Chains {
    let mut lowest = Chains::new();
    for (chain, position, _) in placed.iter().filter(|(chain, ..)| *chain != 0) {
        let known = lowest.entry(*chain).or_insert(*position);
        *known = (*known).min(*position);
    }
    lowest
}

/// Where events between two of the conflicted ones can stand.
pub fn between(placed: &[Placed<'_>], lowest: &Chains) -> Result<Vec<Range>, Malformed> {
    let tops = reach(placed.iter().map(|(.., vector)| *vector))?;
    let mut upper = Vec::new();
    let mut lower = Vec::new();
    for event in placed {
        let (chain, position, vector) = *event;
        if reaches_another(event, lowest)? {
            upper.push(vector);
        }
        if chain != 0 && tops.get(&chain).is_some_and(|found| *found > top(position, 1)) {
            lower.push(vector);
        }
    }
    let joined = join(upper)?;
    let floors = lowest_reach(&lower, &joined)?;
    let range = |(chain, upto): (u64, u64)| {
        let after = floors.get(&chain).copied().unwrap_or_default();
        (after < upto).then_some((chain, after, upto))
    };
    Ok(joined.into_iter().filter_map(range).collect())
}

/// On each of the chains, the lowest position that one of the events reaches; 0 where one reaches none.
fn lowest_reach(vectors: &[&[u8]], chains: &Chains) -> Result<Chains, Malformed> {
    let mut floors: BTreeMap<u64, (u64, usize)> = BTreeMap::new(); // and how many reach the chain at all
    for vector in vectors {
        for pair in Pairs::new(vector) {
            let (chain, position) = pair?;
            if chains.contains_key(&chain) {
                let (floor, count) = floors.entry(chain).or_insert((position, 0));
                *floor = position.min(*floor);
                *count += 1;
            }
        }
    }
    let by_all = floors.into_iter().filter(|(_, (_, count))| *count == vectors.len());
    Ok(by_all.map(|(chain, (floor, _))| (chain, floor)).collect())
}

fn reaches_another(event: &Placed<'_>, lowest: &Chains) -> Result<bool, Malformed> {
    let (own_chain, own_position, vector) = *event;
    for pair in Pairs::new(vector) {
        let (chain, position) = pair?;
        let reached = lowest.get(&chain).filter(|lowest| **lowest <= position);
        if reached.is_some_and(|lowest| chain != own_chain || *lowest < own_position) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the event reaches one of those of which these are the lowest places.
pub fn reaches_any(vector: &[u8], lowest: &Chains) -> Result<bool, Malformed> {
    for pair in Pairs::new(vector) {
        let (chain, position) = pair?;
        if lowest.get(&chain).is_some_and(|lowest| *lowest <= position) {
            return Ok(true);
        }
    }
    Ok(false)
}
