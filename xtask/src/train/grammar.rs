//! Texts from a grammar: many wordings of the same few intentions.
//!
//! A file holds sections, `= name` and one production a line. Within a line `{a|b}` picks one,
//! `<name>` expands a section, `\n` breaks the line, and a backslash before a sign keeps the sign.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use super::rng::Rng;

/// The sections of some grammar files.
pub(super) struct Grammar(BTreeMap<String, Vec<String>>);

const DEPTH_MAX: usize = 24;

impl Grammar {
    pub(super) fn parse(files: &[&str]) -> Result<Self> {
        let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in files {
            let mut section = None;
            for line in
                file.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            {
                if let Some(name) = line.strip_prefix("= ") {
                    section = Some(name.trim().to_owned());
                } else {
                    let name = section.clone().context("a production before the first section")?;
                    sections.entry(name).or_default().push(line.to_owned());
                }
            }
        }
        let grammar = Self(sections);
        grammar.check()?;
        Ok(grammar)
    }

    /// Every section that a production names must exist.
    fn check(&self) -> Result<()> {
        for line in self.0.values().flatten() {
            let mut rest = line.as_str();
            while let Some(at) = rest.find('<') {
                let escaped = rest[..at].ends_with('\\');
                rest = &rest[at + 1..];
                if let Some(name) = section_name(rest).filter(|_| !escaped) {
                    ensure!(self.0.contains_key(name), "no section `{name}`: {line}");
                }
            }
        }
        Ok(())
    }

    /// One text of a section.
    pub(super) fn expand(&self, section: &str, rng: &mut Rng) -> String {
        let mut out = String::new();
        self.section(section, rng, DEPTH_MAX, &mut out);
        out.trim().to_owned()
    }

    fn section(&self, name: &str, rng: &mut Rng, depth: usize, out: &mut String) {
        let lines = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
        if let Some(line) = rng.pick(lines).filter(|_| depth > 0) {
            self.line(line, rng, depth, out);
        }
    }

    fn line(&self, line: &str, rng: &mut Rng, depth: usize, out: &mut String) {
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' => {
                    let next = rest.chars().next().unwrap_or('\\');
                    rest = rest.get(next.len_utf8()..).unwrap_or_default();
                    out.push(if next == 'n' { '\n' } else { next });
                }
                '<' if let Some(name) = section_name(rest) => {
                    self.section(name, rng, depth - 1, out);
                    rest = &rest[name.len() + 1..];
                }
                '{' => {
                    let (choices, after) = alternatives(rest);
                    if let Some(choice) = rng.pick(&choices) {
                        self.line(choice, rng, depth, out);
                    }
                    rest = after;
                }
                c => out.push(c),
            }
        }
    }
}

/// The name before the next `>`, if it can be one: other signs make it a mark of the text.
fn section_name(text: &str) -> Option<&str> {
    let name = &text[..text.find('>')?];
    (!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).then_some(name)
}

/// Splits `a|b} rest` at the bars of its own level; gives the choices and what follows.
fn alternatives(text: &str) -> (Vec<&str>, &str) {
    let (mut choices, mut level, mut start, mut escaped) = (Vec::new(), 0, 0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => level += 1,
            '}' if level == 0 => {
                choices.push(&text[start..at]);
                return (choices, &text[at + 1..]);
            }
            '}' => level -= 1,
            '|' if level == 0 => {
                choices.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    (vec![text], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_expands_to_its_wordings() {
        let grammar = Grammar::parse(&["= a\n{x|y{1|2}} <b>\\{\n= b\nz"]).unwrap();
        let mut rng = Rng::new(1);
        let mut seen: Vec<String> = (0..50).map(|_| grammar.expand("a", &mut rng)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["x z{", "y1 z{", "y2 z{"]);
        assert!(Grammar::parse(&["= a\n<nowhere>"]).is_err());
    }
}
