//! `bakerst audit tail`: the last records, and those that come.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use bakerst_audit::query::{Judged, Query};
use bakerst_model::Code;
use bakerst_store::LogFolder;
use bakerst_store::query::{Follower, Order, find, threads};

use super::args::Tail;
use super::select::{Printer, conclude, log_of, query_of, unreadable};
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use crate::station::{self, Places};

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn run(args: &Tail, places: &Places, json: bool) -> Outcome {
    let subjects = places.subjects()?;
    let (query, segments) = (query_of(&args.which, subjects.as_ref())?, log_of(places)?);
    let mut printer = Printer::new(json, subjects.filter(|_| args.reveal));
    let mut last = VecDeque::new();
    // What is followed begins where the reading of the past ends, so that nothing is shown twice.
    let follower = Follower::behind(&places.log(), &segments);
    let order = Order::NewestFirst;
    if args.lines > 0 {
        let found =
            find(&segments, &query, order, Some(args.lines), threads(), &mut |_| {}, |line| {
                last.push_front(line.to_owned());
                ControlFlow::Continue(())
            });
        let found = found.map_err(|e| unreadable(&e))?;
        let shown = last.iter().try_for_each(|line| printer.print(line));
        if shown.is_break() || printer.flush().is_break() || !args.follow {
            return Ok(conclude(&found));
        }
    }
    if !args.follow {
        return Ok(Exit::Ok);
    }
    print::note("following until Ctrl-C; what is not on the disk yet says so");
    station::runtime()?.block_on(follow(follower, &places.log(), &query, &mut printer))
}

async fn follow(
    mut follower: Follower,
    log: &LogFolder,
    query: &Query,
    printer: &mut Printer,
) -> Outcome {
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    let mut damaged = 0_u64;
    loop {
        // Read before the records are: what is shown as durable was so already.
        printer.synced(log.synced().ok().flatten().map(|synced| synced.seq));
        let mut seen = ControlFlow::Continue(());
        let read = follower.read(&mut |line| match query.judge(line) {
            Judged::Match if seen.is_continue() => seen = printer.print(line),
            Judged::Damaged => damaged += 1,
            _ => {}
        });
        read.map_err(|e| unreadable(&e))?;
        if seen.is_break() || printer.flush().is_break() {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            stopped = &mut stop => {
                stopped.map_err(|e| {
                    let message = format!("cannot listen for signals: {e}");
                    Failure::environment(Code::AddressUnusable, message)
                })?;
                break;
            }
        }
    }
    if damaged > 0 {
        print::note(format!("{damaged} lines were no records"));
        return Ok(Exit::Refused);
    }
    Ok(Exit::Ok)
}
