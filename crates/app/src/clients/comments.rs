//! JSON with comments and commas too many, as editors keep it, into JSON.

/// The same text with comments blanked out and commas before a closing bracket left away. Nothing
/// moves, so places stay what they were.
pub(crate) fn blanked(text: &str) -> String {
    let mut out: Vec<u8> = text.as_bytes().to_vec();
    let (mut at, mut comma) = (0, None);
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        let kept = |b: &u8| matches!(b, b'\n' | b'\r');
        out.iter_mut().take(to).skip(from).filter(|b| !kept(b)).for_each(|b| *b = b' ');
    };
    while let Some(b) = byte(at) {
        let from = at;
        match (b, byte(at + 1)) {
            (b'"', _) => {
                at = end_of_string(text.as_bytes(), at);
                comma = None;
                continue;
            }
            (b'/', Some(b'/')) => {
                while byte(at).is_some_and(|b| b != b'\n') {
                    at += 1;
                }
                blank(&mut out, from, at);
                continue;
            }
            (b'/', Some(b'*')) => {
                at += 2;
                while at < text.len() && !(byte(at) == Some(b'*') && byte(at + 1) == Some(b'/')) {
                    at += 1;
                }
                at = (at + 2).min(text.len());
                blank(&mut out, from, at);
                continue;
            }
            (b',', _) => comma = Some(at),
            (b'}' | b']', _) => {
                if let Some(comma) = comma.take() {
                    blank(&mut out, comma, comma + 1);
                }
            }
            (b' ' | b'\t' | b'\n' | b'\r', _) => {}
            _ => comma = None,
        }
        at += 1;
    }
    // Only whole comments and single commas were blanked, so this is still UTF-8.
    String::from_utf8(out).unwrap_or_default()
}

/// Just behind the closing quote.
fn end_of_string(text: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(b) = text.get(at) {
        match b {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(text: &str, want: &Value) {
        let plain = blanked(text);
        assert_eq!(plain.len(), text.len());
        assert_eq!(serde_json::from_str::<Value>(&plain).unwrap(), *want, "{plain}");
    }

    #[test]
    fn comments_and_last_commas_vanish_and_strings_stay() {
        check("{ // hä\n \"a\": [1, 2, /* , */ ], }", &json!({"a": [1, 2]}));
        check(
            r#"{"url": "http://x/*y*/", "b": "q\"//"}"#,
            &json!({"url": "http://x/*y*/", "b": "q\"//"}),
        );
        check("[1 /* ü */, \n // end\n ]", &json!([1]));
        assert!(serde_json::from_str::<Value>(&blanked("[1,,2]")).is_err());
        assert_eq!(blanked("/* never closed"), " ".repeat(15));
        assert_eq!(blanked("\"never closed \\"), "\"never closed \\");
    }
}
