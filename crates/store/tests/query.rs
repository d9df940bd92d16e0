//! A search over segments finds every record once, in order, wherever chunks and segments end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use bakerst_audit::custody::Reading;
use bakerst_audit::query::{Bucket, Filter, Query};
use bakerst_audit::{About, BatchMost, Chain, Draft, LogId, LogKey, LogKeys, RECORD_BYTES_MAX};
use bakerst_model::{Action, Actor, AgentId, Detail, Event, Secret, Seq, UnixMillis};
use bakerst_store::LogFolder;
use bakerst_store::query::{
    CHUNK_BYTES, Found, Order, PageLimits, SegmentFile, count_page, find, find_page, segment_files,
    summarise, worth_reading,
};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

/// An empty log folder, and what it lies in.
fn folder() -> (TempDir, LogFolder) {
    let state = tempfile::tempdir().unwrap();
    let log = LogFolder::in_state(state.path());
    fs::create_dir(log.path()).unwrap();
    (state, log)
}

/// Real records with details of these lengths, from alternating agents.
fn lines(lengths: &[usize]) -> Vec<Vec<u8>> {
    let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
    let keys = LogKeys::new(key, Secret::new(vec![9; 32]));
    let (log, mut out) = (LogId::from_random([1; 16]), Vec::new());
    let begun = Chain::begin(&keys, log, About::default(), UnixMillis(0), &mut out);
    let mut chain = begun.unwrap();
    for (n, length) in lengths.iter().enumerate() {
        let agent = AgentId::parse(if n % 2 == 0 { "even" } else { "odd" }).ok();
        let actor = Actor { agent, ..Actor::system() };
        let detail = Detail::of(&json!({ "input": "x".repeat(*length) })).unwrap();
        let event = Event { action: Action::ToolAllowed, actor, conversation: None, detail };
        chain.append(&Draft::of(UnixMillis(n as u64), &event).unwrap(), &mut out);
    }
    bakerst_audit::lines(&out).map(<[u8]>::to_vec).collect()
}

/// Writes lines into segments that begin at these places.
fn write(folder: &Path, lines: &[Vec<u8>], cuts: &[usize]) {
    let mut from = 0;
    for to in cuts.iter().copied().chain([lines.len()]) {
        let name = folder.join(format!("{from:020}.jsonl"));
        fs::write(name, lines.get(from..to.max(from)).unwrap().concat()).unwrap();
        from = to.max(from);
    }
}

fn search(
    segments: &[SegmentFile],
    filter: Filter,
    order: Order,
    limit: Option<usize>,
) -> (Vec<u8>, Found) {
    let (mut out, mut read) = (Vec::new(), 0);
    let found =
        find(segments, &Query::new(filter), order, limit, 3, &mut |bytes| read += bytes, |line| {
            out.extend_from_slice(line);
            ControlFlow::Continue(())
        });
    let found = found.unwrap();
    assert_eq!(found.bytes, read);
    (out, found)
}

fn odd() -> Filter {
    Filter { agents: vec!["odd".into()], ..Filter::default() }
}

#[test]
fn every_record_is_found_once_and_in_order() {
    let (_folder, log) = folder();
    // Lines that end before, at and behind the ends of chunks.
    let chunk = usize::try_from(CHUNK_BYTES).unwrap();
    let lengths: Vec<_> = (0..40).map(|n| (n * 7919) % (chunk / 4)).collect();
    let lines = lines(&lengths);
    write(log.path(), &lines, &[5, 6, 20]);
    let segments = segment_files(&log).unwrap();
    assert_eq!(segments.len(), 4);
    let (all, found) = search(&segments, Filter::default(), Order::OldestFirst, None);
    assert!(all == lines.concat());
    assert_eq!((found.records, found.lines, found.damaged, found.stopped), (41, 41, 0, false));
    let backwards: Vec<_> = lines.iter().rev().flatten().copied().collect();
    assert!(search(&segments, Filter::default(), Order::NewestFirst, None).0 == backwards);
    let last = lines.iter().skip(1).enumerate().rev().filter(|(n, _)| n % 2 == 1).take(3);
    let last: Vec<_> = last.flat_map(|(_, line)| line.clone()).collect();
    let (newest, found) = search(&segments, odd(), Order::NewestFirst, Some(3));
    assert!(newest == last);
    assert_eq!((found.records, found.stopped), (3, true));
}

#[test]
fn what_a_writer_or_a_crash_leaves_behind_is_no_record() {
    let (_folder, log) = folder();
    let lines = lines(&[10, 20, 30]);
    let mut live = lines.concat();
    live.extend_from_slice(&lines[1][..50]);
    live.resize(live.len() + 3_000_000, 0);
    fs::write(log.path().join(format!("{:020}.jsonl", 0)), live).unwrap();
    fs::write(log.path().join("cut-after-3.bin"), "{").unwrap();
    let segments = segment_files(&log).unwrap();
    let (all, found) = search(&segments, Filter::default(), Order::OldestFirst, None);
    assert!(all == lines.concat());
    assert_eq!((found.lines, found.damaged), (4, 0));
}

#[test]
fn damaged_lines_are_counted_and_hide_nothing() {
    let (_folder, log) = folder();
    let lines = lines(&[10, 20]);
    let endless = [vec![b'x'; 3 * RECORD_BYTES_MAX], b"\n".to_vec()].concat();
    let text = [&lines[0][..], b"\n\xff\xfe\n", &endless, &lines[1], b"{\"seq\":1}\n", &lines[2]];
    fs::write(log.path().join(format!("{:020}.jsonl", 0)), text.concat()).unwrap();
    let segments = segment_files(&log).unwrap();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let (_, found) = search(&segments, Filter::default(), order, None);
        assert_eq!((found.records, found.damaged), (3, 4));
    }
}

#[test]
fn summaries_leave_out_what_cannot_match_and_are_made_anew_when_they_do_not_fit() {
    let (_folder, log) = folder();
    write(log.path(), &lines(&[100; 12]), &[3, 6, 9]);
    let files = segment_files(&log).unwrap();
    let make = |anew| summarise(&files, anew, 2, &mut |_| {}).unwrap();
    let nobody = Query::new(Filter { agents: vec!["nobody".into()], ..Filter::default() });
    let left = |query: &Query| worth_reading(files.clone(), query).len();
    assert_eq!(left(&nobody), 4, "without summaries everything is read");
    assert_eq!((make(false), make(false), make(true)), (3, 0, 3));
    assert_eq!(left(&nobody), 1, "the live segment is always read");
    assert_eq!(left(&Query::new(odd())), 4);
    // One that is cut short or is of another segment is no summary, and can be deleted.
    let summary = files[0].path.with_extension("summary");
    let whole = fs::read(&summary).unwrap();
    fs::write(&summary, &whole[..whole.len() / 2]).unwrap();
    assert_eq!((left(&nobody), make(false)), (2, 1));
    fs::copy(files[1].path.with_extension("summary"), &summary).unwrap();
    fs::remove_file(files[2].path.with_extension("summary")).unwrap();
    let same_length = files[0].bytes == files[1].bytes;
    assert_eq!(left(&nobody), if same_length { 2 } else { 3 });
    assert_eq!(segment_files(&log).unwrap(), files, "a summary is no segment");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_search_equals_the_reading_of_line_after_line(
        lengths in proptest::collection::vec(0..600_000_usize, 1..12),
        cuts in proptest::collection::vec(1..12_usize, 0..3),
        limit in proptest::option::of(1..6_usize),
        backwards in any::<bool>(),
    ) {
        let lines = lines(&lengths);
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < lines.len()).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let (_folder, log) = folder();
        write(log.path(), &lines, &cuts);
        let mut want: Vec<_> =
            lines.iter().skip(1).enumerate().filter(|(n, _)| n % 2 == 1).map(|(_, l)| l).collect();
        let order = if backwards { want.reverse(); Order::NewestFirst } else { Order::OldestFirst };
        want.truncate(limit.unwrap_or(usize::MAX));
        let want: Vec<u8> = want.into_iter().flatten().copied().collect();
        let segments = segment_files(&log).unwrap();
        prop_assert!(search(&segments, odd(), order, limit).0 == want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pages_hold_every_record_once_whatever_their_size(
        lengths in prop::collection::vec(0..400_usize, 1..60),
        mut cuts in prop::collection::vec(1..60_usize, 0..6),
        records in 1..9_usize,
        bytes in 1..3000_usize,
        scan_bytes_max in 0..6000_u64,
        newest in any::<bool>(),
        synced in 0..70_u64,
    ) {
        let (_state, log) = folder();
        let lines = lines(&lengths);
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(lines.len()));
        cuts.sort_unstable();
        cuts.dedup();
        write(log.path(), &lines, &cuts);
        let segments = segment_files(&log).unwrap();
        let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
        let filter = Filter { agents: vec!["odd".into()], ..Filter::default() };
        let limits = PageLimits { synced: Seq(synced), scan_bytes_max, threads: 2 };
        let most = BatchMost { records, bytes };
        let (mut paged, mut counted, mut from) = (Vec::new(), 0, None);
        loop {
            let reading = Reading { filter: filter.clone(), order, from, most };
            let page = find_page(&segments, reading, limits).unwrap();
            prop_assert!(page.lines.len() <= records);
            let length: usize = page.lines.iter().map(String::len).sum();
            prop_assert!(length <= bytes || page.lines.len() == 1);
            prop_assert_eq!(page.damaged, 0);
            paged.extend(page.lines);
            prop_assert!(paged.len() < 200, "it ends");
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        let (whole, _) = search(&segments, filter.clone(), order, None);
        let want: Vec<String> = bakerst_audit::lines(&whole)
            .filter(|line| bakerst_audit::seq_of(line).unwrap() <= Seq(synced))
            .map(|line| String::from_utf8(line.trim_ascii_end().to_vec()).unwrap())
            .collect();
        prop_assert_eq!(&paged, &want);

        let mut from = None;
        loop {
            let reading = Reading { filter: filter.clone(), order: Order::OldestFirst, from, most };
            let part = count_page(&segments, reading, Bucket::Day, limits).unwrap();
            counted += part.tally.records;
            match part.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(counted, paged.len() as u64);
    }
}
