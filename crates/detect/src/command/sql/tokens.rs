//! SQL's words, strings and comments.

/// A token of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word, in capitals.
    Word(String),
    /// A quoted name.
    Name(String),
    /// A string without its quotes.
    Text(String),
    /// A number.
    Number(String),
    /// Any other character.
    Mark(char),
}

impl Token {
    /// The word or name that it is; strings and comments are none.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) | Self::Name(word) => Some(word),
            Self::Text(_) | Self::Number(_) | Self::Mark(_) => None,
        }
    }

    /// Whether it is this word.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

/// Splits SQL into tokens; comments vanish, except those that MySQL runs.
pub(super) fn tokens(text: &str, backslash_escapes: bool) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match c {
            '-' if after.starts_with('-') => line_end(rest),
            '#' if !out.last().is_some_and(|t| matches!(t, Token::Mark('>' | '-'))) => {
                line_end(rest)
            }
            '/' if after.starts_with("*!") => {
                let tail = after.get(2..).unwrap_or_default();
                tail.trim_start_matches(|c: char| c.is_ascii_digit())
            }
            '/' if after.starts_with('*') => comment_end(after.get(1..).unwrap_or_default()),
            '*' if after.starts_with('/') => after.get(1..).unwrap_or_default(),
            '\'' => {
                let (text, tail) = string(after, '\'', backslash_escapes);
                out.push(Token::Text(text));
                tail
            }
            '"' | '`' => {
                let (text, tail) = string(after, c, backslash_escapes && c == '"');
                out.push(Token::Name(text));
                tail
            }
            '$' => match dollar_quoted(rest) {
                Some((inside, tail)) => {
                    out.push(Token::Text(inside.to_owned()));
                    tail
                }
                None => {
                    out.push(Token::Mark('$'));
                    after
                }
            },
            c if c.is_ascii_digit() => {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                    .unwrap_or(rest.len());
                let (number, tail) = rest.split_at(end);
                out.push(Token::Number(number.to_owned()));
                tail
            }
            c if c.is_alphabetic() || c == '_' => {
                let end =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (word, tail) = rest.split_at(end);
                if !(tail.starts_with('\'')
                    && matches!(word, "E" | "e" | "N" | "n" | "B" | "b" | "X" | "x"))
                {
                    out.push(Token::Word(word.to_uppercase()));
                }
                tail
            }
            c => {
                if !c.is_whitespace() {
                    out.push(Token::Mark(c));
                }
                after
            }
        };
    }
    out
}

fn line_end(text: &str) -> &str {
    text.get(memchr::memchr(b'\n', text.as_bytes()).unwrap_or(text.len())..).unwrap_or_default()
}

fn comment_end(text: &str) -> &str {
    text.split_once("*/").map_or("", |(_, rest)| rest)
}

/// A quoted text; its quote doubled stands for itself.
fn string(text: &str, quote: char, backslash_escapes: bool) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if backslash_escapes => out.extend(chars.next().map(|(_, c)| c)),
            c if c == quote => match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                    out.push(quote);
                }
                _ => return (out, text.get(at + 1..).unwrap_or_default()),
            },
            c => out.push(c),
        }
    }
    (out, "")
}

/// `$tag$ … $tag$` of PostgreSQL.
fn dollar_quoted(text: &str) -> Option<(&str, &str)> {
    let tag_end = text.get(1..)?.find(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
    let tail = text.get(tag_end..)?.strip_prefix('$')?;
    let tag = text.get(..=tag_end)?;
    tail.split_once(tag)
}
