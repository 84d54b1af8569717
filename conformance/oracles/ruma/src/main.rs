//! Reads one room per line, asks ruma, writes its answers. The form of both is told by `../questions.py`.
mod event;
mod pdu;
mod room;

use std::io::{BufRead, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ruma_common::RoomVersionId;
use ruma_common::room_version_rules::RoomVersionRules;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Question<'a> {
    version: RoomVersionId,
    #[serde(borrow)]
    events: Vec<event::RawEvent<'a>>,
    resolve: Vec<Vec<Vec<String>>>,
    auth: Vec<room::AuthQuestion>,
    #[serde(borrow)]
    pdus: Vec<&'a RawValue>,
}

#[derive(Serialize)]
struct Answer {
    resolve: Vec<Result<Vec<String>, String>>,
    resolve_by_letter: Vec<Result<Vec<String>, String>>,
    auth: Vec<Result<(), String>>,
    pdus: Vec<Result<pdu::Facts, String>>,
}

fn answer(line: &str) -> Result<Answer, String> {
    let question: Question<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let rules: RoomVersionRules = question.version.rules().ok_or("room version")?;
    let room = room::Room::read(&rules, &question.events)?;
    Ok(Answer {
        resolve: question.resolve.iter().map(|states| guarded(|| room.resolve(states, true))).collect(),
        resolve_by_letter: question.resolve.iter().map(|states| guarded(|| room.resolve(states, false))).collect(),
        auth: question.auth.iter().map(|asked| guarded(|| room.authorize(asked))).collect(),
        pdus: question.pdus.iter().map(|pdu| guarded(|| pdu::facts(pdu.get(), &rules))).collect(),
    })
}

/// A panic of ruma's is an answer as well.
fn guarded<T>(ask: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| Err("panic".to_owned()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        serde_json::to_writer(&mut out, &answer(&line?))?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}
