//! The encodings that commands decode on their way to a shell.

/// The escapes of `$'…'`, `printf` and `echo -e`.
pub(super) fn escapes(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        rest = escape(tail.get(1..).unwrap_or_default(), &mut out);
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

/// Decodes what follows one backslash and answers what is left.
fn escape<'t>(tail: &'t str, out: &mut Vec<u8>) -> &'t str {
    let Some(first) = tail.chars().next() else {
        out.push(b'\\');
        return tail;
    };
    let rest = tail.get(first.len_utf8()..).unwrap_or_default();
    let simple = match first {
        'n' => b'\n',
        't' => b'\t',
        'r' => b'\r',
        'a' => 7,
        'b' => 8,
        'e' | 'E' => 27,
        'f' => 12,
        'v' => 11,
        '\\' | '\'' | '"' | '?' => u8::try_from(first).unwrap_or(b'?'),
        'x' => return number(rest, 16, 2, out),
        'u' => return number(rest, 16, 4, out),
        'U' => return number(rest, 16, 8, out),
        '0'..='7' => return number(tail, 8, if first == '0' { 4 } else { 3 }, out),
        _ => {
            out.push(b'\\');
            out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
            return rest;
        }
    };
    out.push(simple);
    rest
}

fn number<'t>(tail: &'t str, radix: u32, digits_max: usize, out: &mut Vec<u8>) -> &'t str {
    let digits = tail.bytes().take(digits_max).take_while(|b| char::from(*b).is_digit(radix));
    let (digits, rest) = tail.split_at(digits.count());
    let value = u32::from_str_radix(digits, radix).unwrap_or(0);
    match u8::try_from(value) {
        Ok(byte) if digits_max < 4 || byte < 128 || radix == 8 => out.push(byte),
        _ => {
            let c = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    rest
}

/// Base64, standard or for addresses, with or without padding; blanks are skipped.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len()), 0_u32, 0_u32);
    for b in text.bytes() {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b' ' | b'\n' | b'\r' | b'\t' => continue,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(out)
}

/// Pairs of hexadecimal digits; blanks are skipped.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut high) = (Vec::with_capacity(text.len() / 2), None);
    for c in text.chars().filter(|c| !c.is_ascii_whitespace()) {
        let digit = u8::try_from(c.to_digit(16)?).ok()?;
        match high.take() {
            None => high = Some(digit),
            Some(first) => out.push(first << 4 | digit),
        }
    }
    Some(out)
}

/// The text that PowerShell's `-EncodedCommand` holds: base64 of UTF-16, low byte first.
pub(super) fn base64_utf16(text: &str) -> Option<String> {
    let bytes = base64(text)?;
    let units = bytes.chunks_exact(2).filter_map(|pair| match pair {
        [low, high] => Some(u16::from_le_bytes([*low, *high])),
        _ => None,
    });
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}
