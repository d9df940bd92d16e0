//! How well commands that must not run unasked are told from safe ones.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bakerst_detect::command::{Effect, Lang, read};
use bakerst_guard::rails::destructive_gate::DestructiveGate;
use bakerst_guard::{Check, PolicySource, Registry};
use bakerst_model::Limits;

use super::corpus::{Row, Source};
use super::metrics::Counts;
use super::page::{Page, percent, ratio};
use super::progress::Progress;

/// What became of the lines of one group.
#[derive(Clone, Copy, Default)]
struct Group {
    reader: Counts,
    gate: Counts,
}

pub(super) fn score(
    sources: &[Source],
    page: &mut Page,
    progress: Progress,
    misses: bool,
) -> Result<()> {
    let gate = built_in_gate()?;
    page.heading("Commands");
    let mut groups: BTreeMap<(&str, String), Group> = BTreeMap::new();
    for source in sources {
        let rows = match source.rows()? {
            Ok(rows) => rows,
            Err(why) => {
                page.skipped(source.name, &why);
                continue;
            }
        };
        for row in progress.over(source.name, rows) {
            let (reader, gated) = judge(&gate, &row);
            let destroys = row.label == "destructive";
            let lang = if row.lang.is_empty() { "shell" } else { &row.lang };
            for name in ["all".to_owned(), lang.to_owned()] {
                let group = groups.entry((source.name, name)).or_default();
                group.reader.count(destroys, reader);
                group.gate.count(destroys, gated);
            }
            if misses && gated != destroys {
                println!("miss: {} {} {:?}", source.name, row.label, row.text);
            }
        }
    }
    page.text(
        "Caught: asked about or denied. The gate is the destructive gate of the built-in policy, as \
         `bakerst eval commands` answers: the reader, and the policy's flagged words. An answer is yes or \
         no, so there is no curve to give an area under.",
    );
    let rows = groups.into_iter().map(|((source, lang), Group { reader, gate })| {
        vec![
            source.to_owned(),
            lang,
            reader.wanted.to_string(),
            reader.innocent.to_string(),
            percent(reader.recall()),
            percent(reader.false_positives()),
            percent(gate.recall()),
            percent(gate.false_positives()),
            percent(gate.precision()),
            ratio(gate.f1()),
        ]
    });
    page.table(
        &[
            "source",
            "language",
            "destructive",
            "safe",
            "reader: caught",
            "reader: safe flagged",
            "gate: caught",
            "gate: safe flagged",
            "gate: precision",
            "gate: F1",
        ],
        &rows.collect::<Vec<_>>(),
    );
    Ok(())
}

fn built_in_gate() -> Result<DestructiveGate> {
    let built_in = PolicySource::read(None, None, &Registry::default(), &Limits::default());
    DestructiveGate::of(&built_in.context("the built-in policy cannot be read")?)
        .context("the built-in policy's gate cannot be made")
}

/// Whether the reader alone would stop a line, and whether the gate would.
fn judge(gate: &DestructiveGate, row: &Row) -> (bool, bool) {
    let lang = Lang::parse(&row.lang);
    let stopped =
        gate.judge_command(&row.text, lang).iter().any(|check| !matches!(check, Check::Approve));
    (read(&row.text, lang).effect >= Effect::Unknown, stopped)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::quality::corpus::Corpora;

    #[test]
    fn our_own_command_lines_are_told_apart() {
        let corpora = Corpora::lying_there(Path::new(""));
        let gate = built_in_gate().unwrap();
        let mut counts = Counts::default();
        for row in corpora.commands.first().unwrap().rows().unwrap().unwrap() {
            counts.count(row.label == "destructive", judge(&gate, &row).1);
        }
        assert!(counts.recall() >= 0.97 && counts.false_positives() <= 0.03, "{counts:?}");
    }
}
