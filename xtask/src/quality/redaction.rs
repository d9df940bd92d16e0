//! How much of what should be redacted is, and how much else.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bakerst_detect::redact::{Kind, RedactionFinding, Redactor, Rule};

use super::corpus::{Row, Source};
use super::metrics::share;
use super::page::{Page, percent, ratio};
use super::progress::Progress;
use super::{forms, named};

/// What became of the spans of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Spans {
    all: usize,
    covered: usize,
    touched: usize,
}

/// One corpus as it was scored.
#[derive(Debug, Default)]
struct Scores {
    groups: BTreeMap<(Class, String), Spans>,
    findings: usize,
    /// Findings that lie on nothing that is labelled.
    strays: usize,
    negatives: usize,
    flagged: usize,
}

/// What is reported together.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Class {
    Secret,
    Personal,
    /// Names, places and the like, which no rule here claims to find.
    Apart,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Personal => "personal",
            Self::Apart => "names and addresses, apart",
        }
    }
}

pub(super) fn score(
    sources: &[Source],
    page: &mut Page,
    progress: Progress,
    misses: bool,
) -> Result<()> {
    let redactor =
        Redactor::new(&Kind::ALL.map(Rule::Kind)).context("the redactor cannot be made")?;
    page.heading("Redaction");
    let mut corpora = vec![("own", forms::rows()?)];
    for source in sources {
        match source.rows()? {
            Ok(rows) => corpora.push((source.name, rows)),
            Err(why) => page.skipped(source.name, &why),
        }
    }
    page.text(
        "Every kind of finding is switched on. Covered: every byte of a labelled span lies in findings; \
         touched: some byte does. Secrets with a form of their own, such as a prefix, stand apart from those \
         that only the name before them gives away. Precision: the share of findings that lie on something \
         labelled. An answer is yes or no, so there is no curve to give an area under.",
    );
    let mut scored = Vec::new();
    for (name, rows) in corpora {
        let mut scores = Scores::default();
        for row in progress.over(name, rows) {
            scores.add(&redactor, &row, misses);
        }
        scored.push((name, scores));
    }
    page.table(
        &["source", "class", "type", "spans", "covered", "touched"],
        &scored.iter().flat_map(|(name, scores)| scores.span_rows(name)).collect::<Vec<_>>(),
    );
    page.table(
        &["source", "findings", "precision", "recall", "F1", "negatives", "negatives flagged"],
        &scored.iter().map(|(name, scores)| scores.sum_row(name)).collect::<Vec<_>>(),
    );
    Ok(())
}

impl Scores {
    fn add(&mut self, redactor: &Redactor, row: &Row, misses: bool) {
        let found = redactor.redact(&row.text).findings;
        let mut places: Vec<usize> = row.text.char_indices().map(|(at, _)| at).collect();
        places.push(row.text.len());
        let bytes = |(start, end, _): &(usize, usize, String)| {
            let place = |at: &usize| places.get(*at).copied().unwrap_or(row.text.len());
            place(start)..place(end)
        };
        if row.spans.is_empty() {
            self.negatives += 1;
            self.flagged += usize::from(!found.is_empty());
            if misses && !found.is_empty() {
                println!("flagged: {:?} in {:?}", rules(&found), row.text);
            }
            return;
        }
        let labelled: Vec<_> = row.spans.iter().map(bytes).collect();
        self.findings += found.len();
        self.strays += found
            .iter()
            .filter(|f| labelled.iter().all(|l| f.span.end <= l.start || l.end <= f.span.start))
            .count();
        for (span, (_, _, kind)) in labelled.iter().zip(&row.spans) {
            let inside = |byte: &usize| found.iter().any(|finding| finding.span.contains(byte));
            let covered = span.clone().filter(inside).count();
            for group in groups_of(kind) {
                let spans = self.groups.entry(group).or_default();
                spans.all += 1;
                spans.covered += usize::from(covered == span.len());
                spans.touched += usize::from(covered > 0);
            }
            if misses && covered < span.len() && is_claimed(kind) {
                println!("miss: {covered} of {} bytes of {kind} in {:?}", span.len(), row.text);
            }
        }
    }

    fn span_rows(&self, name: &str) -> Vec<Vec<String>> {
        let rows = self.groups.iter().map(|((class, kind), spans)| {
            vec![
                name.to_owned(),
                class.name().to_owned(),
                kind.clone(),
                spans.all.to_string(),
                percent(share(spans.covered, spans.all)),
                percent(share(spans.touched, spans.all)),
            ]
        });
        rows.collect()
    }

    fn sum_row(&self, name: &str) -> Vec<String> {
        // Secrets of their own form are among all secrets, and names are none of our business.
        let counted = self
            .groups
            .iter()
            .filter(|((class, kind), _)| *class != Class::Apart && kind != OWN_FORM);
        let (mut all, mut covered) = (0, 0);
        for (_, spans) in counted {
            all += spans.all;
            covered += spans.covered;
        }
        let precision = share(self.findings - self.strays, self.findings);
        let recall = share(covered, all);
        vec![
            name.to_owned(),
            self.findings.to_string(),
            percent(precision),
            percent(recall),
            ratio(2.0 * precision * recall / (precision + recall)),
            self.negatives.to_string(),
            percent(share(self.flagged, self.negatives)),
        ]
    }
}

const OWN_FORM: &str = "of their own form";

fn groups_of(kind: &str) -> Vec<(Class, String)> {
    const APART: [&str; 10] = [
        "PERSON",
        "ADDRESS",
        "STREET_ADDRESS",
        "ORG",
        "ORGANIZATION",
        "GPE",
        "DATE",
        "DATE_TIME",
        "TITLE",
        "NRP",
    ];
    match kind.strip_prefix("SECRET:") {
        Some(rule) if named::NAMED.contains(&rule) => vec![(Class::Secret, "all".to_owned())],
        Some(_) => {
            vec![(Class::Secret, "all".to_owned()), (Class::Secret, OWN_FORM.to_owned())]
        }
        None if APART.contains(&kind)
            || matches!(kind, "AGE" | "ZIP" | "ZIP_CODE" | "DOMAIN" | "DOMAIN_NAME") =>
        {
            vec![(Class::Apart, kind.to_owned())]
        }
        None => vec![(Class::Personal, kind.to_owned())],
    }
}

/// Whether some rule here claims to find it.
fn is_claimed(kind: &str) -> bool {
    groups_of(kind).iter().all(|(class, _)| *class != Class::Apart)
}

fn rules(found: &[RedactionFinding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.rule.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_lines_lose_all_that_is_labelled_and_nothing_else() {
        let redactor = Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap();
        let mut scores = Scores::default();
        for row in forms::rows().unwrap() {
            scores.add(&redactor, &row, true);
        }
        assert!(scores.groups.values().all(|spans| spans.covered == spans.all), "{scores:?}");
        assert_eq!((scores.strays, scores.flagged), (0, 0), "{scores:?}");
    }
}
