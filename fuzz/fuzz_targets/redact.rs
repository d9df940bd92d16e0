//! Texts that tools may return, redacted whole and in pieces.
//!
//! However a text is cut, what comes out is what comes out of the whole; findings lie in order,
//! inside the text, on whole letters; and no more is held back than is said.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::LazyLock;

use bakerst_detect::redact::{Action, Kind, Redactor, Rule};
use libfuzzer_sys::fuzz_target;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    let mut rules = Kind::ALL.map(Rule::Kind).to_vec();
    rules.insert(0, Rule::Regex { find: r"\bann\b.*z".into(), replace: "[ANN]".into() });
    let redactor = Redactor::new(&rules).expect("it compiles");
    redactor.with_action(Kind::Email, Action::Report)
});

/// The longest finding, and what has to be seen behind it.
const HELD_MAX: usize = 64 << 10;

fuzz_target!(|input: (&str, Vec<u8>)| {
    let (text, cuts) = input;
    let whole = REDACTOR.redact(text);
    let mut last = 0;
    for found in &whole.findings {
        assert!(text.get(found.span.clone()).is_some_and(|span| !span.is_empty()), "{found:?}");
        assert!(last <= found.span.start, "findings are in order");
        last = found.span.start;
    }
    let (mut stream, mut out, mut rest) = (REDACTOR.stream(), String::new(), text);
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at(rest.ceil_char_boundary(usize::from(*cut).max(1)));
        stream.push(piece, &mut out);
        if cut % 7 == 0 {
            stream.flush(&mut out);
        }
        assert!(stream.held() <= HELD_MAX);
        rest = tail;
    }
    stream.push(rest, &mut out);
    let findings = stream.finish(&mut out);
    assert_eq!(out, whole.text, "pieces give another text than the whole");
    assert_eq!(findings, whole.findings);
});
