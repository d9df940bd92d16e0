//! `bakerst audit query`: the records that satisfy some conditions.

use bakerst_store::query::{Order, find, threads};

use super::args::Query;
use super::select::{Bar, Printer, by_index, conclude, log_of, query_of, unreadable};
use crate::failure::Outcome;
use crate::print;
use crate::station::Places;

pub(super) fn run(args: &Query, places: &Places, json: bool) -> Outcome {
    let subjects = places.subjects()?;
    let (query, segments) = (query_of(&args.which, subjects.as_ref())?, log_of(places)?);
    let segments = if args.no_index { segments } else { by_index(segments, &query) };
    let order = if args.newest { Order::NewestFirst } else { Order::OldestFirst };
    let limit = (args.limit > 0).then_some(args.limit);
    let (mut printer, mut bar) =
        (Printer::new(json, subjects.filter(|_| args.reveal)), Bar::over(&segments));
    let mut advance = |bytes| bar.advance(bytes);
    let found =
        find(&segments, &query, order, limit, threads(), &mut advance, |line| printer.print(line));
    let found = found.map_err(|e| unreadable(&e))?;
    let _ = printer.flush();
    drop(bar);
    if found.stopped && limit.is_some() && !json {
        print::note(format!("the first {}; `--limit 0` shows all", found.records));
    }
    Ok(conclude(&found))
}
