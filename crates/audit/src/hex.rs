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
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().try_fold(0, |value, &digit| Some(value << 4 | nibble(digit)?))?;
    }
    Some(bytes)
}

fn digit(nibble: u8) -> u8 {
    DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'?')
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
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
