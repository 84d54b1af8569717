//! Whether a text is JSON that we want to read: linear in its length, without recursion.
use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use super::Reason;
use super::lexer::Lexer;

/// The keys of objects of up to this many are compared with each other, those of greater ones by their hashes.
const SMALL: usize = 16;

enum Frame {
    Array,
    Object { first_key: usize },
}

struct Check<'a> {
    lexer: Lexer<'a>,
    frames: Vec<Frame>,
    keys: Vec<Cow<'a, str>>, // of all objects that are open
    depth_max: usize,
    strict_integers: bool,
}

/// Refuses what is no JSON, has duplicate keys, lone surrogates or more than `depth_max` levels; with
/// `strict_integers` also floats and integers beyond 2^53 - 1.
pub fn check(data: &[u8], depth_max: usize, strict_integers: bool) -> Result<(), Reason> {
    let mut check =
        Check { lexer: Lexer::new(data)?, frames: Vec::new(), keys: Vec::new(), depth_max, strict_integers };
    check.run()
}

impl Check<'_> {
    fn run(&mut self) -> Result<(), Reason> {
        loop {
            if self.value()? {
                continue; // an array or object was opened, and has something in it
            }
            if !self.after_value()? {
                return self.lexer.end();
            }
        }
    }

    /// Takes a value; true when it opened a container whose first value comes next.
    fn value(&mut self) -> Result<bool, Reason> {
        match self.lexer.peek_token().ok_or(Reason::NotJson)? {
            b'{' => return self.open_object(),
            b'[' => return self.open_array(),
            b'"' => {
                self.lexer.string()?;
            }
            b't' => self.lexer.word("true")?,
            b'f' => self.lexer.word("false")?,
            b'n' => self.lexer.word("null")?,
            _ => self.number()?,
        }
        Ok(false)
    }

    fn number(&mut self) -> Result<(), Reason> {
        let number = self.lexer.number()?;
        if self.strict_integers { number.strict().map(drop) } else { Ok(()) }
    }

    fn push(&mut self, frame: Frame) -> Result<(), Reason> {
        if self.frames.len() >= self.depth_max {
            return Err(Reason::Depth);
        }
        self.lexer.skip();
        self.frames.push(frame);
        Ok(())
    }

    fn open_array(&mut self) -> Result<bool, Reason> {
        self.push(Frame::Array)?;
        if self.lexer.peek_token() != Some(b']') {
            return Ok(true);
        }
        self.close()?;
        Ok(false)
    }

    fn open_object(&mut self) -> Result<bool, Reason> {
        self.push(Frame::Object { first_key: self.keys.len() })?;
        if self.lexer.peek_token() != Some(b'}') {
            self.key()?;
            return Ok(true);
        }
        self.close()?;
        Ok(false)
    }

    fn key(&mut self) -> Result<(), Reason> {
        self.lexer.peek_token();
        let key = self.lexer.string()?;
        self.lexer.expect(b':')?;
        self.keys.push(key);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Reason> {
        self.lexer.skip();
        if let Some(Frame::Object { first_key }) = self.frames.pop() {
            if has_duplicates(self.keys.get(first_key..).unwrap_or_default()) {
                return Err(Reason::DuplicateKey);
            }
            self.keys.truncate(first_key);
        }
        Ok(())
    }

    /// Closes what ends here; true when another value follows.
    fn after_value(&mut self) -> Result<bool, Reason> {
        loop {
            let is_array = match self.frames.last() {
                None => return Ok(false),
                Some(frame) => matches!(frame, Frame::Array),
            };
            match self.lexer.peek_token() {
                Some(b',') => {
                    self.lexer.skip();
                    if !is_array {
                        self.key()?;
                    }
                    return Ok(true);
                }
                Some(b']') if is_array => self.close()?,
                Some(b'}') if !is_array => self.close()?,
                _ => return Err(Reason::NotJson),
            }
        }
    }
}

fn has_duplicates(keys: &[Cow<'_, str>]) -> bool {
    if keys.len() <= SMALL {
        let later = |at: usize| keys.get(at + 1..).unwrap_or_default();
        return keys.iter().enumerate().any(|(at, key)| later(at).contains(key));
    }
    // Nobody can prepare collisions: the seed is new each time.
    let seed = RandomState::new();
    let mut hashes: Vec<u64> = keys.iter().map(|key| seed.hash_one(key)).collect();
    hashes.sort_unstable();
    if !hashes.windows(2).any(|pair| pair.first() == pair.last()) {
        return false;
    }
    let mut sorted: Vec<&Cow<'_, str>> = keys.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair.first() == pair.last())
}
