//! Text that must not be printed as it is: what outsiders wrote, and what must stay secret.

use std::fmt::{self, Write as _};

use zeroize::Zeroizing;

/// A value that came from an agent, a model or a tool.
///
/// It has no `Display`: whoever shows it to a person or a terminal goes through
/// [`Untrusted::escaped`]. Serialising as JSON is safe and is done on the inner value.
#[derive(Clone, Eq, PartialEq)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks a value as coming from outside.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for code that judges or relays it.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, for code that passes it on.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsRef<str>> Untrusted<T> {
    /// The text with everything escaped that could move a cursor, hide text or reorder a line.
    pub fn escaped(&self) -> Escaped<'_> {
        Escaped(self.0.as_ref())
    }
}

impl<T: fmt::Debug> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({:?})", self.0)
    }
}

/// Text on its way to a person: control and invisible characters are written as `\u{…}`.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'t>(pub &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() || is_invisible(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Characters that take no room or change the direction of what follows.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A secret. It cannot be printed or serialised, and its memory is cleared when it goes.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_cannot_move_a_cursor_or_forge_a_line() {
        let text = Untrusted::new("ok\n\u{1b}[2Jfine\u{202e}txt.exe\u{e0041}");
        assert_eq!(text.escaped().to_string(), "ok\\n\\u{1b}[2Jfine\\u{202e}txt.exe\\u{e0041}");
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(..)");
    }
}
