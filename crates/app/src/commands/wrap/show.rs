//! What would change, as a person reads it: the lines that were and those that would be, without
//! the secrets that may stand in them.

use bakerst_detect::redact::Redactor;
use bakerst_model::Escaped;

use super::edit::{Edit, replaced};

/// Lines longer than this are shown around what changes in them.
const LINE_BYTES_MAX: usize = 400;
/// How much is shown around it.
const AROUND: usize = 80;

/// Lines that begin with `-` and `+`, after where they stand.
pub(super) fn diff(text: &str, edits: &[Edit], secrets: Option<&Redactor>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = edits;
    while let Some((first, _)) = rest.split_first() {
        let (from, mut to) = around(text, first);
        let mut together = 1;
        while let Some(next) = rest.get(together).filter(|next| next.span.start <= to) {
            to = to.max(around(text, next).1);
            together += 1;
        }
        let (here, others) = rest.split_at(together);
        rest = others;
        let moved: Vec<Edit> = here
            .iter()
            .map(|Edit { span, text }| Edit {
                span: span.start - from..span.end - from,
                text: text.clone(),
            })
            .collect();
        let old = text.get(from..to).unwrap_or_default();
        let number = text.get(..from).unwrap_or_default().matches('\n').count() + 1;
        lines.push(format!("@@ line {number} @@"));
        lines.extend(old.lines().map(|line| shown('-', line, secrets)));
        lines.extend(replaced(old, &moved).lines().map(|line| shown('+', line, secrets)));
    }
    lines
}

/// The whole lines around an edit, or as much of one as can be read.
fn around(text: &str, Edit { span, .. }: &Edit) -> (usize, usize) {
    let from = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let behind = text.get(span.end..).unwrap_or_default();
    let to = behind.find('\n').map_or(text.len(), |at| span.end + at);
    match to - from > LINE_BYTES_MAX {
        false => (from, to),
        true => {
            let from = from.max(span.start.saturating_sub(AROUND));
            let to = to.min(span.end + AROUND);
            (text.floor_char_boundary(from), text.ceil_char_boundary(to))
        }
    }
}

fn shown(sign: char, line: &str, secrets: Option<&Redactor>) -> String {
    // Where secrets cannot be told, nothing is shown.
    let line = secrets.map_or_else(|| "…".into(), |secrets| secrets.redact(line).text);
    format!("{sign}{}", Escaped(&line))
}
