//! Auth vectors and the reach of states; the text is `timserver/core/definition/auth_vector.py`.
use std::collections::BTreeMap;

use crate::layered_state::Difference;
use crate::numbers::{NumberMap, PlaceSet, map_for};
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
    let mut tops: NumberMap<u64> = NumberMap::default();
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

/// The tops that change when events leave a state and others come, in ascending order of the chains; None when it cannot
/// be told. Of some chains, sorted, `before` has the tops, 0 where they are not reached.
pub fn reach_after<E: From<Malformed>>(
    before: impl FnOnce(&[u64]) -> Result<Vec<u64>, E>,
    removed: &[&[u8]],
    added: &[&[u8]],
) -> Result<Option<Vec<(u64, u64)>>, E> {
    let mut tops = map_for(4 * (removed.len() + added.len()));
    for pair in removed.iter().chain(added).copied().flat_map(Pairs::new) {
        tops.insert(pair?.0, 0);
    }
    let mut chains: Vec<u64> = tops.keys().copied().collect();
    chains.sort_unstable();
    let before = before(&chains)?;
    tops.extend(chains.iter().copied().zip(before.iter().copied()));
    for pair in added.iter().copied().flat_map(Pairs::new) {
        let (chain, position) = pair?;
        add(tops.entry(chain).or_default(), position);
    }
    for pair in removed.iter().copied().flat_map(Pairs::new) {
        let (chain, position) = pair?;
        let known = tops.entry(chain).or_default();
        if position == position_of(*known) {
            *known = known.saturating_sub(1);
        }
    }
    let mut changed = Vec::with_capacity(chains.len());
    for (chain, before) in chains.into_iter().zip(before) {
        let mut known = tops.get(&chain).copied().unwrap_or_default();
        if known & COUNT == 0 {
            if position_of(known) > 1 {
                return Ok(None);
            }
            known = 0;
        }
        if known != before {
            changed.push((chain, known));
        }
    }
    Ok(Some(changed))
}

/// The ranges on which the tops of states differ in position.
pub fn difference(tops: &Difference) -> Vec<Range> {
    let range = |(chain, tops): (u64, &[u64])| {
        let positions = tops.iter().copied().map(position_of);
        let (after, upto) = (positions.clone().min()?, positions.max()?);
        (after < upto).then_some((chain, after, upto))
    };
    tops.rows().filter_map(range).collect()
}

/// The lowest position of the events on each chain that has some.
pub fn lowest_places(placed: &[Placed<'_>]) -> NumberMap<u64> {
    let mut lowest = map_for(placed.len());
    for (chain, position, _) in placed.iter().filter(|(chain, ..)| *chain != 0) {
        let known = lowest.entry(*chain).or_insert(*position);
        *known = (*known).min(*position);
    }
    lowest
}

/// On a chain, what concerns the search for events between others.
struct Between {
    chain: u64,
    lowest: u64, // the lowest conflicted one, beyond all positions if there is none
    top: u64,
    upto: u64,    // the highest position that an event reaches which reaches another one
    floor: u64,   // the lowest position that those reach which are reached
    count: usize, // and how many of them reach the chain at all
    bottom: u64,  // the lowest conflicted one, if it reaches no other: then nothing below it does
}

/// Where events between two of the conflicted ones can stand.
pub fn between(placed: &[Placed<'_>], lowest: &NumberMap<u64>) -> Result<Vec<Range>, Malformed> {
    let pair_count = placed.iter().map(|(.., vector)| vector.len() / 2).sum(); // at most
    let (mut pairs, mut ends) = (Vec::with_capacity(pair_count), Vec::with_capacity(placed.len()));
    let mut places = map_for(placed.len());
    let mut chains: Vec<Between> = Vec::with_capacity(placed.len());
    for (.., vector) in placed {
        for pair in Pairs::new(vector) {
            let (chain, position) = pair?;
            let place = *places.entry(chain).or_insert(chains.len());
            if place == chains.len() {
                let lowest = lowest.get(&chain).copied().unwrap_or(u64::MAX);
                chains.push(Between { chain, lowest, top: 0, upto: 0, floor: 0, count: 0, bottom: 0 });
            }
            if let Some(known) = chains.get_mut(place) {
                add(&mut known.top, position);
            }
            pairs.push((place, position));
        }
        ends.push(pairs.len());
    }
    let (mut reached_count, mut begin) = (0, 0);
    for ((own_chain, own_position, _), end) in placed.iter().zip(ends) {
        let vector = pairs.get(begin..end).unwrap_or_default();
        begin = end;
        let reaches_another = vector.iter().any(|(place, position)| {
            let reached = chains.get(*place).filter(|known| known.lowest <= *position);
            reached.is_some_and(|known| known.chain != *own_chain || known.lowest < *own_position)
        });
        let mut is_reached = false;
        let own = places.get(own_chain).filter(|_| *own_chain != 0);
        if let Some(own) = own.and_then(|place| chains.get_mut(*place)) {
            is_reached = own.top > top(*own_position, 1);
            if !reaches_another && own.lowest == *own_position {
                own.bottom = *own_position;
            }
        }
        reached_count += usize::from(is_reached);
        if !reaches_another && !is_reached {
            continue;
        }
        for (place, position) in vector {
            let Some(known) = chains.get_mut(*place) else { continue };
            if reaches_another {
                known.upto = known.upto.max(*position);
            }
            if is_reached {
                known.floor = if known.count == 0 { *position } else { known.floor.min(*position) };
                known.count += 1;
            }
        }
    }
    let floor = |known: &Between| if known.count == reached_count { known.floor } else { 0 };
    let after = |known: &Between| floor(known).max(known.bottom);
    let ranges = chains.iter().map(|known| (known.chain, after(known), known.upto));
    let mut ranges: Vec<Range> = ranges.filter(|(_, after, upto)| after < upto).collect();
    ranges.sort_unstable();
    Ok(ranges)
}

/// What of a range lies between its first place and its last one that are not known.
pub fn unknown_in(range: Range, known: &PlaceSet) -> Option<Range> {
    let (chain, mut after, mut upto) = range;
    while after < upto && known.contains(&(chain, upto)) {
        upto -= 1;
    }
    while after < upto && known.contains(&(chain, after + 1)) {
        after += 1;
    }
    (after < upto).then_some((chain, after, upto))
}

/// Whether the event reaches one of those of which these are the lowest places.
pub fn reaches_any(vector: &[u8], lowest: &NumberMap<u64>) -> Result<bool, Malformed> {
    for pair in Pairs::new(vector) {
        let (chain, position) = pair?;
        if lowest.get(&chain).is_some_and(|lowest| *lowest <= position) {
            return Ok(true);
        }
    }
    Ok(false)
}
