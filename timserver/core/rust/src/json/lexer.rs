//! Tokens: one pass, no look-back, no recursion.
use std::borrow::Cow;

use super::Reason;

/// The greatest integer of canonical JSON.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// The text of a number, and whether it is written as a float.
#[derive(Clone, Debug, PartialEq)]
pub struct Number<'a> {
    pub text: Cow<'a, str>,
    pub is_float: bool,
}

impl Number<'_> {
    /// The value, when canonical JSON allows it.
    pub fn strict(&self) -> Result<i64, Reason> {
        if self.is_float {
            return Err(Reason::Float);
        }
        match self.text.parse::<i64>() {
            Ok(value) if value.unsigned_abs() <= INTEGER_MAX.unsigned_abs() => Ok(value),
            _ => Err(Reason::IntegerRange),
        }
    }

    /// What is nearest to it among the integers from -(2^63 - 1) to 2^63 - 1, fractions cut off; None when it is infinite.
    pub fn nearest(&self) -> Option<i64> {
        let value = if self.is_float {
            self.text.parse::<f64>().ok().filter(|value| value.is_finite())? as i64
        } else {
            self.text.parse().unwrap_or(if self.text.starts_with('-') { i64::MIN } else { i64::MAX })
        };
        Some(value.max(-i64::MAX))
    }
}

/// A reader of tokens; `at` is always at a character boundary.
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(data: &'a [u8]) -> Result<Self, Reason> {
        match std::str::from_utf8(data) {
            Ok(text) => Ok(Lexer { text, at: 0 }),
            Err(error) => Err(utf8_reason(data, error.valid_up_to())),
        }
    }

    /// The next byte, not yet taken.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no blank, not yet taken.
    pub fn peek_token(&mut self) -> Option<u8> {
        while let Some(byte) = self.peek() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes the byte that `peek` has shown.
    pub fn skip(&mut self) {
        self.at += 1;
    }

    /// Takes `byte`, after blanks, or refuses.
    pub fn expect(&mut self, byte: u8) -> Result<(), Reason> {
        if self.peek_token() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(Reason::NotJson)
    }

    /// Nothing but blanks may follow.
    pub fn end(&mut self) -> Result<(), Reason> {
        match self.peek_token() {
            None => Ok(()),
            Some(_) => Err(Reason::NotJson),
        }
    }

    pub fn word(&mut self, word: &str) -> Result<(), Reason> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(Reason::NotJson)
    }

    pub fn number(&mut self) -> Result<Number<'a>, Reason> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let digits = self.digits()?;
        if first == Some(b'0') && digits > 1 {
            return Err(Reason::NotJson);
        }
        let is_float = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if is_float {
            self.fraction_and_exponent()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Number { text: Cow::Borrowed(text), is_float })
    }

    fn fraction_and_exponent(&mut self) -> Result<(), Reason> {
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<usize, Reason> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        if count == 0 { Err(Reason::NotJson) } else { Ok(count) }
    }

    /// A string, whose opening quote is next.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Reason> {
        self.expect(b'"')?;
        let start = self.at;
        let end = self.plain();
        let head = self.text.get(start..end).unwrap_or_default();
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Cow::Borrowed(head))
            }
            Some(b'\\') => self.escaped_string(head).map(Cow::Owned),
            _ => Err(Reason::NotJson),
        }
    }

    /// Moves to the next quote, backslash or control character.
    fn plain(&mut self) -> usize {
        self.at += plain_length(self.text.as_bytes().get(self.at..).unwrap_or_default());
        self.at
    }

    /// Passes over a value, of which only the ends of strings and brackets are looked at. Gives its text.
    pub fn skip_value(&mut self) -> Result<&'a str, Reason> {
        self.peek_token();
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.peek_token().ok_or(Reason::NotJson)? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => self.skip_scalar()?,
            }
            if depth == 0 {
                return self.text.get(start..self.at).ok_or(Reason::NotJson);
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), Reason> {
        self.at += 1;
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                _ => return Err(Reason::NotJson),
            }
        }
    }

    fn skip_scalar(&mut self) -> Result<(), Reason> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let in_scalar = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.iter().position(|byte| !in_scalar(byte)).unwrap_or(rest.len());
        self.at += length;
        if length == 0 { Err(Reason::NotJson) } else { Ok(()) }
    }

    fn escaped_string(&mut self, head: &str) -> Result<String, Reason> {
        let mut string = String::from(head);
        loop {
            let start = self.at;
            let end = self.plain();
            string.push_str(self.text.get(start..end).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    self.at += 1;
                    string.push(self.escape()?);
                }
                _ => return Err(Reason::NotJson),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Reason> {
        let byte = self.peek().ok_or(Reason::NotJson)?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' => Ok(char::from(byte)),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode_escape(),
            _ => Err(Reason::NotJson),
        }
    }

    fn unicode_escape(&mut self) -> Result<char, Reason> {
        let unit = self.hex4()?;
        if !(0xD800..0xE000).contains(&unit) {
            return char::from_u32(unit).ok_or(Reason::Surrogate);
        }
        let follows = self.text.as_bytes().get(self.at..self.at + 2) == Some(b"\\u");
        if unit >= 0xDC00 || !follows {
            return Err(Reason::Surrogate);
        }
        self.at += 2;
        let low = self.hex4()?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(Reason::Surrogate);
        }
        char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)).ok_or(Reason::Surrogate)
    }

    fn hex4(&mut self) -> Result<u32, Reason> {
        let hex = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Reason::NotJson)?;
        let mut unit = 0;
        for byte in hex {
            unit = unit * 16 + char::from(*byte).to_digit(16).ok_or(Reason::NotJson)?;
        }
        self.at += 4;
        Ok(unit)
    }
}

/// How many bytes there are before the first quote, backslash or control character.
pub fn plain_length(bytes: &[u8]) -> usize {
    let whole = bytes.chunks_exact(8).take_while(|eight| !has_special(eight)).count() * 8;
    let rest = bytes.get(whole..).unwrap_or_default();
    let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    whole + length.unwrap_or(rest.len())
}

/// Whether a quote, a backslash or a control character is among eight bytes, looked at as one number: a byte is 0 where
/// taking 1 from it sets its highest bit, which was not set before.
fn has_special(eight: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let bytes = eight.try_into().map_or(0, u64::from_le_bytes);
    let below = |bound: u64| bytes.wrapping_sub(ONES * bound) & !bytes;
    let equal = |byte: u8| {
        let differs = bytes ^ (ONES * u64::from(byte));
        differs.wrapping_sub(ONES) & !differs
    };
    (below(0x20) | equal(b'"') | equal(b'\\')) & HIGHEST != 0
}

/// UTF-8 that encodes a surrogate has its own name.
fn utf8_reason(data: &[u8], at: usize) -> Reason {
    match data.get(at..at + 2) {
        Some([0xED, 0xA0..=0xBF]) => Reason::Surrogate,
        _ => Reason::NotJson,
    }
}
