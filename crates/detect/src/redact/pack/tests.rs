//! Every rule of the pack against examples made from its own form, so that no file holds a token.

use super::*;
use crate::redact::{Kind, Redactor, Rule};

/// Draws one text of a form: a little generator in place of stored tokens.
fn example(shape: &Shape, mut state: u64) -> String {
    let mut out = String::new();
    for step in shape.steps() {
        let bytes: Vec<u8> = step.set.bytes().filter(u8::is_ascii_graphic).collect();
        let bytes = match bytes.iter().any(u8::is_ascii_alphanumeric) && bytes.len() > 2 {
            true => bytes.into_iter().filter(u8::is_ascii_alphanumeric).collect(),
            false => bytes,
        };
        for _ in 0..step.min.max(step.max.min(8)) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            out.push(char::from(bytes[(state >> 33) as usize % bytes.len()]));
        }
    }
    out
}

fn finds(redactor: &Redactor, text: &str, value: &str) -> bool {
    let redaction = redactor.redact(text);
    redaction.findings.iter().any(|found| text[found.span.clone()].contains(value))
}

fn redactor() -> Redactor {
    Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap()
}

#[test]
fn the_pack_reads_and_is_as_large_as_promised() {
    let (secrets, wrong) = secrets();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(secrets.len() >= 200, "{}", secrets.len());
    let mut ids: Vec<_> = secrets.iter().map(|secret| secret.id.as_str()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands twice");
}

#[test]
fn every_form_is_found_in_a_sentence_and_in_json() {
    let (secrets, redactor) = (secrets().0, redactor());
    for secret in &secrets {
        for (nth, shape) in secret.shapes.iter().enumerate() {
            let id = secret.id.as_str();
            let found = (0..40).any(|seed| {
                let value = example(shape, seed * 977 + nth as u64);
                let named = secret
                    .names
                    .first()
                    .map_or(value.clone(), |name| format!("{name}_x = {value}"));
                let json = match secret.names.first() {
                    Some(name) => format!(r#"{{"{name}": "{value}"}}"#),
                    None => format!(r#"{{"line": "{value}"}}"#),
                };
                finds(&redactor, &format!("we use {named} here"), &value)
                    && finds(&redactor, &json, &value)
            });
            assert!(found, "{id} {nth}: {}", example(shape, 977));
        }
    }
}

#[test]
fn what_stands_in_for_a_token_is_not_found() {
    let (secrets, redactor) = (secrets().0, redactor());
    for secret in secrets.iter().filter(|secret| secret.names.is_empty()) {
        for shape in &secret.shapes {
            let value = example(shape, 5);
            let (head, body) = value.split_at(shape.literal_len());
            if body.len() < 8 {
                continue;
            }
            let masked: String =
                body.chars().map(|c| if c.is_alphanumeric() { 'x' } else { c }).collect();
            for stand_in in [format!("{head}{masked}"), head.to_owned(), format!("{head}...")] {
                let text = format!("we use {stand_in} here");
                assert_eq!(redactor.redact(&text).text, text, "{}", secret.id);
            }
        }
    }
}

#[test]
fn spans_and_marks_are_bounded() {
    for secret in &secrets().0 {
        for shape in &secret.shapes {
            assert!(shape.len_max() <= 5000, "{}", secret.id);
            let (mark, offset) = rarest_mark(shape);
            let rare = filter::cost(&mark)
                < filter::cost(&[Set::ALNUM, Set::ALNUM, Set::ALNUM, Set::ANY, Set::ANY, Set::ANY])
                    / 1000;
            assert!(
                offset <= START_BACK_MAX && (rare || !secret.names.is_empty()),
                "{} is tried too often",
                secret.id
            );
        }
    }
}
