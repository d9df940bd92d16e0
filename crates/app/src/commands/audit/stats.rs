//! `bakerst audit stats`: how many records there are of each kind.

use bakerst_audit::query::{Bucket, Counts, Tally};
use bakerst_model::Escaped;
use bakerst_store::query::{Found, count, threads};
use serde_json::{Map, Value};

use super::args::{By, Stats};
use super::select::{Bar, conclude, log_of, query_of, unreadable};
use crate::failure::Outcome;
use crate::print::{self, Style};
use crate::station::Places;

/// How wide the longest bar is.
const BAR_CELLS: usize = 40;
/// The most buckets of time that are drawn; with more of them, only the latest are.
const BUCKETS_SHOWN: usize = 48;

pub(super) fn run(args: &Stats, places: &Places, json: bool) -> Outcome {
    let subjects = places.subjects()?;
    let (query, segments) = (query_of(&args.which, subjects.as_ref())?, log_of(places)?);
    let bucket = match args.by {
        By::Minute => Bucket::Minute,
        By::Hour => Bucket::Hour,
        By::Day => Bucket::Day,
    };
    let mut bar = Bar::over(&segments);
    let mut advance = |bytes| bar.advance(bytes);
    let counted = count(&segments, &query, bucket, threads(), &mut advance);
    let (tally, found) = counted.map_err(|e| unreadable(&e))?;
    drop(bar);
    if json {
        print_json(&tally, &found);
    } else {
        print_charts(&tally, args.top);
    }
    Ok(conclude(&found))
}

fn kinds(tally: &Tally) -> [(&'static str, &Counts); 5] {
    [
        ("category", &tally.categories),
        ("action", &tally.actions),
        ("agent", &tally.agents),
        ("tool", &tally.tools),
        ("decision", &tally.verdicts),
    ]
}

fn print_json(tally: &Tally, found: &Found) {
    let object = |counts: &Counts| {
        let counted = counts.ranked().into_iter().map(|(value, n)| (value.to_owned(), n.into()));
        let others = (counts.others() > 0).then(|| ("…".to_owned(), counts.others().into()));
        Value::Object(counted.chain(others).collect::<Map<_, _>>())
    };
    let mut out = Map::new();
    out.insert("records".to_owned(), tally.records.into());
    out.insert("damaged".to_owned(), found.damaged.into());
    for (kind, counts) in kinds(tally).into_iter().chain([("time", &tally.times)]) {
        out.insert(kind.to_owned(), object(counts));
    }
    print::json(&out);
}

fn print_charts(tally: &Tally, top: usize) {
    let style = Style::for_stdout();
    print::line(format!("{} records", style.bold(&tally.records.to_string())));
    for (kind, counts) in kinds(tally) {
        let ranked = counts.ranked();
        let (shown, more) = ranked.split_at(top.min(ranked.len()));
        let more = more.iter().map(|(_, n)| n).sum::<u64>() + counts.others();
        let rest = (more > 0).then_some(("…", more));
        chart(kind, &shown.iter().copied().chain(rest).collect::<Vec<_>>());
    }
    let mut times = tally.times.ranked();
    times.sort_unstable();
    let latest = times.len().saturating_sub(BUCKETS_SHOWN);
    chart("time", times.get(latest..).unwrap_or_default());
    if latest > 0 {
        print::line(style.dim(&format!("{latest} earlier buckets are not shown")));
    }
}

fn chart(kind: &str, rows: &[(&str, u64)]) {
    if rows.is_empty() {
        return;
    }
    let style = Style::for_stdout();
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let names: Vec<_> = rows.iter().map(|(name, _)| shortened(name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    print::line(format!("\n{}", style.dim(kind)));
    for (name, (_, count)) in names.iter().zip(rows) {
        let cells = usize::try_from(count.saturating_mul(BAR_CELLS as u64) / most);
        let bar = "█".repeat(cells.unwrap_or(BAR_CELLS).max(1));
        print::line(format!("  {name:width$}  {count:>10}  {}", style.dim(&bar)));
    }
}

fn shortened(name: &str) -> String {
    Escaped(name).to_string().chars().take(40).collect()
}
