//! Paths: where a text would lead, and whether that is within a folder.
//!
//! Nothing here touches a disk. A text is taken apart the way that every reader of paths agrees on,
//! and whatever two readers could take apart differently is refused: percent-encoding, backslashes,
//! look-alikes of `.` and `/`, letters that take no room, variables that a shell would replace.
//! Where symbolic links matter, the edge says where a path leads on its machine ([`ResolvedPaths`]),
//! and a rule that asks for it holds both the text and the place against its folders.

use std::collections::BTreeMap;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// Where paths lead on the machine of the edge: what was asked for, and what came of it.
///
/// The edge follows symbolic links of the longest part that exists and appends the rest. What is
/// not in here was not resolved, and a rule that needs it is broken.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResolvedPaths(BTreeMap<String, String>);

impl ResolvedPaths {
    /// Remembers where a path leads.
    pub fn insert(&mut self, path: String, leads_to: String) {
        self.0.insert(path, leads_to);
    }

    fn get(&self, path: &Path) -> Option<Path> {
        Path::parse(self.0.get(&path.to_string())?, None).ok()
    }
}

/// An absolute path without `.`, `..` or empty names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path(Vec<String>);

impl Path {
    /// Takes a text apart, beginning at `from` when it is relative.
    ///
    /// # Errors
    /// Says what two readers could take apart differently.
    pub fn parse(text: &str, from: Option<&Self>) -> Result<Self, &'static str> {
        refuse_tricks(text)?;
        let mut names = match (text.starts_with('/'), from) {
            (true, _) => Vec::new(),
            (false, Some(from)) => from.0.clone(),
            (false, None) => return Err("is no absolute path"),
        };
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop();
                }
                name if name.trim_matches([' ', '.']).is_empty() => {
                    return Err("holds a name of dots and blanks");
                }
                name if name.trim() != name || name.ends_with('.') => {
                    return Err("holds a name that begins or ends with what some systems drop");
                }
                name => names.push(name.to_owned()),
            }
        }
        Ok(Self(names))
    }

    /// Whether it is `folder` or within it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        self.0.starts_with(&folder.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("/"),
            names => names.iter().try_for_each(|name| write!(f, "/{name}")),
        }
    }
}

fn refuse_tricks(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    if text.is_empty() {
        return Err("is empty");
    }
    if text.starts_with('~') {
        return Err("begins at somebody's home");
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    if text.contains('\\') {
        return Err("holds a backslash");
    }
    let encoded =
        |w: &[u8]| matches!(w, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    if bytes.windows(3).any(encoded) {
        return Err("holds percent-encoding");
    }
    let replaced =
        |w: &[u8]| matches!(w, [b'$', b] if b.is_ascii_alphabetic() || b"{(_".contains(b));
    if text.contains('`') || bytes.windows(2).any(replaced) {
        return Err("holds something that a shell would replace");
    }
    let strange = |c: char| !c.is_ascii() && is_strange(c);
    match text.chars().any(strange) {
        true => Err("holds a letter that looks like another, or like none"),
        false => Ok(()),
    }
}

/// Letters that take no room: those that are escaped before a person sees them.
pub(super) fn vanishes(c: char) -> bool {
    bakerst_model::Escaped(c.encode_utf8(&mut [0; 4])).to_string().starts_with("\\u")
}

/// Letters that some reader turns into `/`, `\`, `.` or nothing.
fn is_strange(c: char) -> bool {
    let becomes = |part: char| matches!(part, '/' | '\\' | '.' | '%' | '~') || part.is_whitespace();
    // Slashes that no normalisation folds, but that fonts and old code pages do.
    let like_slash = matches!(
        c,
        '\u{2044}'
            | '\u{2215}'
            | '\u{29f8}'
            | '\u{29f5}'
            | '\u{2216}'
            | '\u{29f6}'
            | '\u{29f9}'
            | '\u{338}'
            | '\u{337}'
            | '\u{a789}'
            | '\u{589}'
            | '\u{2571}'
            | '\u{2572}'
    );
    vanishes(c) || like_slash || std::iter::once(c).nfkc().any(becomes)
}

/// `under:` and `resolved-under:`.
#[derive(Clone, Debug, PartialEq)]
pub struct PathRule {
    folders: Vec<Path>,
    from: Option<Path>,
    /// Whether symbolic links are followed first, by the edge.
    resolved: bool,
}

impl PathRule {
    /// Reads `/workspace`, `/workspace,/tmp/x` or `/workspace from /workspace`.
    ///
    /// # Errors
    /// Says which path cannot be used, and why.
    pub fn parse(text: &str, resolved: bool) -> Result<Self, String> {
        let (folders, from) = match text.split_once(" from ") {
            Some((folders, from)) => (folders, Some(from)),
            None => (text, None),
        };
        let path = |text: &str| {
            let text = text.trim();
            Path::parse(text, None).map_err(|why| format!("the folder `{text}` {why}"))
        };
        Ok(Self {
            folders: folders.split(',').map(path).collect::<Result<_, _>>()?,
            from: from.map(path).transpose()?,
            resolved,
        })
    }

    /// Says why `text` does not lead into one of the folders.
    ///
    /// # Errors
    /// Where it does not.
    pub fn check(&self, text: &str, resolved: &ResolvedPaths) -> Result<(), String> {
        let refused = |why: &str| format!("{why}; it must be {self}");
        let path = Path::parse(text, self.from.as_ref()).map_err(refused)?;
        if !self.folders.iter().any(|folder| path.is_within(folder)) {
            return Err(refused("leads elsewhere"));
        }
        if !self.resolved {
            return Ok(());
        }
        let Some(place) = resolved.get(&path) else {
            return Err(refused(
                "was not followed on this machine: it is out of reach, or one of more than `resolved_paths_max`",
            ));
        };
        let places = self.folders.iter().filter_map(|folder| resolved.get(folder));
        match places.into_iter().any(|folder| place.is_within(&folder)) {
            true => Ok(()),
            false => Err(refused("leads elsewhere by a symbolic link")),
        }
    }

    pub(super) fn resolves(&self) -> bool {
        self.resolved
    }

    /// What the edge must follow, for a value and for the rule itself.
    pub(super) fn to_resolve(&self, text: &str, into: &mut Vec<String>) {
        if self.resolved
            && let Ok(path) = Path::parse(text, self.from.as_ref())
        {
            into.push(path.to_string());
            into.extend(self.folders.iter().map(ToString::to_string));
        }
    }

    /// Whether every path is within one of the folders.
    pub(super) fn is_wide(&self) -> bool {
        self.folders.iter().any(|folder| folder.0.is_empty())
    }

    /// Whether no path is within a folder of each.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let meet = |a: &Path, b: &Path| a.is_within(b) || b.is_within(a);
        !self.folders.iter().any(|ours| other.folders.iter().any(|theirs| meet(ours, theirs)))
    }
}

impl fmt::Display for PathRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folders: Vec<_> = self.folders.iter().map(|folder| format!("`{folder}`")).collect();
        write!(f, "under {}", folders.join(" or "))
    }
}
