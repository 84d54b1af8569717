//! A large JSON object taken apart while its bytes arrive; the text is `timserver/core/definition/splitting.py`.
use std::mem;

use super::Reason;
use super::lexer::{self, Lexer};

/// What may come next. What is not told here, as which brackets are open, stands in `Splitter`.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Colon,
    AfterValue,
    Text { is_key: bool },
    Escape { is_key: bool },
    Hex { is_key: bool, left: u8 },
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    Word(&'static [u8]),
}

/// What the member is to which we have come.
#[derive(Clone, Copy, PartialEq)]
enum Member {
    List(usize),
    Value(usize),
    Other,
}

/// A piece: the number of its name among the wanted ones, and its bytes.
pub type Piece = (usize, Vec<u8>);

pub struct Splitter {
    names: Vec<String>, // the lists come first
    lists: usize,
    piece_bytes_max: usize,
    state: State,
    open: Vec<bool>, // the brackets: is it an object?
    seen: Vec<bool>, // by name
    member: Member,
    held: Vec<u8>, // a piece, or a key of the outermost object
    held_at: Option<usize>,
    pieces: Vec<Piece>,
}

impl Splitter {
    pub fn new(lists: Vec<String>, values: Vec<String>, piece_bytes_max: usize) -> Self {
        let count = lists.len();
        let names: Vec<String> = lists.into_iter().chain(values).collect();
        Splitter {
            seen: vec![false; names.len()],
            names,
            lists: count,
            piece_bytes_max,
            state: State::Value,
            open: Vec::new(),
            member: Member::Other,
            held: Vec::new(),
            held_at: None,
            pieces: Vec::new(),
        }
    }

    /// The pieces that are complete with these bytes.
    pub fn feed(&mut self, data: &[u8]) -> Result<Vec<Piece>, Reason> {
        let mut rest = data;
        while let Some((byte, after)) = rest.split_first() {
            if let State::Text { .. } = self.state {
                let (plain, special) =
                    rest.split_at_checked(lexer::plain_length(rest)).unwrap_or((rest, &[]));
                self.hold(plain);
                rest = special;
                if !plain.is_empty() {
                    continue;
                }
            }
            if self.take(*byte)? {
                rest = after;
            }
        }
        Ok(mem::take(&mut self.pieces))
    }

    /// Refuses an object that has not ended, or lacks one of the lists.
    pub fn end(&self) -> Result<(), Reason> {
        let has_ended = self.open.is_empty() && self.state == State::AfterValue;
        let has_all = self.seen.iter().take(self.lists).all(|seen| *seen);
        if has_ended && has_all { Ok(()) } else { Err(Reason::Shape) }
    }

    /// False for a byte that only ended a number, and is to be looked at again.
    fn take(&mut self, byte: u8) -> Result<bool, Reason> {
        if ends_number(self.state, byte) {
            self.value_ends();
            return Ok(false);
        }
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') && is_between(self.state) {
            self.hold(&[byte]);
            return Ok(true);
        }
        match self.state {
            State::FirstItem if byte == b']' => {}
            State::Value | State::FirstItem => self.value_begins(byte)?,
            State::Key | State::FirstKey if self.open.len() == 1 => self.held_at = Some(1),
            _ => {}
        }
        self.hold(&[byte]);
        self.state = self.after(byte)?;
        match self.state {
            State::AfterValue => self.value_ends(),
            State::Colon if self.open.len() == 1 => self.key_ends()?,
            _ => {}
        }
        Ok(true)
    }

    fn after(&mut self, byte: u8) -> Result<State, Reason> {
        let next = match (self.state, byte) {
            (State::Text { is_key: true }, b'"') => State::Colon,
            (State::Text { is_key: false }, b'"') => State::AfterValue,
            (State::Text { is_key }, b'\\') => State::Escape { is_key },
            (State::Escape { is_key }, b'u') => State::Hex { is_key, left: 4 },
            (State::Escape { is_key }, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                State::Text { is_key }
            }
            (State::Hex { is_key, left }, _) if byte.is_ascii_hexdigit() => match left {
                1 => State::Text { is_key },
                _ => State::Hex { is_key, left: left - 1 },
            },
            (State::Word([next, rest @ ..]), _) if byte == *next => match rest {
                [] => State::AfterValue,
                _ => State::Word(rest),
            },
            (State::FirstItem, b']') | (State::FirstKey, b'}') => return self.close(byte),
            (State::Value | State::FirstItem, _) => return self.first_of(byte),
            (State::Key | State::FirstKey, b'"') => State::Text { is_key: true },
            (State::Colon, b':') => State::Value,
            (State::AfterValue, b',') => match self.open.last() {
                Some(true) => State::Key,
                Some(false) => State::Value,
                None => return Err(Reason::Shape),
            },
            (State::AfterValue, b']' | b'}') => return self.close(byte),
            (state, _) => return number_after(state, byte),
        };
        Ok(next)
    }

    /// The first byte of a value.
    fn first_of(&mut self, byte: u8) -> Result<State, Reason> {
        match byte {
            b'{' | b'[' => {
                if self.open.len() >= self.piece_bytes_max {
                    return Err(Reason::Shape);
                }
                self.open.push(byte == b'{');
                Ok(if byte == b'{' { State::FirstKey } else { State::FirstItem })
            }
            b'"' => Ok(State::Text { is_key: false }),
            b't' => Ok(State::Word(b"rue")),
            b'f' => Ok(State::Word(b"alse")),
            b'n' => Ok(State::Word(b"ull")),
            b'-' => Ok(State::Minus),
            b'0' => Ok(State::Zero),
            b'1'..=b'9' => Ok(State::Digits),
            _ => Err(Reason::Shape),
        }
    }

    fn close(&mut self, byte: u8) -> Result<State, Reason> {
        match self.open.pop() {
            Some(is_object) if is_object == (byte == b'}') => Ok(State::AfterValue),
            _ => Err(Reason::Shape),
        }
    }

    fn value_begins(&mut self, byte: u8) -> Result<(), Reason> {
        match (self.open.len(), self.member) {
            (0, _) if byte != b'{' => Err(Reason::Shape),
            (1, Member::List(_)) if byte != b'[' => Err(Reason::Shape),
            (1, Member::Value(_)) | (2, Member::List(_)) => {
                self.held_at = Some(self.open.len());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn value_ends(&mut self) {
        self.state = State::AfterValue;
        if self.held_at == Some(self.open.len()) {
            self.held_at = None;
            let piece = mem::take(&mut self.held);
            if let Member::List(name) | Member::Value(name) = self.member {
                self.pieces.push((name, piece));
            }
        }
    }

    /// Whose value comes next, and has not come before.
    fn key_ends(&mut self) -> Result<(), Reason> {
        self.held_at = None;
        let text = mem::take(&mut self.held);
        let key = Lexer::new(&text).and_then(|mut lexer| lexer.string()).ok();
        let name = key.and_then(|key| self.names.iter().position(|name| *name == key));
        self.member = match name {
            Some(name) if name < self.lists => Member::List(name),
            Some(name) => Member::Value(name),
            None => Member::Other,
        };
        match name.and_then(|name| self.seen.get_mut(name)) {
            Some(true) => Err(Reason::Shape),
            Some(seen) => {
                *seen = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// One byte more than a piece may have is held, so that everybody sees that it has too many.
    fn hold(&mut self, bytes: &[u8]) {
        if self.held_at.is_some() {
            let room = (self.piece_bytes_max + 1).saturating_sub(self.held.len());
            self.held.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }
}

/// Where blanks may stand.
fn is_between(state: State) -> bool {
    matches!(
        state,
        State::Value | State::FirstItem | State::FirstKey | State::Key | State::Colon | State::AfterValue
    )
}

fn ends_number(state: State, byte: u8) -> bool {
    match state {
        State::Zero | State::Digits => !matches!(byte, b'.' | b'e' | b'E' | b'0'..=b'9'),
        State::Fraction => !matches!(byte, b'e' | b'E' | b'0'..=b'9'),
        State::ExponentDigits => !byte.is_ascii_digit(),
        _ => false,
    }
}

fn number_after(state: State, byte: u8) -> Result<State, Reason> {
    match (state, byte) {
        (State::Minus, b'0') => Ok(State::Zero),
        (State::Minus, b'1'..=b'9') | (State::Digits, b'0'..=b'9') => Ok(State::Digits),
        (State::Zero | State::Digits, b'.') => Ok(State::Point),
        (State::Point | State::Fraction, b'0'..=b'9') => Ok(State::Fraction),
        (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => Ok(State::Exponent),
        (State::Exponent, b'+' | b'-') => Ok(State::ExponentSign),
        (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => {
            Ok(State::ExponentDigits)
        }
        _ => Err(Reason::Shape),
    }
}
