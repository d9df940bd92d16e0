//! A policy's tests: calls, and what must become of them.
//!
//! Unlike the examples in `guardrails`, which a policy must agree with before it loads, tests are
//! run when somebody asks, say which code they expect, and need not stand in the policy's own file.

use bakerst_model::{AgentId, Limits, UserId};
use std::sync::Arc;

use bakerst_model::{Code, ConversationId, IdError, ToolCall, ToolName, Untrusted, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{Fault, Node, Position};
use crate::flow::{Conversation, FlowKey};
use crate::{Facts, Policy, Step};

/// A call, and what must become of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    #[serde(default)]
    name: Option<String>,
    tool: String,
    #[serde(default = "no_arguments")]
    input: Value,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    steps: Vec<RawStep>,
    expect: Verdict,
    #[serde(default)]
    code: Option<String>,
}

/// A call that was made before, and what came back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    tool: String,
    #[serde(default = "no_arguments")]
    input: Value,
    #[serde(default)]
    output: Value,
}

fn no_arguments() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A test, ready to be run.
#[derive(Clone, Debug)]
pub struct PolicyCase {
    /// What it is called.
    pub name: String,
    /// Where it stands in its text.
    pub at: Position,
    call: ToolCall,
    /// What was called before in the same conversation, and what came back.
    steps: Vec<(ToolCall, Value)>,
    expect: Verdict,
    code: Option<Code>,
}

/// Where nothing is kept, any key does; a fixed one gives the same answers every time.
const FLOW_KEY: [u8; 16] = *b"bakerst test key";

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseOutcome {
    /// What became of the call.
    pub verdict: Verdict,
    /// The codes of all words against it, in order.
    pub codes: Vec<Code>,
    /// What is not as expected; nothing where all is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

impl PolicyCase {
    /// Reads a list of tests.
    ///
    /// # Errors
    /// Says what does not fit, and where.
    pub fn read_list(node: &Node, limits: &Limits) -> Result<Vec<Self>, Fault> {
        let items = node.items()?;
        let (got, max) = (items.len(), limits.policy_tests_max);
        if got > max {
            let message = format!("{got} tests are more than `policy_tests_max` allows ({max})");
            return Err(Fault::new(Code::ConfigValue, message).at(node.at()));
        }
        let read = items.iter().enumerate().map(|(place, item)| {
            let raw: RawCase = item.read()?;
            Self::of_raw(raw, place, item.at())
        });
        read.collect()
    }

    fn of_raw(raw: RawCase, place: usize, at: Position) -> Result<Self, Fault> {
        let fault = |why: String| Fault::new(Code::ConfigValue, why).at(at);
        let code = raw.code.as_deref().map(|text| {
            let known = Code::ALL.iter().copied().find(|code| code.as_str() == text);
            known.ok_or_else(|| {
                fault(format!(
                    "`{}` is no code; docs/errors.md lists them",
                    bakerst_model::Escaped(text)
                ))
            })
        });
        let code = code.transpose()?;
        let name = raw.name.clone();
        let expect = raw.expect;
        let (mut raw, mut steps) = (raw, Vec::new());
        for RawStep { tool, input, output } in std::mem::take(&mut raw.steps) {
            let step = RawCase { tool, input, ..raw.clone() };
            steps.push((call_of(step).map_err(|e| fault(e.to_string()))?, output));
        }
        let call = call_of(raw).map_err(|e| fault(e.to_string()))?;
        let name = name
            .unwrap_or_else(|| format!("test {}: `{}` of `{}`", place + 1, call.tool, call.agent));
        Ok(Self { name, at, call, steps, expect, code })
    }

    /// Asks the policy, and compares.
    #[must_use]
    pub fn run(&self, policy: &Policy) -> CaseOutcome {
        let mut run = policy.start(&self.call, self.facts(policy)).offline();
        while run.hear().is_some() {}
        let against = run.trail().iter().filter(|word| !word.monitored);
        let mut codes: Vec<Code> =
            against.filter_map(|word| Some(word.reason.as_ref()?.code)).collect();
        let verdict = match run.step() {
            Step::Need(_) => Verdict::Ask,
            Step::Done(decision) => {
                let code = decision.reason.code;
                if code != Code::Allowed && !codes.contains(&code) {
                    codes.push(code);
                }
                decision.verdict
            }
        };
        let wrong = self.wrong(verdict, &codes);
        CaseOutcome { verdict, codes, wrong }
    }

    /// What the conversation so far tells about the call's values.
    fn facts(&self, policy: &Policy) -> Facts {
        if !policy.follows_flows() || (self.steps.is_empty() && self.call.prompt.is_none()) {
            return Facts::default();
        }
        let mut conversation = Conversation::new(FlowKey::new(FLOW_KEY));
        self.call.prompt.iter().for_each(|prompt| conversation.hear_prompt(prompt.expose()));
        for (call, output) in &self.steps {
            policy.hear_output(&mut conversation, call, output);
        }
        let flow = Some(Arc::new(conversation.trace(self.call.input.expose())));
        Facts { flow, ..Facts::default() }
    }

    fn wrong(&self, verdict: Verdict, codes: &[Code]) -> Option<String> {
        let said: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
        if verdict != self.expect {
            return Some(format!("gets {verdict}{said}, not {}", self.expect));
        }
        let code = self.code.filter(|code| !codes.contains(code))?;
        Some(format!("gets {verdict}{said}, but not for {code}"))
    }
}

fn call_of(raw: RawCase) -> Result<ToolCall, IdError> {
    Ok(ToolCall {
        conversation: ConversationId::parse("policy-test")?,
        user: raw.user.as_deref().map(UserId::parse).transpose()?,
        agent: raw.agent.as_deref().map_or(Ok(AgentId::unnamed()), AgentId::parse)?,
        tool: ToolName::parse(&raw.tool)?,
        input: Untrusted::new(raw.input),
        prompt: raw.prompt.map(Untrusted::new),
    })
}
