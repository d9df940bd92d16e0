//! Output for people: colours on a terminal, and none anywhere else.

use std::io::{IsTerminal, Write};

use serde::Serialize;

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// For what goes to standard output.
    pub(crate) fn for_stdout() -> Self {
        Self { colour: std::io::stdout().is_terminal() && !crate::paths::no_colour() }
    }

    /// For what goes to standard error.
    pub(crate) fn for_stderr() -> Self {
        Self { colour: std::io::stderr().is_terminal() && !crate::paths::no_colour() }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }

    /// For what matters.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For what explains.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// For what is refused.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// For what is allowed.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    /// For what waits.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    /// A verdict in its colour.
    pub(crate) fn verdict(self, verdict: &str) -> String {
        match verdict {
            "allow" | "approve" => self.green(verdict),
            "deny" | "reject" => self.red(verdict),
            _ => self.yellow(verdict),
        }
    }
}

/// Writes one line to standard output. A reader that has gone away is no error of ours.
pub(crate) fn line(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Writes one line to standard error.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// Writes a value as JSON on one line.
pub(crate) fn json(value: &impl Serialize) {
    line(serde_json::to_string(value).unwrap_or_default());
}

/// Rows in aligned columns, the last column as wide as it likes.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let style = Style::for_stdout();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|name| name.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let format_row = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    line(style.dim(&format_row(&mut head.iter().copied())));
    rows.iter().for_each(|row| line(format_row(&mut row.iter().map(String::as_str))));
}
