//! Hexadecimal digits, lower case, as they stand in records.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends two digits for each byte.
pub(crate) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len() * 2, b'?');
    let Some(digits) = out.get_mut(start..) else { return };
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = pair_of(*byte);
    }
}

/// The digits as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| pair_of(*byte)).map(char::from).collect()
}

/// Reads exactly `N` bytes.
pub(crate) fn parse<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    let mut strange = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let (high, low) = (value(*high), value(*low));
        strange |= high | low;
        *byte = high << 4 | low & 15;
    }
    (strange & STRANGE == 0).then_some(bytes)
}

/// Marks what is no digit.
const STRANGE: u8 = 0x80;

/// What each byte is worth as a digit. Verifying a log reads 128 of them a record.
#[expect(clippy::indexing_slicing, reason = "an index out of range would not compile here")]
const VALUES: [u8; 256] = {
    let mut values = [STRANGE; 256];
    let mut value = 0;
    while value < 16 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// The digits of each byte. Writing a record takes 64 of them.
#[expect(clippy::indexing_slicing, reason = "an index out of range would not compile here")]
const PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(STRANGE)
}

fn pair_of(byte: u8) -> [u8; 2] {
    PAIRS.get(usize::from(byte)).copied().unwrap_or(*b"??")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_and_nothing_else_does() {
        assert_eq!(text(&[0, 0x1f, 0xa0]), "001fa0");
        let mut out = b"x".to_vec();
        push(&mut out, &[0, 0x1f, 0xa0]);
        assert_eq!(out, b"x001fa0");
        assert_eq!(parse(b"001fa0"), Some([0, 0x1f, 0xa0]));
        for wrong in ["001fa", "001fa00", "001fA0", "001f 0", "+01fa0"] {
            assert_eq!(parse::<3>(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
