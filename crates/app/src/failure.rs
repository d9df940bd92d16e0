//! What went wrong, in a form that helps: what, where, how to mend it, and a stable code.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use bakerst_model::Code;
use serde_json::json;

use crate::print::Style;

/// How the process ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// All is well.
    Ok,
    /// Something was refused, or found.
    Refused,
    /// The command line or the configuration is wrong.
    Usage,
    /// The machine does not let us.
    Environment,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Environment => 3,
        })
    }
}

/// A line of a file, and a place in it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file, as it was named.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: u32,
    /// The column, from 1.
    pub(crate) column: u32,
    /// The line's text.
    pub(crate) text: String,
}

/// Why a command ends without having done what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// The stable code.
    pub(crate) code: Code,
    /// What happened.
    pub(crate) message: String,
    /// Where, when it is a place in a file.
    pub(crate) place: Option<Place>,
    /// What was perhaps meant.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A failure with its code's own advice.
    pub(crate) fn new(exit: Exit, code: Code, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), place: None, hint: None }
    }

    /// The command line or configuration is wrong.
    pub(crate) fn usage(code: Code, message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// The machine does not let us.
    pub(crate) fn environment(code: Code, message: impl Into<String>) -> Self {
        Self::new(Exit::Environment, code, message)
    }

    /// Writes it to standard error, for a person or for a program.
    pub(crate) fn report(&self, json: bool) {
        let text = if json { self.as_json() } else { self.as_text(Style::for_stderr()) };
        // When standard error is gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    fn as_json(&self) -> String {
        let place = self.place.as_ref();
        json!({ "error": {
            "code": self.code,
            "message": self.message,
            "file": place.map(|place| &place.file),
            "line": place.map(|place| place.line),
            "column": place.map(|place| place.column),
            "hint": self.hint,
            "remedy": self.code.remedy(),
        }})
        .to_string()
    }

    fn as_text(&self, style: Style) -> String {
        let mut text = format!(
            "{}{} {}",
            style.red("error "),
            style.red(self.code.as_str()),
            style.bold(&self.message)
        );
        if let Some(Place { file, line, column, text: source }) = &self.place {
            let gutter = line.to_string().len();
            let blank = " ".repeat(gutter);
            let under = " ".repeat(usize::try_from(column.saturating_sub(1)).unwrap_or_default());
            let shown = source.replace('\t', " ");
            let _ = write!(text, "\n{blank}--> {file}:{line}:{column}");
            let _ =
                write!(text, "\n{blank} |\n{line} | {shown}\n{blank} | {under}{}", style.red("^"));
        }
        let hint = self.hint.as_deref().unwrap_or(self.code.remedy());
        let _ = write!(text, "\n  = {} {hint}", style.bold("help:"));
        text
    }
}

/// What a command comes to.
pub(crate) type Outcome = Result<Exit, Failure>;
