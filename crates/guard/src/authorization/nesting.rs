//! How deep brackets are nested in a policy's text.
//!
//! The engine reads each bracket as a comprehension first and as a list after that, so that its time
//! doubles with every bracket around another. Thirty of them would take hours.

/// The most brackets around one another, a rule's own braces included.
pub(super) const NESTING_MAX: usize = 12;

/// The line and column, from 1, of the first bracket that is too deep.
pub(super) fn too_deep(text: &str) -> Option<(usize, usize)> {
    let mut depth = 0_usize;
    let (mut line, mut column) = (1, 0);
    let mut chars = text.chars();
    let mut inside: Option<char> = None;
    while let Some(c) = chars.next() {
        column += 1;
        if c == '\n' {
            (line, column) = (line + 1, 0);
            // Comments and texts end with their line; only a raw text goes on.
            inside = inside.filter(|quote| *quote == '`');
            continue;
        }
        match (inside, c) {
            (Some('"'), '\\') => {
                column += usize::from(chars.next().is_some());
            }
            (Some(quote @ ('"' | '`')), c) if c == quote => inside = None,
            (Some(_), _) => {}
            (None, '"' | '`' | '#') => inside = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if depth > NESTING_MAX {
            return Some((line, column));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn brackets_count_where_they_are_brackets() {
        let deep = "[".repeat(NESTING_MAX);
        assert_eq!(too_deep(&deep), None);
        assert_eq!(too_deep(&format!("a\n {deep}{{")), Some((2, NESTING_MAX + 2)));
        let apart = format!("{0}{1}{0}", deep, "]".repeat(NESTING_MAX));
        assert_eq!(too_deep(&apart), None);
        for hidden in ["\"[[[\\\"[[[\"", "`[\n[[[[`", "# [[[ # [[[\n"] {
            assert_eq!(too_deep(&format!("{deep}{hidden}")), None, "{hidden}");
            assert!(too_deep(&format!("{deep}{hidden}[")).is_some(), "{hidden}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[\\[\\]{}\"`#\\\\\na]{0,80}") {
            let _ = too_deep(&text);
        }
    }
}
