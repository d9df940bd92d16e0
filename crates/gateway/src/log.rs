//! The log, read by auditors and kept by the account that runs us.
//!
//! Only the role `auditor` reads, and that it did is itself recorded before anything is handed out.
//! Nothing here changes a record: what goes does so whole and with a tombstone, and what becomes
//! unreadable keeps its bytes. Both are for the control socket alone.

use bakerst_audit::BatchMost;
use bakerst_audit::custody::{CustodyError, Page, Reading};
use bakerst_audit::ocsf::{Origin, to_ocsf};
use bakerst_audit::query::{Bucket, Filter, Order, parse_moment};
use bakerst_audit::retention::Retention;
use bakerst_model::{
    Action, Code, Detail, Escaped, Event, Journal as _, Limits, Seq, UnixMillis, Verdict,
};
use serde_json::json;
use serde_json::value::RawValue;

use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::hook::read;
use crate::identity::Caller;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{
    EraseRequest, ErasedView, KeyView, LogBucket, LogCountRequest, LogCounts, LogFilter, LogFormat,
    LogPage, LogQuery, RetainRequest, RetainedView, counts,
};

/// How many records a page has where nothing is said.
const PAGE_RECORDS: usize = 100;
/// The most values of one field of a filter.
const VALUES_MAX: usize = 100;

/// `POST /api/audit/query`.
pub(crate) async fn query(exchange: Exchange) -> Result<Reply, Problem> {
    let (found, page) = found(&exchange, "query").await?;
    let raw = |line: String| RawValue::from_string(line).ok();
    let Found { lines, damaged, next } = found;
    // What is no JSON is no record, and was counted as such.
    let records = lines.into_iter().filter_map(raw).collect();
    page.record(&exchange).await?;
    Reply::json(&LogPage { records, next: next.map(|seq| seq.0), damaged })
}

/// `POST /api/audit/export`.
pub(crate) async fn export(exchange: Exchange) -> Result<Reply, Problem> {
    let (Found { lines, next, .. }, page) = found(&exchange, "export").await?;
    page.record(&exchange).await?;
    let text: String = lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect();
    Ok(Reply::lines(text, next.map(|seq| seq.0)))
}

/// `POST /api/audit/stats`.
pub(crate) async fn stats(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, body, .. } = &exchange;
    let LogCountRequest { filter, from, by } = read(body, &gateway.limits)?;
    let reading = Reading {
        filter: filter_of(&filter, gateway.clock.now())?,
        order: Order::OldestFirst,
        from: from.map(Seq),
        most: BatchMost { records: 1, bytes: 1 },
    };
    let by = match by {
        LogBucket::Minute => Bucket::Minute,
        LogBucket::Hour => Bucket::Hour,
        LogBucket::Day => Bucket::Day,
    };
    let counted = gateway.custody.count(reading, by).await?;
    let tally = &counted.tally;
    Read { what: "stats", filter, from, records: tally.records }.record(&exchange).await?;
    Reply::json(&LogCounts {
        records: tally.records,
        damaged: counted.damaged,
        next: counted.next.map(|seq| seq.0),
        category: counts(&tally.categories),
        action: counts(&tally.actions),
        agent: counts(&tally.agents),
        tool: counts(&tally.tools),
        decision: counts(&tally.verdicts),
        time: counts(&tally.times),
    })
}

/// `POST /api/audit/rotate-key`.
pub(crate) async fn rotate_key(exchange: Exchange) -> Result<Reply, Problem> {
    let key = exchange.gateway.custody.rotate_key().await?;
    Reply::json(&KeyView { key: key.to_string() })
}

/// `POST /api/audit/erase`.
pub(crate) async fn erase(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, body, .. } = exchange;
    let EraseRequest { subject } = read(&body, &gateway.limits)?;
    Reply::json(&ErasedView { name: gateway.custody.erase(subject).await? })
}

/// `POST /api/audit/retain`.
pub(crate) async fn retain(exchange: Exchange) -> Result<Reply, Problem> {
    const DAY_MILLIS: u64 = 86_400_000;
    let Exchange { gateway, body, .. } = exchange;
    let RetainRequest { age_days_max, bytes_max, apply } = read(&body, &gateway.limits)?;
    let age_max = age_days_max.map(|days| u64::from(days) * DAY_MILLIS);
    let retained = gateway.custody.retain(Retention { age_max, bytes_max }, apply).await?;
    Reply::json(&RetainedView::of(retained, apply))
}

/// What a page holds, in the form that was asked for.
struct Found {
    lines: Vec<String>,
    next: Option<Seq>,
    damaged: u64,
}

async fn found(exchange: &Exchange, what: &'static str) -> Result<(Found, Read), Problem> {
    let Exchange { gateway, body, .. } = exchange;
    let LogQuery { filter, from, newest, limit, format } = read(body, &gateway.limits)?;
    let reading = Reading {
        filter: filter_of(&filter, gateway.clock.now())?,
        order: if newest { Order::NewestFirst } else { Order::OldestFirst },
        from: from.map(Seq),
        most: most(limit, &gateway.limits)?,
    };
    let Page { lines, next, damaged } = gateway.custody.find(reading).await?;
    let read = Read { what, filter, from, records: lines.len() as u64 };
    let lines = match format {
        LogFormat::Record => lines,
        LogFormat::Ocsf => as_ocsf(&lines, gateway),
    };
    Ok((Found { lines, next, damaged }, read))
}

fn most(limit: Option<usize>, limits: &Limits) -> Result<BatchMost, Problem> {
    let max = limits.audit_page_records_max;
    let records = limit.unwrap_or(PAGE_RECORDS.min(max));
    if !(1..=max).contains(&records) {
        let message =
            format!("`limit` is {records}, expected 1 to {max} (`audit_page_records_max`)");
        return Err(Problem::field(message));
    }
    Ok(BatchMost { records, bytes: limits.audit_page_bytes_max })
}

fn as_ocsf(lines: &[String], gateway: &Gateway) -> Vec<String> {
    let log = gateway.custody.log().to_string();
    let origin = Origin { log: &log, version: env!("CARGO_PKG_VERSION") };
    let event = |line: &String| String::from_utf8(to_ocsf(line.as_bytes(), origin)?).ok();
    lines.iter().filter_map(event).collect()
}

fn filter_of(filter: &LogFilter, now: UnixMillis) -> Result<Filter, Problem> {
    let LogFilter {
        category, action, agent, user, tool, decision, conversation, code, text, ..
    } = filter;
    for (name, values) in [
        ("category", category),
        ("action", action),
        ("agent", agent),
        ("user", user),
        ("tool", tool),
        ("decision", decision),
        ("conversation", conversation),
        ("code", code),
        ("text", text),
    ] {
        if values.len() > VALUES_MAX {
            let count = values.len();
            let message = format!("`{name}` has {count} values, at most {VALUES_MAX} are allowed");
            return Err(Problem::field(message));
        }
    }
    Ok(Filter {
        since: moment("since", filter.since.as_deref(), now)?,
        until: moment("until", filter.until.as_deref(), now)?,
        categories: category.clone(),
        actions: action.clone(),
        agents: agent.clone(),
        users: user.clone(),
        tools: tool.clone(),
        verdicts: decision.iter().map(|word| verdict(word)).collect::<Result<_, _>>()?,
        conversations: conversation.clone(),
        codes: code.clone(),
        texts: text.clone(),
    })
}

fn verdict(word: &str) -> Result<Verdict, Problem> {
    let known = [Verdict::Allow, Verdict::Ask, Verdict::Deny];
    known.into_iter().find(|verdict| verdict.as_str() == word).ok_or_else(|| {
        let word = Escaped(word);
        Problem::field(format!("`decision` is `{word}`, expected `allow`, `ask` or `deny`"))
    })
}

fn moment(name: &str, text: Option<&str>, now: UnixMillis) -> Result<Option<UnixMillis>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match parse_moment(text, now) {
        Some(at) => Ok(Some(at)),
        None => Err(Problem::field(format!(
            "`{name}` is no moment: `{}`; expected `2026-02-24`, `2026-02-24T09:30` in UTC, or `15m`, `2h`, `7d`",
            Escaped(text)
        ))),
    }
}

/// That somebody read the log.
struct Read {
    what: &'static str,
    filter: LogFilter,
    from: Option<u64>,
    records: u64,
}

impl Read {
    /// Records it. What was looked for may name persons, or hold the very secret that somebody is
    /// after, so of those two fields only the number of values is kept.
    async fn record(self, exchange: &Exchange) -> Result<(), Problem> {
        let Exchange { gateway, caller, .. } = exchange;
        let Self { what, filter, from, records } = self;
        let detail = json!({
            "what": what,
            "filter": filter,
            "users": filter.user.len(),
            "texts": filter.text.len(),
            "from": from,
            "records": records,
        });
        let detail = Detail::of(&gateway.policy().loggable(&detail))?;
        let event = event(caller, detail);
        gateway.ledger.append(event).await?;
        Ok(())
    }
}

fn event(caller: &Caller, detail: Detail) -> Event {
    Event { action: Action::LogRead, actor: caller.actor(), conversation: None, detail }
}

impl From<CustodyError> for Problem {
    fn from(CustodyError { code, message }: CustodyError) -> Self {
        match code {
            // The medium's own words name files and disks, which are no caller's business.
            Code::LogUnwritable | Code::LogClosed => Self::from(code),
            _ => Self::new(code, message),
        }
    }
}
