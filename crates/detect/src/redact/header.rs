//! Credentials in headers, on command lines and in manifests.

use super::check::{base64, entropy, is_placeholder};
use super::found::Found;
use super::kind::Kind;
use super::net::is_stand_in;
use super::set::Set;
use super::window::Window;

const CREDENTIAL: Set = Set::of(b"09azAZ", b"_=~@.+/-");
const CREDENTIAL_MAX: usize = 4096;

/// `Authorization: Basic …`, with any scheme or none.
pub(crate) fn authorization(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let mut value = at + "authorization".len();
    value += window.run(value, &Set::of(b"", b"\"'\\ \t"), 4);
    if !matches!(window.at(value), b':' | b'=') {
        return;
    }
    value += 1 + window.run(value + 1, &Set::of(b"", b"\"'\\ \t"), 4);
    let word = window.run(value, &Set::of(b"09azAZ", b"-"), 12);
    if (3..12).contains(&word) && Set::BLANK.has(window.at(value + word)) {
        value += word + window.run(value + word, &Set::BLANK, 4);
    }
    credential(window, value, 8, out);
}

/// `Bearer …` and `Basic …` wherever they stand.
pub(crate) fn scheme(window: &Window<'_>, at: usize, len: usize, out: &mut Vec<Found>) {
    if !window.begins(at) || !matches!(window.at(at + len), b' ' | b'=' | b':') {
        return;
    }
    let value = at + len + 1 + window.run(at + len + 1, &Set::BLANK, 3);
    let is_basic = window.at(at) | 32 == b'b' && window.at(at + 1) | 32 == b'a';
    let run = window.run(value, &Set::BASE64, 64);
    let login = base64(window.slice(value, value + run), 48);
    if !is_basic || run >= 8 && login.is_ascii() && login.contains(&b':') {
        credential(window, value, 16 - 8 * usize::from(is_basic), out);
    }
}

fn credential(window: &Window<'_>, start: usize, min: usize, out: &mut Vec<Found>) {
    let end = start + window.run(start, &CREDENTIAL, CREDENTIAL_MAX);
    let value = window.slice(start, end);
    let telling = value.iter().any(u8::is_ascii_digit) || value.len() >= 20 && entropy(value) > 3.5;
    let code = matches!(window.at(end), b'(' | b'{' | b'$' | b'<' | b'[');
    if value.len() >= min && telling && !code && entropy(value) >= 2.5 && !is_placeholder(value) {
        out.push(Found::new(Kind::ApiKey, "authorization-header", start, end));
    }
}

/// `curl -u user:password`.
pub(crate) fn command_login(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let flag = if window.has_word(at, "-u") { 2 } else { "--user".len() };
    let behind = window.behind(at, 256);
    let command = ["curl ", "curl\t", "wget ", "http "];
    let commanded =
        command.iter().any(|name| memchr::memmem::rfind(behind, name.as_bytes()).is_some());
    if !commanded || !Set::SPACE.has(window.before(at)) {
        return;
    }
    let start = at + flag + window.run(at + flag, &Set::of(b"", b" =\t"), 5);
    let end = argument_end(window, start);
    let text = window.slice(start, end);
    let Some(colon) = memchr::memchr(b':', text) else { return };
    let (user, password) = text.split_at(colon);
    let unquoted = |part: &[u8]| {
        part.iter().copied().filter(|byte| !b"\"':".contains(byte)).collect::<Vec<_>>()
    };
    let (user, password) = (unquoted(user), unquoted(password));
    if user.len() + password.len() >= 3
        && !is_stand_in(&user, if password.is_empty() { &user } else { &password })
    {
        out.push(Found::new(Kind::Password, "command-login", start, end));
    }
}

/// Where a shell word that may be made of quoted parts ends.
fn argument_end(window: &Window<'_>, start: usize) -> usize {
    let (mut end, mut quote) = (start, 0);
    while end < start + 256 {
        let byte = window.at(end);
        match byte {
            0 | b'\n' | b'\r' => break,
            b'"' | b'\'' if quote == 0 => quote = byte,
            _ if byte == quote => quote = 0,
            b' ' | b'\t' | b';' | b'|' | b'&' | b'<' | b'>' | b'\\' if quote == 0 => break,
            _ => {}
        }
        end += 1;
    }
    end
}

/// The values under `data:` in a Kubernetes manifest of kind `Secret`.
pub(crate) fn manifest(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    const LINES_MAX: usize = 24;
    let mut line = at + "data:".len();
    line += window.run(line, &Set::BLANK, 4);
    let (mut values, start) = (Vec::new(), line);
    for _ in 0..LINES_MAX {
        let newline = line + window.run(line, &Set::of(b"", b"\r\n"), 2);
        let indent = window.run(newline, &Set::BLANK, 12);
        let name = newline + indent;
        let name_end = name + window.run(name, &Set::of(b"09azAZ", b"_.-"), 100);
        if newline == line || indent == 0 || window.at(name_end) != b':' {
            break;
        }
        let quoted = name_end + 1 + window.run(name_end + 1, &Set::of(b"", b" \"'"), 3);
        let end = quoted + window.run(quoted, &Set::of(b"09azAZ", b"+/="), 1024);
        if end - quoted >= 8 {
            values.push((quoted, end));
        }
        line = end + window.run(end, &Set::of(b"", b"\"' "), 2);
    }
    if values.is_empty() {
        return;
    }
    let behind = window.behind(at, 256);
    let ahead = start.max(line);
    let ahead = window.slice(ahead, ahead + window.run(ahead, &Set::of(b" ~", b"\r\n\t"), 400));
    let is_secret = |text: &[u8]| memchr::memmem::find(text, b"kind: Secret").is_some();
    if is_secret(behind) || is_secret(ahead) {
        let secret = |(start, end)| Found::new(Kind::ApiKey, "kubernetes-secret", start, end);
        out.extend(values.into_iter().map(secret));
    }
}
