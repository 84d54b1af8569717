//! Reads one fork per line, resolves it with ruma-state-res some times, writes how long that took and the outcome.
mod event;
mod room;

use std::io::{BufRead, Write};

use ruma_common::RoomVersionId;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Fork {
    version: RoomVersionId,
    repeats: usize,
    events: Vec<event::RawEvent>,
    states: Vec<Vec<String>>,
}

#[derive(Serialize, Default)]
struct Outcome {
    chains_ns: Vec<i64>, // the auth chains of both states, which ruma wants to be given
    resolve_ns: Vec<i64>,
    state: Vec<String>,
}

fn measure(line: &str) -> Result<Outcome, String> {
    let fork: Fork = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let rules = fork.version.rules().ok_or("room version")?;
    let room = room::Room::read(&rules, fork.events);
    let states = fork.states.iter().map(|ids| room.state_map(ids)).collect::<Result<Vec<_>, _>>()?;
    let mut outcome = Outcome::default();
    for _ in 0..fork.repeats {
        let start = cpu_ns();
        let chains = states.iter().map(|state| room.auth_chain(state)).collect();
        let middle = cpu_ns();
        let resolved = room.resolve(&states, chains)?;
        outcome.chains_ns.push(middle - start);
        outcome.resolve_ns.push(cpu_ns() - middle);
        outcome.state = resolved.into_values().map(|id| id.to_string()).collect();
    }
    outcome.state.sort();
    Ok(outcome)
}

/// The time that this thread has worked.
fn cpu_ns() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        serde_json::to_writer(&mut out, &measure(&line?)?)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}
