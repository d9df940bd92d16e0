//! Recorded decisions, taken again on one core.
//!
//! The records are those of the built-in policy: four lookups of a time zone in ten, three commands,
//! two deletions and one task, each with arguments that no other record has, from 16 agents in 5,000
//! conversations. Nothing is remembered from one record to the next. The policy that they are held
//! against no longer flags commands, so every guardrail but the reading for injections is heard anew.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bakerst_guard::flow::{Conversation, FlowKey};
use bakerst_guard::replay::{RecordedCall, Replay, Tally};
use bakerst_guard::{Facts, Outcome, Policy, PolicySource, Query, Step};
use bakerst_model::{Accountable as _, Actor, ApprovalId, Code, Limits, ToolCall};

use super::rego::policy;
use crate::bench::Figure;
use crate::commands::explain::call_of;
use crate::failure::Failure;

const RECORDS: u64 = 1_000_000;
/// As many are made at a time, so that no more memory is needed.
const BATCH: u64 = 20_000;
const KEY: [u8; 16] = *b"bakerst eval key";

pub(super) fn measure(_full: bool) -> Result<Vec<Figure>, Failure> {
    let before = policy(PolicySource::default_text())?;
    let after = policy(&loosened())?;
    let kinds = kinds(&before)?;
    let replay = Replay::new(&after, Some(&before));
    let (mut replayed, mut read) = (Duration::ZERO, Duration::ZERO);
    let mut tally = Tally::default();
    for batch in 0..RECORDS / BATCH {
        let lines: Vec<String> =
            (batch * BATCH..(batch + 1) * BATCH).map(|seq| line(&kinds, seq)).collect();
        let began = Instant::now();
        let readable = lines.iter().filter(|line| matches!(RecordedCall::read(line), Ok(Some(_))));
        let readable = readable.count();
        read += began.elapsed();
        let began = Instant::now();
        for line in &lines {
            if let Ok(Some(record)) = RecordedCall::read(line) {
                let again = replay.redecide(&record);
                tally.count(&record, record.verdict, again);
            }
        }
        replayed += began.elapsed();
        if readable != lines.len() {
            return Err(Failure::usage(Code::BadField, "the bench's own records cannot be read"));
        }
    }
    if tally.same == 0 || tally.changed.is_empty() || !tally.unknown.is_empty() {
        return Err(Failure::usage(
            Code::BadField,
            "the bench's own records are not what it means",
        ));
    }
    Ok(vec![
        Figure::new("replay.per_s", per_second(replayed), "1/s"),
        Figure::new("replay.read_per_s", per_second(read), "1/s"),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per_second(took: Duration) -> f64 {
    RECORDS as f64 / took.as_secs_f64()
}

/// The built-in policy, with commands no longer flagged, and without the examples that say otherwise.
fn loosened() -> String {
    let text =
        PolicySource::default_text().replace("[command_execute, launch_task,", "[launch_task,");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("- { tool:"));
    lines
        .filter(|line| !line.trim_start().starts_with("must_"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// A record of one kind: what stands around the parts that are each record's own.
struct Kind {
    tool: &'static str,
    action: &'static str,
    /// The arguments around what is different each time.
    input: [&'static str; 2],
    /// The detail before the input, between input and binding, and behind both.
    detail: [String; 3],
}

fn kinds(policy: &Policy) -> Result<Vec<Kind>, Failure> {
    let kinds = [
        ("timezone_lookup", ["{\"city\":\"Port ", "\"}"]),
        ("command_execute", ["{\"command\":\"kubectl get pods -n team-", "\"}"]),
        ("filesystem_delete", ["{\"path\":\"/workspace/build/out-", "\"}"]),
        ("launch_task", ["{\"name\":\"nightly-", "\"}"]),
    ];
    kinds.into_iter().map(|(tool, input)| kind(policy, tool, input)).collect()
}

/// One call of a kind, decided and recorded as doors do.
fn kind(policy: &Policy, tool: &'static str, input: [&'static str; 2]) -> Result<Kind, Failure> {
    let written = input.join("0");
    let call = call_of(tool, written.as_bytes(), Some("agent-0"), &Limits::default())?;
    let mut conversation = Conversation::new(FlowKey::new(KEY));
    conversation.hear_prompt("look after the cluster");
    let flow = policy.follows_flows().then(|| conversation.trace(call.input.expose()).into());
    let mut run = policy.start(&call, Facts { flow, ..Facts::default() });
    let decision = match run.step() {
        Step::Done(decision) => decision,
        Step::Need(Query::Approval(_) | Query::Authorize(_)) => {
            run.resume(bakerst_guard::Answer::Waiting(ApprovalId(1)))
        }
    };
    let failed = |why: String| Failure::usage(Code::BadField, why);
    let binding = call.binding().to_string();
    let outcome =
        policy.settle(call, decision, Actor::system()).map_err(|e| failed(e.to_string()))?;
    let (action, event) = match outcome {
        Outcome::Permitted(permit) => ("tool.allowed", permit.account()),
        Outcome::Asked(asked) => ("tool.asked", asked.account()),
        Outcome::Refused(refusal) => ("tool.blocked", refusal.account()),
    };
    let detail = event.detail.as_json();
    let parts = detail.split_once(&written).and_then(|(head, rest)| {
        let (middle, tail) = rest.split_once(&binding)?;
        Some([head.to_owned(), middle.to_owned(), tail.to_owned()])
    });
    let detail = parts.ok_or_else(|| failed("a record does not hold its input".to_owned()))?;
    Ok(Kind { tool, action, input, detail })
}

fn line(kinds: &[Kind], seq: u64) -> String {
    let place = match seq % 10 {
        0..4 => 0,
        4..7 => 1,
        7..9 => 2,
        _ => 3,
    };
    let Some(Kind { tool, action, input, detail }) = kinds.get(place) else { return String::new() };
    let (agent, conversation) = (format!("agent-{}", seq % 16), format!("c-{}", seq % 5000));
    let input = input.join(&seq.to_string());
    let binding = ToolCall::binding_of(&agent, "ann", &conversation, tool, &input);
    let mut line = String::with_capacity(1500);
    let [head, middle, tail] = detail;
    let zeros = "0".repeat(64);
    let _ = write!(
        line,
        "{{\"seq\":{seq},\"timestamp\":\"2026-11-21T15:20:00.000Z\",\"category\":\"tool\",\
         \"action\":\"{action}\",\"actor\":{{\"name\":\"laptop\",\"agent\":\"{agent}\",\"user\":\"ann\",\
         \"ip\":\"127.0.0.1\"}},\"conversation\":\"{conversation}\",\"detail\":{head}{input}{middle}\
         {binding}{tail},\"prev\":\"{zeros}\",\"mac\":\"{zeros}\"}}"
    );
    line
}
