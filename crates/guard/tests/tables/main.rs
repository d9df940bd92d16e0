//! Every guardrail through one door: a policy, a call or a result, and what must come of it.
//!
//! The same tables are played through every door of the gateway, where they are included by path.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod agents;
mod arguments;
mod authorization;
mod cases;
mod chain;
mod flows;
mod outputs;

use std::sync::Arc;

use bakerst_guard::flow::{Conversation, FlowKey};
use bakerst_guard::{Facts, Fate, OutputFinding, Policy, Step};
use bakerst_model::{AgentId, ConversationId, ToolCall, ToolName, Untrusted, UserId, Verdict};
use cases::{Call, Cases, Judged, NOW, Output, policy};
use serde_json::json;

/// Asks the policy of each case.
fn play(fill: impl FnOnce(&mut Cases)) {
    let mut cases = Cases::default();
    fill(&mut cases);
    let wrong = cases.calls.iter().filter_map(|case| {
        let policy = policy(&case.policy).unwrap_or_else(|fault| panic!("{fault}"));
        let judged = judged(&policy, case);
        (!judged.is(&case.want)).then(|| format!("{}: {judged:?}, not {}", case.at, case.want))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    cases.outputs.iter().for_each(sanitized);
}

fn judged(policy: &Policy, case: &Call) -> Judged {
    let call = call(case, &case.tool);
    let heard = policy.follows_flows().then(|| {
        let mut conversation = Conversation::new(FlowKey::new([7; 16]));
        for (tool, output) in &case.heard {
            let made = ToolCall { input: Untrusted::new(json!({})), ..self::call(case, tool) };
            policy.hear_output(&mut conversation, &made, &json!(output));
        }
        Arc::new(conversation.trace(&case.input))
    });
    let mut run = policy.start(&call, Facts { now: NOW, flow: heard, ..Facts::default() });
    let (verdict, reason, trail) = match run.step() {
        Step::Done(decision) => (decision.verdict, Some(decision.reason), decision.trail),
        Step::Need(_) => {
            let trail = run.trail().to_vec();
            (Verdict::Ask, trail.iter().find_map(|word| word.reason.clone()), trail)
        }
    };
    let codes = trail.iter().filter_map(|word| {
        let code = word.reason.as_ref()?.code;
        Some(if word.monitored { format!("({code})") } else { code.to_string() })
    });
    let codes = codes.collect();
    let reason = reason.unwrap();
    let (code, reason) = (reason.code.to_string(), reason.message.into_owned());
    Judged { verdict: verdict.to_string(), codes, code, reason }
}

fn call(case: &Call, tool: &str) -> ToolCall {
    ToolCall {
        conversation: ConversationId::parse(case.conversation.unwrap_or("a table's")).unwrap(),
        user: case.user.map(|user| UserId::parse(user).unwrap()),
        agent: case.agent.map_or(AgentId::unnamed(), |agent| AgentId::parse(agent).unwrap()),
        tool: ToolName::parse(tool).unwrap(),
        input: Untrusted::new(case.input.clone()),
        prompt: None,
    }
}

fn sanitized(case: &Output) {
    let policy = policy(&case.policy).unwrap_or_else(|fault| panic!("{fault}"));
    let tool = ToolName::parse(case.tool).unwrap();
    let left = policy.sanitize(&tool, case.value.clone(), None);
    let got = match left.withheld {
        None => Ok(left.value),
        Some(reason) => Err(reason.code.as_str()),
    };
    assert_eq!(got, case.want, "{}", case.at);
    if let Some(want) = &case.found {
        let found: Vec<String> = left.findings.iter().map(told).collect();
        assert_eq!(&found, want, "{}", case.at);
    }
}

fn told(OutputFinding { path, placeholder, fate }: &OutputFinding) -> String {
    let fate = match fate {
        Fate::Replaced => "replaced",
        Fate::Noted => "noted",
        Fate::Blocked => "blocked",
    };
    format!("{path} {placeholder} {fate}")
}
