//! How things are called where all servers have one address: `server__tool`, and resources by an
//! address that begins with their server's name. Every name leads back to one server alone, and
//! none is longer than what clients take.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bakerst_model::Digest;

/// Stands between a server and what it offers.
const BETWEEN: &str = "__";
/// The longest name. Clients take 64 and put their own word before it: `mcp__bakerst__` fits.
const NAME_BYTES_MAX: usize = 50;
/// The longest part of it that names the server.
const SERVER_BYTES_MAX: usize = 20;
/// Stands before the digits of a name that was shortened.
const SHORT: &str = "_x";
const DIGITS: usize = 12;
/// What the address of a resource begins with.
const SCHEME: &str = "bakerst:";

/// How servers are called in the names of what they offer.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    servers: BTreeMap<String, Arc<str>>,
    aliases: BTreeMap<Arc<str>, String>,
}

impl Aliases {
    /// Names for these servers.
    pub(crate) fn of<'s>(servers: impl Iterator<Item = &'s Arc<str>>) -> Self {
        let mut this = Self::default();
        for server in servers {
            // Two that come to the same are told apart by another digest.
            let mut names = (0..=u8::MAX).map(|round| alias(server, round));
            let Some(name) = names.find(|name| !this.servers.contains_key(name)) else { continue };
            this.servers.insert(name.clone(), server.clone());
            this.aliases.insert(server.clone(), name);
        }
        this
    }

    /// All servers, and how they are called.
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &str)> {
        self.aliases.iter().map(|(server, alias)| (server, alias.as_str()))
    }

    /// The server that is called this.
    pub(crate) fn server(&self, alias: &str) -> Option<&Arc<str>> {
        self.servers.get(alias)
    }

    /// Whose this is, and what it is called there: the rest of a name.
    pub(crate) fn split<'n>(&self, name: &'n str) -> Option<(&Arc<str>, &'n str)> {
        let (alias, rest) = name.split_once(BETWEEN)?;
        Some((self.server(alias)?, rest))
    }

    /// Whose resource this is, and its address there.
    pub(crate) fn split_uri<'n>(&self, uri: &'n str) -> Option<(&Arc<str>, &'n str)> {
        let (alias, rest) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        Some((self.server(alias)?, rest))
    }
}

fn alias(server: &str, round: u8) -> String {
    let plain = server.len() <= SERVER_BYTES_MAX
        && !server.contains(BETWEEN)
        && !server.ends_with('_')
        && !server.rsplit_once('-').is_some_and(|(_, end)| is_hex(end, 8));
    if plain && round == 0 {
        return server.to_owned();
    }
    let digits = digits(&[server.as_bytes(), &[round]], 8);
    let mut head = String::new();
    for letter in server.chars().take(SERVER_BYTES_MAX - 9) {
        if !(letter == '_' && head.ends_with('_')) {
            head.push(letter);
        }
    }
    format!("{}-{digits}", head.trim_end_matches('_'))
}

/// What something of a server's is called here.
pub(crate) fn prefixed(alias: &str, name: &str) -> String {
    let room = NAME_BYTES_MAX.saturating_sub(alias.len() + BETWEEN.len());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=room).contains(&name.len()) && name.bytes().all(plain) && !is_short(name) {
        return format!("{alias}{BETWEEN}{name}");
    }
    let head: String = name
        .chars()
        .take(room.saturating_sub(SHORT.len() + DIGITS))
        .map(|letter| if u8::try_from(letter).is_ok_and(plain) { letter } else { '_' })
        .collect();
    let digits = digits(&[name.as_bytes()], DIGITS);
    format!("{alias}{BETWEEN}{head}{SHORT}{digits}")
}

/// Whether the rest of a name was shortened, so that only its server's list says what it stands
/// for.
pub(crate) fn is_short(rest: &str) -> bool {
    rest.rsplit_once(SHORT).is_some_and(|(_, digits)| is_hex(digits, DIGITS))
}

/// The address of a server's resource, or the pattern of one.
pub(crate) fn prefixed_uri(alias: &str, uri: &str) -> String {
    format!("{SCHEME}{alias}/{uri}")
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn digits(parts: &[&[u8]], count: usize) -> String {
    let mut text = String::new();
    for byte in Digest::of_parts(parts).as_bytes() {
        // A text takes whatever is written into it.
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(count);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn aliases(servers: &[&str]) -> Aliases {
        let servers: Vec<Arc<str>> = servers.iter().map(|server| Arc::from(*server)).collect();
        Aliases::of(servers.iter())
    }

    #[test]
    fn names_say_whose_they_are() {
        for (server, tool, want) in [
            ("files", "read", "files__read"),
            ("files", "_read", "files___read"),
            ("files", "a__b", "files__a__b"),
            ("my-files_2", "read", "my-files_2__read"),
        ] {
            let aliases = aliases(&[server]);
            let (_, alias) = aliases.all().next().unwrap();
            assert_eq!(prefixed(alias, tool), want);
            assert_eq!(aliases.split(want), Some((&Arc::from(server), tool)));
        }
        let aliases = aliases(&["files"]);
        for name in ["read", "mail__read", "files_read", "__read", ""] {
            assert_eq!(aliases.split(name), None, "{name}");
        }
        let uri = prefixed_uri("files", "file:///a?b#c");
        assert_eq!(uri, "bakerst:files/file:///a?b#c");
        assert_eq!(aliases.split_uri(&uri), Some((&Arc::from("files"), "file:///a?b#c")));
        assert_eq!(aliases.split_uri("file:///a"), None);
    }

    proptest! {
        /// Two things are never called the same, and each name leads back to its server.
        #[test]
        fn no_two_names_are_one(
            servers in proptest::collection::btree_set("[ab_-]{1,5}(__)?[ab_]{0,2}([a-z]{20})?(-[0-9a-f]{8})?", 1..6),
            tools in proptest::collection::btree_set("[ab_]{1,4}(\\.é)?([a-z]{50})?(_x[0-9a-f]{12})?", 1..6),
        ) {
            let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
            let aliases = aliases(&servers);
            prop_assert_eq!(aliases.all().len(), servers.len());
            let mut names = BTreeSet::new();
            for (server, alias) in aliases.all() {
                for tool in &tools {
                    let name = prefixed(alias, tool);
                    prop_assert!(name.len() <= NAME_BYTES_MAX, "{}", name);
                    prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
                    let (whose, rest) = aliases.split(&name).unwrap();
                    prop_assert_eq!(whose, server);
                    prop_assert!(is_short(rest) || rest == tool, "{} {}", name, tool);
                    prop_assert!(names.insert(name));
                    let uri = prefixed_uri(alias, tool);
                    prop_assert_eq!(aliases.split_uri(&uri), Some((server, tool.as_str())));
                }
            }
        }
    }
}
