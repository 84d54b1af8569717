//! State maps as bytes: pairs sorted by key, each as two variable-length integers - the distance to the key before,
//! and the zigzag distance to the value before.

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

/// Decodes what `pack` has made; None for anything else.
pub fn unpack(mut data: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut pairs = Vec::with_capacity(data.len() / 3);
    let (mut key, mut value) = (0u64, 0u64);
    while !data.is_empty() {
        let step = read_varint(&mut data)?;
        if step == 0 && !pairs.is_empty() {
            return None;
        }
        key = key.checked_add(step)?;
        let zigzag = read_varint(&mut data)?;
        let distance = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        value = value.wrapping_add_signed(distance);
        pairs.push((key, value));
    }
    Some(pairs)
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(data: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = data.split_first()?;
        *data = rest;
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
