//! A query finds what its filter means, however the bytes spell it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bakerst_audit::query::{Filter, Judged, Query, Summary, SummaryBuilder, Tally, View};
use bakerst_audit::{About, Chain, Draft, LogId, LogKey, LogKeys};
use bakerst_model::{
    Action, Actor, AgentId, ConversationId, Detail, Event, Secret, UnixMillis, UserId, Verdict,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const START: u64 = 1_771_925_400_000;

/// Lines of real records, one after another.
fn lines(events: &[(u64, Event)]) -> Vec<Vec<u8>> {
    let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
    let keys = LogKeys::new(key, Secret::new(vec![9; 32]));
    let (log, mut out) = (LogId::from_random([1; 16]), Vec::new());
    let begun = Chain::begin(&keys, log, About::default(), UnixMillis(START), &mut out);
    let mut chain = begun.unwrap();
    out.clear();
    for (at, event) in events {
        chain.append(&Draft::of(UnixMillis(START + at), event).unwrap(), &mut out);
    }
    bakerst_audit::lines(&out).map(<[u8]>::to_vec).collect()
}

fn event(agent: &str, conversation: &str, detail: &Value) -> Event {
    let agent = AgentId::parse(agent).ok();
    let user = UserId::parse("ann \"quoted\" \\ /").ok();
    Event {
        action: Action::ToolAsked,
        actor: Actor { name: "laptop".into(), agent, user, ip: None },
        conversation: ConversationId::parse(conversation).ok(),
        detail: Detail::of(detail).unwrap(),
    }
}

/// Which of the lines a filter finds.
#[track_caller]
fn check(lines: &[Vec<u8>], filter: Filter, want: &[usize]) {
    let query = Query::new(filter);
    let found: Vec<_> =
        (0..lines.len()).filter(|n| query.judge(&lines[*n]) == Judged::Match).collect();
    assert_eq!(found, want, "{:?}", query.filter());
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn values_of_one_field_are_alternatives_and_fields_are_all_required() {
    let lines = lines(&[
        (0, event("a", "c-1", &json!({"tool": "pay", "verdict": "deny", "code": "GRD-030"}))),
        (1, event("b", "c-1", &json!({"tool": "pay", "verdict": "allow"}))),
        (2, event("c", "c-2", &json!({"tool": "look", "verdict": "allow", "agent": "a"}))),
        (3, event("d", "c-2", &json!({"tool": 5, "detail": {"tool": "pay"}}))),
    ]);
    let empty = Filter::default;
    check(&lines, empty(), &[0, 1, 2, 3]);
    check(&lines, Filter { agents: texts(&["a", "b"]), ..empty() }, &[0, 1, 2]);
    check(&lines, Filter { agents: texts(&["a"]), tools: texts(&["look"]), ..empty() }, &[2]);
    check(&lines, Filter { tools: texts(&["pay"]), ..empty() }, &[0, 1]);
    check(&lines, Filter { verdicts: vec![Verdict::Allow], ..empty() }, &[1, 2]);
    check(&lines, Filter { codes: texts(&["GRD-030"]), ..empty() }, &[0]);
    check(&lines, Filter { conversations: texts(&["c-2"]), ..empty() }, &[2, 3]);
    check(&lines, Filter { users: texts(&["ann \"quoted\" \\ /"]), ..empty() }, &[0, 1, 2, 3]);
    check(&lines, Filter { categories: texts(&["tool"]), ..empty() }, &[0, 1, 2, 3]);
    check(&lines, Filter { actions: texts(&["tool.allowed"]), ..empty() }, &[]);
    let (since, until) = (Some(UnixMillis(START + 1)), Some(UnixMillis(START + 3)));
    check(&lines, Filter { since, until, ..empty() }, &[1, 2]);
}

#[test]
fn a_text_is_found_however_it_is_escaped() {
    let spelt = |text: &str| {
        let raw = RawValue::from_string(format!("{{\"input\":{text}}}")).unwrap();
        Event { detail: Detail::of(&raw).unwrap(), ..event("a", "c", &json!(null)) }
    };
    let spellings = [
        r#""caf\u00e9/bar""#,
        r#""caf\u00E9\/bar""#,
        r#""\u0063afé/bar""#,
        r#"{"café/bar":1}"#,
        r#""cafe/bar""#,
    ];
    let lines = lines(&spellings.map(|text| (0, spelt(text))));
    check(&lines, Filter { texts: texts(&["café/bar"]), ..Filter::default() }, &[0, 1, 2, 3]);
    check(&lines, Filter { texts: texts(&["caf"]), ..Filter::default() }, &[0, 1, 2, 3, 4]);
    check(&lines, Filter { texts: texts(&["/", "zzz"]), ..Filter::default() }, &[0, 1, 2, 3, 4]);
    check(&lines, Filter { texts: texts(&["\\u00e9"]), ..Filter::default() }, &[0]);
}

#[test]
fn what_is_no_record_is_damaged_and_never_found() {
    let whole = lines(&[(0, event("a", "c", &json!({"tool": "pay"})))]).remove(0);
    let query = Query::new(Filter { tools: texts(&["pay"]), ..Filter::default() });
    assert_eq!(query.judge(&whole), Judged::Match);
    for cut in 0..whole.len() {
        assert_eq!(query.judge(&whole[..cut]), Judged::Damaged, "{cut}");
    }
    let unclosed = String::from_utf8(whole).unwrap().replace("\"detail\":{", "\"detail\":{{");
    assert_eq!(query.judge(unclosed.as_bytes()), Judged::Damaged);
    for line in [&b"\n"[..], b"pay\n", &[0; 300], &[0xff; 300]] {
        assert_eq!(query.judge(line), Judged::Damaged);
    }
}

#[test]
fn a_summary_rules_out_what_does_not_occur() {
    let mut builder = SummaryBuilder::default();
    let lines = lines(&[
        (0, event("a", "c-1", &json!({"tool": "pay", "verdict": "deny"}))),
        (60_000, event("b", "c-1", &json!({"tool": "look"}))),
    ]);
    lines.iter().for_each(|line| builder.add(line));
    let summary = builder.finish(9);
    let may_hold = |filter| summary.may_hold(&Query::new(filter));
    let empty = Filter::default;
    assert!(may_hold(empty()));
    assert!(may_hold(Filter { agents: texts(&["z", "b"]), ..empty() }));
    assert!(!may_hold(Filter { agents: texts(&["z"]), ..empty() }));
    assert!(!may_hold(Filter { tools: texts(&["a"]), ..empty() }), "an agent is not a tool");
    assert!(!may_hold(Filter { verdicts: vec![Verdict::Ask], ..empty() }));
    assert!(!may_hold(Filter { since: Some(UnixMillis(START + 60_001)), ..empty() }));
    assert!(!may_hold(Filter { until: Some(UnixMillis(START)), ..empty() }));
    assert!(may_hold(Filter { texts: texts(&["anything"]), ..empty() }));

    let mut damaged = SummaryBuilder::default();
    damaged.add(b"no record\n");
    let damaged = damaged.finish(10);
    assert!(damaged.may_hold(&Query::new(Filter { agents: texts(&["z"]), ..empty() })));
    for wrong in [
        "",
        "{}",
        "null",
        r#"{"form":2,"bytes":1,"damaged":0,"since":"","until":"","values":null}"#,
    ] {
        assert_eq!(Summary::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn records_are_counted_by_kind() {
    let lines = lines(&[
        (0, event("a", "c-1", &json!({"tool": "pay", "verdict": "deny"}))),
        (3_600_000, event("a", "c-1", &json!({"tool": "look", "verdict": "deny"}))),
    ]);
    let mut tallies = lines.iter().map(|line| {
        let mut tally = Tally::default();
        tally.add(&View::parse(line).unwrap());
        tally
    });
    let mut tally = tallies.next().unwrap();
    tallies.for_each(|other| tally.merge(&other));
    assert_eq!(tally.records, 2);
    assert_eq!(tally.agents.ranked(), [("a", 2)]);
    assert_eq!(tally.tools.ranked(), [("look", 1), ("pay", 1)]);
    assert_eq!(tally.times.ranked(), [("2026-02-24T09", 1), ("2026-02-24T10", 1)]);
}

/// Words with everything in them that JSON escapes, from few letters, so that they meet.
fn word() -> impl Strategy<Value = String> {
    "[ab\"\\\\/\u{e9}\n]{1,3}"
}

/// A text as JSON, with escapes where the mask says so.
fn spelt(text: &str, mask: u8) -> String {
    let mut out = String::from("\"");
    for (n, c) in text.chars().enumerate() {
        match (mask >> (n % 8) & 1, c) {
            (1, c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            (_, '"' | '\\') => out.extend(['\\', c]),
            (_, '/') if mask & 128 != 0 => out.push_str("\\/"),
            (_, '\n') => out.push_str("\\n"),
            (_, c) => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A line with the shape of a record, in any spelling that JSON allows.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let field = || (word(), any::<u8>());
    (field(), field(), field(), field(), 0..4_u8, 0..2000_u64).prop_map(
        |(agent, user, tool, input, verdict, at)| {
            let spelt = |(text, mask): &(String, u8)| spelt(text, *mask);
            let verdict = ["\"allow\"", "\"deny\"", "\"\\u0061llow\"", "7"][usize::from(verdict)];
            let (mac, at) = ("0".repeat(64), UnixMillis(START + at));
            format!(
                "{{\"seq\":1,\"timestamp\":\"{at}\",\"category\":\"tool\",\"action\":\"tool.asked\",\"actor\":{{\"name\":\"n\",\"agent\":{},\"user\":{}}},\"detail\":{{\"tool\": {} ,\"input\":{{{}:[1]}},\"verdict\":{verdict}}},\"prev\":\"{mac}\",\"mac\":\"{mac}\"}}\n",
                spelt(&agent), spelt(&user), spelt(&tool), spelt(&input),
            )
            .into_bytes()
        },
    )
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let words = || vec(word(), 0..3);
    let bound = || proptest::option::of(0..2000_u64);
    (words(), words(), words(), words(), bound(), bound(), any::<bool>()).prop_map(
        |(agents, users, tools, texts, since, until, allowed)| Filter {
            since: since.map(|at| UnixMillis(START + at)),
            until: until.map(|at| UnixMillis(START + at)),
            verdicts: if allowed { vec![Verdict::Allow] } else { vec![] },
            agents,
            users,
            tools,
            texts,
            ..Filter::default()
        },
    )
}

proptest! {
    #[test]
    fn the_short_cut_finds_what_the_whole_reading_finds(
        lines in vec(any_line(), 1..8),
        filter in any_filter(),
    ) {
        let query = Query::new(filter);
        for line in &lines {
            prop_assert_eq!(query.judge(line), query.judge_whole(line));
        }
    }

    #[test]
    fn a_summary_rules_out_no_segment_that_holds_a_match(
        lines in vec(any_line(), 1..8),
        filter in any_filter(),
        cut in 0..8_usize,
    ) {
        let query = Query::new(filter);
        let (mut summary, mut rest) = (SummaryBuilder::default(), SummaryBuilder::default());
        for (n, line) in lines.iter().enumerate() {
            if n < cut { summary.add(line) } else { rest.add(line) }
        }
        summary.merge(rest);
        let summary = Summary::parse(&summary.finish(1).to_json()).unwrap();
        prop_assert!(summary.is_of(1) && !summary.is_of(2));
        let holds = lines.iter().any(|line| query.judge(line) == Judged::Match);
        prop_assert!(summary.may_hold(&query) || !holds);
    }

    #[test]
    fn no_bytes_make_a_query_fail(
        mut line in any_line(),
        at in any::<prop::sample::Index>(),
        bytes in vec(any::<u8>(), 0..20),
        filter in any_filter(),
    ) {
        let at = at.index(line.len());
        let end = (at + bytes.len() / 2).min(line.len());
        line.splice(at..end, bytes);
        let query = Query::new(filter);
        // A line that is damaged within may be passed over unread; it is never a match.
        let (fast, slow) = (query.judge(&line), query.judge_whole(&line));
        prop_assert_eq!(fast == Judged::Match, slow == Judged::Match);
    }
}
