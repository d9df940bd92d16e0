//! Base64 as strangers send it: each text stands for one run of bytes alone, since what two readers
//! could take differently proves nothing.

/// The last two letters of an alphabet, in which the usual ones differ.
pub(crate) type Last = [u8; 2];

/// For texts.
pub(crate) const PLAIN: Last = *b"+/";
/// For addresses and tokens.
pub(crate) const URL: Last = *b"-_";

/// Reads what has no padding.
pub(crate) fn unpadded(text: &str, [plus, slash]: Last) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len()), 0u32, 0);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            _ if byte == plus => 62,
            _ if byte == slash => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.extend(u8::try_from((bits >> held) & 0xff));
        }
    }
    // What is left over must be nothing.
    (held < 6 && bits & ((1 << held) - 1) == 0).then_some(out)
}

/// Writes bytes for a text, padded.
pub(crate) fn padded(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let held = chunk.iter().fold(0u32, |held, byte| (held << 8) | u32::from(*byte));
        let held = held << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let six = usize::try_from((held >> (18 - 6 * place)) & 63).unwrap_or_default();
            let letter = LETTERS.get(six).filter(|_| place <= chunk.len()).unwrap_or(&b'=');
            out.push(char::from(*letter));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (bytes, want) in
            [(&b""[..], ""), (b"A", "QQ=="), (b"\xfb\xff", "+/8="), (b"abc", "YWJj")]
        {
            assert_eq!(padded(bytes), want);
            assert_eq!(unpadded(want.trim_end_matches('='), PLAIN).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn each_text_stands_for_one_run_of_bytes_alone() {
        for (text, want) in [
            ("", Some(&b""[..])),
            ("QQ", Some(b"A")),
            ("QR", None),
            ("-_8", Some(b"\xfb\xff")),
            ("Q", None),
            ("QQ==", None),
            ("+/8", None),
            ("Q Q", None),
        ] {
            assert_eq!(unpadded(text, URL).as_deref(), want, "{text}");
        }
        assert_eq!(unpadded("+/8", PLAIN).as_deref(), Some(&b"\xfb\xff"[..]));
    }
}
