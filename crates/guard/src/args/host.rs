//! Hosts: whom an address would reach, and whether a policy names them.
//!
//! An address is read only in the form that every client reads alike: `scheme://host:port/…` or a
//! bare `host:port`. Users before an `@`, backslashes, percent-encoding in the host, addresses in
//! octal, hexadecimal or short form are refused rather than guessed at. Names are compared as the
//! network knows them (IDNA, UTS 46), so that no look-alike of a named host is that host.
//!
//! What a name resolves to is not known here: a public name may point at a private address, which
//! is for the door that connects to refuse.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use idna::{AsciiDenyList, domain_to_ascii_cow};
use serde::{Deserialize, Serialize};

use super::address::{Block, is_inside, plain};

/// Whom an address would reach.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Name {
    /// Lower case, as the network knows it, without a dot at the end.
    Domain(String),
    Address(IpAddr),
}

/// The schemes whose addresses name a host the same way.
const SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];

/// Endings of names that no public network knows.
const INSIDE: [&str; 10] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "corp",
    "home",
    "arpa",
    "private",
    "test",
];

impl Host {
    /// Reads an address, or a bare host with or without a port.
    ///
    /// # Errors
    /// Says what clients could read differently.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("holds blanks or control characters");
        }
        if text.contains('\\') {
            return Err("holds a backslash");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text.contains(['/', '?', '#']) {
                true => Err("has no scheme such as `https://`"),
                false => Self::parse_authority(text),
            };
        };
        if !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return Err("has another scheme than http, https, ws or wss");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Self::parse_authority(rest.get(..end).unwrap_or_default())
    }

    fn parse_authority(authority: &str) -> Result<Self, &'static str> {
        if authority.contains('@') {
            return Err("names a user before the host");
        }
        if authority.contains('%') {
            return Err("holds percent-encoding in the host");
        }
        if let Some(rest) = authority.strip_prefix('[') {
            let (address, port) =
                rest.split_once(']').ok_or("opens a bracket and never closes it")?;
            let address: Ipv6Addr =
                address.parse().map_err(|_| "holds no IPv6 address in its brackets")?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or("goes on after the bracket")?),
            };
            return Ok(Self { name: Name::Address(address.into()), port: parse_port(port)? });
        }
        let (name, port) = match authority.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (authority, None),
        };
        Ok(Self { name: Name::parse(name)?, port: parse_port(port)? })
    }

    /// Whether it is of this machine or its surroundings, as far as its name tells.
    fn is_inside(&self) -> bool {
        match &self.name {
            Name::Address(address) => is_inside(*address),
            Name::Domain(name) => name_is_inside(name),
        }
    }
}

fn name_is_inside(name: &str) -> bool {
    name.rsplit_once('.').is_none_or(|(_, last)| INSIDE.contains(&last))
}

fn parse_port(port: Option<&str>) -> Result<Option<u16>, &'static str> {
    let Some(port) = port else { return Ok(None) };
    let plain = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| plain && *port > 0);
    port.map(Some).ok_or("has no port between 1 and 65535 after its colon")
}

impl Name {
    fn parse(text: &str) -> Result<Self, &'static str> {
        // Older and newer clients disagree on what these letters become.
        if text.chars().any(|c| matches!(c, 'ß' | 'ẞ' | 'ς' | '\u{200c}' | '\u{200d}')) {
            return Err("holds a letter that clients encode differently; write it as `xn--…`");
        }
        // UTS 46 drops letters that take no room; other readers keep them.
        if text.chars().any(|c| !c.is_ascii() && super::path::vanishes(c)) {
            return Err("holds a letter that takes no room");
        }
        let domain = to_domain(text)?;
        let last = domain.rsplit('.').next().unwrap_or_default();
        let hexadecimal =
            last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
        if hexadecimal || last.bytes().all(|b| b.is_ascii_digit()) {
            // Whatever ends in a number is an address to clients, in one of many spellings.
            let address = domain.parse::<Ipv4Addr>();
            let address =
                address.map_err(|_| "is an address, and not written as four plain numbers")?;
            return Ok(Self::Address(address.into()));
        }
        Ok(Self::Domain(domain.into_owned()))
    }
}

/// A name as the network knows it.
fn to_domain(text: &str) -> Result<Cow<'_, str>, &'static str> {
    const NONE: &str = "holds no host that the network could know";
    let domain = domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::URL).map_err(|_| NONE)?;
    let bare = domain.strip_suffix('.').unwrap_or(&domain);
    let label = |label: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-')
    };
    match bare.len() <= 253 && bare.split('.').all(label) {
        true => Ok(Cow::Owned(bare.to_owned())),
        false => Err(NONE),
    }
}

/// A host as a policy names it: `api.example.com`, `*.example.com`, `10.0.0.0/8`, `[::1]:8080`, or
/// `*` for the public network.
///
/// A `*` stands for whole labels: in front for one or more, elsewhere for one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    text: String,
    host: Pattern,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq)]
enum Pattern {
    Public,
    Labels(Vec<String>),
    Block(Block),
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says why it names no host.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unusable = |why: &str| format!("`{text}` {why}");
        if text == "*" {
            return Ok(Self { text: text.to_owned(), host: Pattern::Public, port: None });
        }
        if let Ok(block) = Block::parse(text) {
            return Ok(Self { text: text.to_owned(), host: Pattern::Block(block), port: None });
        }
        // The stars become labels that a name may have, and are found again.
        const STAR: &str = "star--label";
        let starred = text.split('.').map(|label| if label == "*" { STAR } else { label });
        let starred = starred.collect::<Vec<_>>().join(".");
        if starred.contains('*') {
            return Err(unusable("has a `*` beside other letters: it stands for whole labels"));
        }
        if text.contains('/') {
            return Err(unusable("is more than a host; expected one such as `*.example.com`"));
        }
        let host = Host::parse_authority(&starred).map_err(unusable)?;
        let pattern = match host.name {
            Name::Address(address) => Pattern::Block(Block::parse(&address.to_string())?),
            Name::Domain(name) => {
                let labels = name.split('.').map(|label| if label == STAR { "*" } else { label });
                Pattern::Labels(labels.map(str::to_owned).collect())
            }
        };
        if matches!(&pattern, Pattern::Labels(labels) if labels.iter().all(|label| label == "*")) {
            return Err(unusable("names no host; `*` alone is the public network"));
        }
        Ok(Self { text: text.to_owned(), host: pattern, port: host.port })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names `host`.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        if self.port.is_some_and(|port| host.port != Some(port)) {
            return false;
        }
        match (&self.host, &host.name) {
            (Pattern::Public, _) => !host.is_inside(),
            (Pattern::Block(block), Name::Address(address)) => block.contains(plain(*address)),
            (Pattern::Labels(labels), Name::Domain(name)) => match_labels(labels, name),
            _ => false,
        }
    }

    /// Whether it leaves open who is reached: the public network, or all names under an ending
    /// that anybody may register under.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        match &self.host {
            Pattern::Public => true,
            Pattern::Labels(labels) => {
                labels.iter().filter(|label| *label != "*").count() < 2
                    && labels.len() > 1
                    && labels.iter().any(|label| label == "*")
            }
            Pattern::Block(block) => {
                block.contains(Ipv4Addr::new(1, 1, 1, 1).into())
                    && block.contains(Ipv4Addr::new(9, 9, 9, 9).into())
            }
        }
    }
}

fn match_labels(pattern: &[String], name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let same = |(pattern, label): (&String, &&str)| pattern == "*" || pattern == label;
    match pattern.split_first() {
        Some((first, rest)) if first == "*" => match labels.len().checked_sub(rest.len()) {
            Some(open @ 1..) => rest.iter().zip(labels.iter().skip(open)).all(same),
            _ => false,
        },
        _ => pattern.len() == labels.len() && pattern.iter().zip(&labels).all(same),
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads hosts that are separated by commas.
///
/// # Errors
/// Names the first that cannot be used.
pub(super) fn parse_list(text: &str) -> Result<Vec<HostPattern>, String> {
    text.split(',').map(|one| HostPattern::parse(one.trim())).collect()
}

/// Says why `text` reaches none of `patterns`.
pub(super) fn check(patterns: &[HostPattern], text: &str) -> Result<(), String> {
    let named = patterns.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>();
    let refused = |why: &str| format!("{why}; its host must be {}", named.join(" or "));
    let host = Host::parse(text).map_err(refused)?;
    match patterns.iter().any(|pattern| pattern.matches(&host)) {
        true => Ok(()),
        false if host.is_inside() => Err(refused("reaches into this machine's own surroundings")),
        false => Err(refused("reaches another host")),
    }
}

/// The same for an address of mail, `somebody@host`.
pub(super) fn check_mail(patterns: &[HostPattern], text: &str) -> Result<(), String> {
    let named = patterns.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>();
    let refused = |why: &str| format!("{why}; it must be one address at {}", named.join(" or "));
    let (local, host) = text.split_once('@').ok_or_else(|| refused("is no address of mail"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+-'".contains(&b);
    if local.is_empty() || !local.bytes().all(plain) || host.contains([':', '[', '/']) {
        return Err(refused("is no plain address of mail"));
    }
    let host = Host::parse(host).map_err(refused)?;
    match patterns.iter().any(|pattern| pattern.matches(&host)) {
        true => Ok(()),
        false => Err(refused("is somewhere else")),
    }
}
