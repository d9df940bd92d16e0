//! Addresses: electronic mail, passwords inside of service addresses, IPv6 and hardware addresses.

use super::check::is_placeholder;
use super::found::Found;
use super::kind::Kind;
use super::set::Set;
use super::window::{START_BACK_MAX, Window};

const LOCAL: Set = Set::of(b"09azAZ", b"._%+-");
const DOMAIN: Set = Set::of(b"09azAZ", b".-");
const COLON_HEX: Set = Set::of(b"09afAF", b":.");
/// Endings of files and units that stand behind an at sign and are no domains.
const NO_DOMAINS: [&str; 20] = [
    "service", "socket", "timer", "mount", "target", "slice", "scope", "png", "jpg", "jpeg", "gif",
    "svg", "webp", "js", "ts", "css", "json", "html", "local", "lock",
];

/// An address around the at sign.
pub(crate) fn email(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let mut start = at - window.run_back(at, &LOCAL, START_BACK_MAX - 16);
    while matches!(window.at(start), b'.' | b'-' | b'+' | b'%') {
        start += 1;
    }
    let run = window.run(at + 1, &DOMAIN, 254);
    let domain = window.slice(at + 1, at + 1 + run);
    let len = domain.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
    let domain = domain.get(..len).unwrap_or_default();
    let end = at + 1 + len;
    if start >= at || window.before(at) == b'.' || !is_domain(domain) {
        return;
    }
    // A password before the machine's name is a rule of its own; `git@host:path` names no person.
    let login = matches!(window.slice(start, at), b"git" | b"svn" | b"hg")
        && matches!(window.at(end), b':' | b'/');
    let in_address = window.before(start) == b':'
        && window.before(start - 1) != b':'
        && memchr::memmem::find(window.behind(start, 64), b"://").is_some();
    if !login && !in_address {
        out.push(Found::new(Kind::Email, "email", start, end));
    }
}

fn is_domain(domain: &[u8]) -> bool {
    let mut labels = domain.rsplit(|byte| *byte == b'.');
    let top = labels.next().unwrap_or_default();
    let lower = top.to_ascii_lowercase();
    (2..=24).contains(&top.len())
        && top.iter().all(u8::is_ascii_alphabetic)
        && labels.next().is_some_and(|label| !label.is_empty())
        && labels.all(|label| !label.is_empty())
        && !NO_DOMAINS.iter().any(|no| no.as_bytes() == lower)
}

/// The password of `scheme://user:password@host`.
pub(crate) fn address_password(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    const AUTHORITY_ENDS: Set = Set::of(b"\0 ", b"/?#\"'`<>\\");
    let start = at + 3;
    let (mut end, mut colon, mut sign) = (start, None, None);
    while end < start + 300 && !AUTHORITY_ENDS.has(window.at(end)) {
        match window.at(end) {
            b':' if colon.is_none() => colon = Some(end),
            b'@' => sign = Some(end),
            _ => {}
        }
        end += 1;
    }
    if let (Some(colon), Some(sign)) = (colon, sign)
        && colon < sign
        && Set::ALNUM.has(window.before(at))
    {
        let (user, password) = (window.slice(start, colon), window.slice(colon + 1, sign));
        let hex = |part: &[u8]| part.len() >= 8 && part.iter().all(u8::is_ascii_hexdigit);
        let start = if hex(user) && hex(password) { start } else { colon + 1 };
        if !is_stand_in(user, password) {
            out.push(Found::new(Kind::Password, "address-password", start, sign));
        }
    }
}

/// Whether a login is one that documentation shows.
pub(crate) fn is_stand_in(user: &[u8], password: &[u8]) -> bool {
    const WORDS: [&[u8]; 14] = [
        b"password",
        b"pass",
        b"passwd",
        b"pwd",
        b"token",
        b"secret",
        b"test",
        b"changeit",
        b"changeme",
        b"user",
        b"username",
        b"key",
        b"apikey",
        b"api_key",
    ];
    let lower = password.to_ascii_lowercase();
    let repeated = password.iter().all(|byte| Some(byte) == password.first());
    password.len() < 3
        || repeated
        || WORDS.contains(&lower.as_slice())
        || is_placeholder(password)
        || is_placeholder(user)
        || password.contains(&b'(')
}

/// An IPv6 or hardware address around the first of its colons.
pub(crate) fn colons(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let back = window.run_back(at, &Set::HEX, 5);
    let start = at - back;
    let last = window.before(start);
    if back > 4
        || Set::WORD.has(last)
        || matches!(last, b':' | b'.' | b'-')
        || last == b'/' && back == 0
    {
        return;
    }
    let run = window.run(start, &COLON_HEX, 48);
    let text = window.slice(start, start + run);
    let len = text.iter().rposition(u8::is_ascii_hexdigit).map_or(0, |last| last + 1);
    let text = text.get(..len).unwrap_or_default();
    let end = start + len;
    if run == 48 || Set::WORD.has(window.at(start + run)) {
        return;
    }
    if is_hardware(text, b':') {
        out.push(Found::new(Kind::MacAddress, "mac-address", start, end));
    } else if is_version_6(text) {
        out.push(Found::new(Kind::IpAddress, "ipv6", start, end));
    }
}

/// A hardware address written with dashes, at its first dash.
pub(crate) fn dashed_hardware(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let start = at - window.run_back(at, &Set::HEX, 3);
    let last = window.before(start);
    if at != start + 2 || Set::WORD.has(last) || last == b'-' {
        return;
    }
    let run = window.run(start, &Set::HEX.with(b'-'), 18);
    let text = window.slice(start, start + run);
    let lettered = text.iter().any(u8::is_ascii_alphabetic);
    if lettered && is_hardware(text, b'-') && !Set::WORD.has(window.at(start + run)) {
        out.push(Found::new(Kind::MacAddress, "mac-address", start, start + run));
    }
}

fn is_hardware(text: &[u8], separator: u8) -> bool {
    text.len() == 17
        && text.iter().enumerate().all(|(place, byte)| match place % 3 {
            2 => *byte == separator,
            _ => byte.is_ascii_hexdigit(),
        })
        && !matches!(text, b"00:00:00:00:00:00" | b"ff:ff:ff:ff:ff:ff" | b"FF:FF:FF:FF:FF:FF")
}

fn is_version_6(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let groups = text.split(':').filter(|group| !group.is_empty()).count();
    groups >= 3
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .parse::<std::net::Ipv6Addr>()
            .is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
}
