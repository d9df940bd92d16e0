//! `eval flows`: whole conversations, each judged call by call as the doors would.

use std::sync::Arc;

use bakerst_guard::flow::{Conversation, FlowKey};
use bakerst_guard::{Facts, Policy, Step};
use bakerst_model::{Limits, ToolCall, Verdict};
use serde_json::{Map, Value, json};

use crate::commands::explain::call_of;

/// Where nothing is kept, any key does; a fixed one gives the same answers every time.
const KEY: [u8; 16] = *b"bakerst eval key";

/// Judges one conversation: its steps in order, and then what was slipped into it.
pub(super) fn judge(
    policy: &Policy,
    limits: &Limits,
    row: &Map<String, Value>,
) -> Result<Value, String> {
    let mut conversation = Conversation::new(FlowKey::new(KEY));
    if let Some(prompt) = row.get("prompt").and_then(Value::as_str) {
        conversation.hear_prompt(prompt);
    }
    let mut judged = |name: &str| -> Result<Vec<Value>, String> {
        let steps = match row.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(steps)) => steps,
            Some(_) => return Err(format!("`{name}` is not a list of calls")),
        };
        let numbered = steps.iter().enumerate();
        let judged = numbered.map(|(place, step)| {
            judge_step(policy, limits, &mut conversation, step)
                .map_err(|why| format!("`{name}`, call {}: {why}", place + 1))
        });
        judged.collect()
    };
    let steps = judged("steps")?;
    let injected = judged("injected")?;
    Ok(json!({ "steps": steps, "injected": injected }))
}

fn judge_step(
    policy: &Policy,
    limits: &Limits,
    conversation: &mut Conversation,
    step: &Value,
) -> Result<Value, String> {
    let tool = step.get("tool").and_then(Value::as_str).ok_or("it has no tool under `tool`")?;
    let input = step.get("input").map_or_else(|| "{}".to_owned(), Value::to_string);
    let call = call_of(tool, input.as_bytes(), None, limits).map_err(|e| e.message)?;
    let flow = policy.follows_flows().then(|| Arc::new(conversation.trace(call.input.expose())));
    let answer = judge_call(policy, &call, Facts { flow, ..Facts::default() });
    if let Some(output) = step.get("output") {
        policy.hear_output(conversation, &call, output);
    }
    Ok(answer)
}

/// What the chain says to a call, and every reason that counts.
pub(super) fn judge_call(policy: &Policy, call: &ToolCall, facts: Facts) -> Value {
    let mut run = policy.start(call, facts).offline();
    while run.hear().is_some() {}
    let words: Vec<_> = run.trail().to_vec();
    let (verdict, reason) = match run.step() {
        Step::Done(decision) => (decision.verdict, Some(decision.reason)),
        Step::Need(_) => (Verdict::Ask, None),
    };
    let said = words.iter().filter(|word| !word.monitored).filter_map(|word| word.reason.clone());
    let mut reasons: Vec<_> = said.map(|reason| reason.to_string()).collect();
    if reasons.is_empty() && verdict != Verdict::Allow {
        reasons.extend(reason.map(|reason| reason.to_string()));
    }
    json!({ "verdict": verdict, "reasons": reasons })
}
