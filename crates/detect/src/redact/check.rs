//! What tells a secret from what only looks like one: check digits, entropy, and the words that
//! people write where a secret will stand.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// The entropy of the bytes, in bits a byte.
pub(crate) fn entropy(bytes: &[u8]) -> f64 {
    let (mut counts, mut repeated) = ([0_u16; 256], 0.0);
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            repeated += weight_of_next(*count);
            *count = count.saturating_add(1);
        }
    }
    let total = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    if bytes.is_empty() { 0.0 } else { total.log2() - repeated / total }
}

/// By how much `n log2 n` grows with the next occurrence; most bytes of a secret occur once or
/// twice, which costs no logarithm.
fn weight_of_next(count: u16) -> f64 {
    let weight = |n: f64| n * n.log2();
    match count {
        0 => 0.0,
        1 => 2.0,
        2 => 2.754_887_502_163_468,
        3 => 3.245_112_497_836_531_4,
        _ => weight(f64::from(count) + 1.0) - weight(f64::from(count)),
    }
}

/// Many words looked for at once, in any case.
pub(crate) struct Words(Option<AhoCorasick>);

impl Words {
    pub(crate) fn new(words: &[&str]) -> Self {
        let builder = AhoCorasick::builder().ascii_case_insensitive(true).build(words);
        // A handful of constant words always builds; were it not so, nothing would be let off.
        Self(builder.ok())
    }

    /// Whether any of them is somewhere in the text.
    pub(crate) fn any_in(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|words| words.is_match(text))
    }
}

/// Whether a value stands for a secret to be filled in: `xxxx`, `<token>`, `${TOKEN}`, `changeme`.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    static WORDS: LazyLock<Words> = LazyLock::new(|| {
        Words::new(&[
            "example",
            "changeme",
            "change_me",
            "change-me",
            "change_it",
            "your_",
            "your-",
            "yourp",
            "yourt",
            "yourk",
            "yours",
            "xxxx",
            "****",
            "....",
            "redacted",
            "placeholder",
            "dummy",
            "insert_",
            "${",
            "{{",
            "00000000",
            "todo",
        ])
    });
    matches!(value.first(), Some(b'<' | b'$' | b'%' | b'{' | b'[')) || WORDS.any_in(value)
}

/// The check digit of payment cards.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = (digits.iter().rev().map(|byte| u32::from(byte.wrapping_sub(b'0'))).enumerate())
        .map(|(place, digit)| if place % 2 == 1 { doubled(digit) } else { digit })
        .sum();
    sum.is_multiple_of(10)
}

/// The remainder by 97 of an account number without blanks, its first four characters taken last.
pub(crate) fn iban(account: &[u8]) -> bool {
    let (country, rest) = account.split_at(account.len().min(4));
    let remainder = rest.iter().chain(country).try_fold(0_u32, |sum, byte| {
        let digit = char::from(*byte).to_digit(36)?;
        Some(if digit < 10 { sum * 10 + digit } else { sum * 100 + digit } % 97)
    });
    remainder == Some(1)
}

/// The last six characters of tokens of GitHub and npm: the CRC-32 of what stands between the
/// prefix and them, in base 62.
pub(crate) fn github(token: &[u8]) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = memchr::memchr(b'_', token).and_then(|at| token.get(at + 1..)).unwrap_or_default();
    let (body, tail) = body.split_at(body.len().saturating_sub(6));
    let value = tail.iter().try_fold(0_u64, |sum, byte| {
        let digit = DIGITS.iter().position(|digit| digit == byte)?;
        Some(sum * 62 + digit as u64)
    });
    value == Some(u64::from(crc32(body)))
}

fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = [
        0,
        0x1DB7_1064,
        0x3B6E_20C8,
        0x26D9_30AC,
        0x76DC_4190,
        0x6B6B_51F4,
        0x4DB2_6158,
        0x5005_713C,
        0xEDB8_8320,
        0xF00F_9344,
        0xD6D6_A3E8,
        0xCB61_B38C,
        0x9B64_C2B0,
        0x86D3_D2D4,
        0xA00A_E278,
        0xBDBD_F21C,
    ];
    let step = |crc: u32| (crc >> 4) ^ TABLE.get((crc & 15) as usize).copied().unwrap_or_default();
    !bytes.iter().fold(u32::MAX, |crc, byte| step(step(crc ^ u32::from(*byte))))
}

/// The bytes behind base64 of either alphabet, as far as they go.
pub(crate) fn base64(text: &[u8], max: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(max.min(text.len()));
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        (bits, held) = ((bits << 6) | u32::from(six), held + 6);
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xFF).unwrap_or_default());
            if out.len() == max {
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        assert!(luhn(b"4111111111111111") && !luhn(b"4111111111111112"));
        assert!(iban(b"GB82WEST12345698765432") && !iban(b"GB82WEST12345698765431"));
        assert!(!iban(b"GB82 WEST"));
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        // The tail of this made-up token is the check value of its first thirty characters.
        let body = "abcdefghijklmnopqrstuvwxyz0123";
        let tail = base62(crc32(body.as_bytes()));
        assert!(github(["ghp_", body, &tail].concat().as_bytes()));
        assert!(!github(["ghp_", body, "000000"].concat().as_bytes()));
    }

    fn base62(mut value: u32) -> String {
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut out = Vec::new();
        for _ in 0..6 {
            out.push(digits[(value % 62) as usize]);
            value /= 62;
        }
        out.reverse();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn entropy_is_in_bits() {
        assert!(entropy(b"aaaa") < 0.01 && entropy(b"") == 0.0);
        assert!((entropy(b"abcd") - 2.0).abs() < 0.01);
    }

    #[test]
    fn base64_is_read_in_both_alphabets() {
        assert_eq!(base64(b"eyJhbGciOiJIUzI1NiJ9", 99), br#"{"alg":"HS256"}"#);
        assert_eq!(base64(b"-_8=", 99), [0xFB, 0xFF]);
        assert_eq!(base64(b"AAAAAAAA", 2), [0, 0]);
    }

    #[test]
    fn placeholders_are_told() {
        for text in ["<TOKEN>", "${DB}", "your_api_key", "xxxxxxxx", "ChangeMe", "0000000000"] {
            assert!(is_placeholder(text.as_bytes()), "{text}");
        }
        assert!(!is_placeholder(b"pQBwKjfXI2tp8K"));
    }
}
