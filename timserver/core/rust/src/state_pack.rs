//! State maps as bytes: pairs sorted by key, each as two variable-length integers - the distance to the key before,
//! and the zigzag distance to the value before.

/// What is not packed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Encodes pairs, which must be sorted by key, without repetition.
pub fn pack(pairs: &[(u64, u64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pairs.len() * 6);
    let (mut last_key, mut last_value) = (0u64, 0u64);
    for (key, value) in pairs {
        write_varint(key.wrapping_sub(last_key), &mut out);
        let distance = value.wrapping_sub(last_value).cast_signed();
        write_varint(((distance << 1) ^ (distance >> 63)).cast_unsigned(), &mut out);
        (last_key, last_value) = (*key, *value);
    }
    out
}

/// Decodes what `pack` has made.
pub fn unpack(data: &[u8]) -> Result<Vec<(u64, u64)>, Malformed> {
    let mut pairs = Vec::with_capacity(data.len() / 2);
    for pair in Pairs::new(data) {
        pairs.push(pair?);
    }
    Ok(pairs)
}

/// The pairs of packed state, one after the other; stops at the first that is malformed.
pub struct Pairs<'a> {
    data: &'a [u8],
    key: u64,
    value: u64,
    is_first: bool,
}

impl<'a> Pairs<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Pairs { data, key: 0, value: 0, is_first: true }
    }

    fn read(&mut self) -> Option<(u64, u64)> {
        let step = self.read_varint()?;
        if step == 0 && !self.is_first {
            return None;
        }
        self.is_first = false;
        self.key = self.key.checked_add(step)?;
        let zigzag = self.read_varint()?;
        let distance = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        self.value = self.value.wrapping_add_signed(distance);
        Some((self.key, self.value))
    }

    fn read_varint(&mut self) -> Option<u64> {
        match self.data {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.data = rest;
                return Some(u64::from(*byte));
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.data = rest;
                return Some(u64::from(low & 0x7F) | u64::from(*high) << 7);
            }
            _ => {}
        }
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.data.split_first()?;
            self.data = rest;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl Iterator for Pairs<'_> {
    type Item = Result<(u64, u64), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.data.is_empty() {
            return None;
        }
        let pair = self.read().ok_or(Malformed);
        if pair.is_err() {
            self.data = &[];
        }
        Some(pair)
    }
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
