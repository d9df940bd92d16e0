//! Hexadecimal digits, lower case, as they stand in records.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends two digits for each byte.
pub(crate) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// The digits as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).map(char::from).collect()
}

/// Reads exactly `N` bytes.
pub(crate) fn parse<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    let mut strange = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = VALUES.get(usize::from(*digit)).copied().unwrap_or(STRANGE);
            strange |= value;
            *byte = *byte << 4 | value & 15;
        }
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

fn digit(nibble: u8) -> u8 {
    DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_and_nothing_else_does() {
        assert_eq!(text(&[0, 0x1f, 0xa0]), "001fa0");
        assert_eq!(parse(b"001fa0"), Some([0, 0x1f, 0xa0]));
        for wrong in ["001fa", "001fa00", "001fA0", "001f 0", "+01fa0"] {
            assert_eq!(parse::<3>(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
