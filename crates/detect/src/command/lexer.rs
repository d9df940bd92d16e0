//! A cursor over a script's bytes, and the few tokens that need no expansion.

/// Words that mean something to the grammar where a command begins.
const KEYWORDS: &[&str] = &[
    "if", "then", "elif", "else", "fi", "for", "select", "while", "until", "do", "done", "case",
    "esac", "function", "{", "}", "[[", "!", "time", "coproc",
];

/// Where the reader stands in the text.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes back to a position that [`Self::position`] gave.
    pub(super) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// Gives the rest of the text up.
    pub(super) fn stop(&mut self) {
        self.at = self.text.len();
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn peek_second(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at + 1).copied()
    }

    pub(super) fn bump(&mut self) {
        self.at = (self.at + 1).min(self.text.len());
    }

    /// Takes one whole character.
    pub(super) fn take_char(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn starts_with(&self, token: &[u8]) -> bool {
        self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(token))
    }

    pub(super) fn eat(&mut self, token: &[u8]) -> bool {
        let found = self.starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes bytes while they satisfy `keep`, which must refuse or take whole characters.
    pub(super) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.bytes().position(|b| !keep(b)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Spaces, tabs and continued lines.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match (self.peek(), self.peek_second()) {
                (Some(b' ' | b'\t' | b'\r'), _) => self.at += 1,
                (Some(b'\\'), Some(b'\n')) => self.at += 2,
                (Some(b'\\'), Some(b'\r')) if self.starts_with(b"\\\r\n") => self.at += 3,
                _ => return,
            }
        }
    }

    /// Up to the newline, which stays.
    pub(super) fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
    }

    /// Takes the rest of the line and its newline.
    pub(super) fn take_line(&mut self) -> &'t str {
        let rest = self.rest();
        let end = memchr::memchr(b'\n', rest.as_bytes());
        self.at += end.map_or(rest.len(), |end| end + 1);
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    }

    /// The inside of `$'…'`, where a backslash also escapes the quote; takes the quote too.
    pub(super) fn take_ansi_quoted(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.bytes().position(|b| {
            let ends = b == b'\'' && !escaped;
            escaped = b == b'\\' && !escaped;
            ends
        });
        self.at += end.map_or(rest.len(), |end| end + 1);
        rest.get(..end?)
    }

    /// The keyword that stands here as a whole word.
    pub(super) fn peek_keyword(&self) -> Option<&'static str> {
        let rest = self.rest().as_bytes();
        let first = *rest.first()?;
        if !matches!(first, b'a'..=b'z' | b'{' | b'}' | b'[' | b'!') {
            return None;
        }
        let end = rest.iter().take(10).position(|&b| ends_word(b)).unwrap_or(rest.len().min(10));
        let word = rest.get(..end)?;
        KEYWORDS.iter().find(|keyword| keyword.as_bytes() == word).copied()
    }

    /// Takes `keyword` where it stands as a whole word.
    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let next = self.text.as_bytes().get(self.at + keyword.len()).copied();
        next.is_none_or(ends_word) && self.eat(keyword.as_bytes())
    }

    /// Takes `NAME=`, `NAME+=` or `NAME[…]=` and answers the name.
    pub(super) fn eat_assignment(&mut self) -> Option<String> {
        let rest = self.rest();
        let end = rest.bytes().position(|b| !is_name(b)).filter(|&end| end > 0)?;
        if rest.bytes().next().is_some_and(|b| b.is_ascii_digit()) {
            return None;
        }
        let name = rest.get(..end)?;
        let mut tail = rest.get(end..)?;
        if let Some(subscript) = tail.strip_prefix('[') {
            let close = subscript.find([']', '$', '`', '\n', ' '])?;
            tail = subscript.get(close..)?.strip_prefix(']')?;
        }
        tail = tail.strip_prefix('+').unwrap_or(tail).strip_prefix('=')?;
        self.at += rest.len() - tail.len();
        Some(name.to_owned())
    }
}

/// Whether a byte may stand in the name of a variable.
pub(super) fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Whether an unquoted byte ends the word before it.
pub(super) fn ends_word(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>')
}
