#![no_main]
//! A large object in pieces: wherever it is cut they are the same, and they are JSON.
use engine_parts::in_time;
use engine_parts::json::{Reason, check, splitter};
use libfuzzer_sys::fuzz_target;

const PIECE_BYTES_MAX: usize = 1 << 17;

fn split<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Result<Vec<splitter::Piece>, Reason> {
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let mut splitter =
        splitter::Splitter::new(names(&["state", "auth_chain"]), names(&["event"]), PIECE_BYTES_MAX);
    let mut pieces = Vec::new();
    for part in parts {
        pieces.extend(splitter.feed(part)?);
    }
    splitter.end()?;
    Ok(pieces)
}

fuzz_target!(|data: &[u8]| {
    in_time(|| {
        for (before, after) in [
            ("", ""),
            ("{\"auth_chain\":[],\"state\":[", "]}"),
            ("{\"state\":[],\"auth_chain\":[],\"event\":", "}"),
        ] {
            let whole = [before.as_bytes(), data, after.as_bytes()].concat();
            let size = usize::from(*data.last().unwrap_or(&0)) + 1;
            let pieces = split(std::iter::once(&whole[..]));
            assert_eq!(split(whole.chunks(size)), pieces);
            let Ok(pieces) = pieces else {
                assert!(before.is_empty() || check::check(data, 254, false).is_err());
                continue;
            };
            for (_, piece) in pieces {
                let is_text = std::str::from_utf8(&piece).is_ok();
                assert!(!is_text || check::check(&piece, 254, false) != Err(Reason::NotJson));
            }
        }
    });
});
