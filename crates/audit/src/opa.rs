//! Decisions in the form of OPA's decision log, one event each, for whatever reads those already.
//!
//! What a policy was told is `input`, as far as the record holds it, in the fields of the input
//! document of authorization policies; what the whole chain decided is `result`. What the record
//! does not hold is named as OPA names it: `erased` are the fields that are not there, `masked` those
//! in which a secret gave way to a placeholder.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bakerst_model::{Digest, ToolCall};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ocsf::Origin;
use crate::query::View;
use crate::sealed_input::SEALED_INPUT;

/// The document that was asked for: all guardrails, not one policy.
const PATH: &str = "bakerst/chain";
/// How what gave way to a placeholder looks.
const PLACEHOLDER: &str = "[REDACTED";
/// The records that are decisions.
const DECISIONS: [&str; 3] = ["tool.allowed", "tool.asked", "tool.blocked"];

/// An event of OPA's decision log.
#[derive(Serialize)]
struct Event<'e> {
    labels: BTreeMap<&'static str, &'e str>,
    decision_id: String,
    bundles: BTreeMap<&'static str, Bundle<'e>>,
    path: &'static str,
    input: Input<'e>,
    result: Outcome<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_by: Option<&'e str>,
    timestamp: &'e str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    erased: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    masked: Vec<String>,
}

#[derive(Serialize)]
struct Bundle<'e> {
    revision: &'e str,
}

#[derive(Serialize)]
struct Input<'e> {
    version: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<Cow<'e, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'e RawValue>,
    agent: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'e str>,
    conversation: Conversation<'e>,
}

#[derive(Serialize)]
struct Conversation<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    #[serde(flatten)]
    labels: Option<Labels>,
}

/// What was known of where the conversation's contents come from.
#[derive(Serialize)]
struct Labels {
    private: bool,
    untrusted: bool,
    tainted: bool,
}

#[derive(Serialize)]
struct Outcome<'e> {
    allow: bool,
    #[serde(flatten)]
    kept: BTreeMap<&'e str, &'e RawValue>,
}

/// The parts of a decision's detail that go elsewhere than into the result.
#[derive(Deserialize)]
struct Told<'d> {
    #[serde(borrow, default)]
    tool: Option<Cow<'d, str>>,
    #[serde(borrow, default)]
    input: Option<&'d RawValue>,
    #[serde(default)]
    binding: Option<Cow<'d, str>>,
    #[serde(borrow, default)]
    policy: Option<&'d str>,
    #[serde(default)]
    flow: Option<Flow>,
    #[serde(borrow, default)]
    trail: Vec<Word<'d>>,
}

#[derive(Deserialize)]
struct Flow {
    private: bool,
    untrusted: bool,
    #[serde(default)]
    instructions: Option<String>,
}

#[derive(Deserialize)]
struct Word<'d> {
    #[serde(borrow, default)]
    revision: Option<Cow<'d, str>>,
}

/// What stands in place of an input that is too long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    #[serde(rename = "cut")]
    _begins: IgnoredAny,
    #[serde(rename = "bytes")]
    _of: u64,
}

/// Fields of a detail that are not repeated in the result.
const ELSEWHERE: [&str; 6] = ["tool", "input", "policy", "flow", "sealed", SEALED_INPUT];

/// Writes a record's line as an event of OPA's decision log; `None` when it is no decision.
#[must_use]
pub fn to_opa(line: &[u8], origin: Origin<'_>) -> Option<Vec<u8>> {
    let view = View::parse(line)?;
    if !DECISIONS.contains(&view.action()) {
        return None;
    }
    let told: Told<'_> = serde_json::from_str(view.detail_json()).ok()?;
    let kept: BTreeMap<&str, &RawValue> = serde_json::from_str(view.detail_json()).ok()?;
    let whole = kept.contains_key("input");
    let agent = view.actor.agent().unwrap_or("default");
    let changed = told.input.filter(|input| !is_whole(&view, &told, agent, input.get()));
    let cut = changed.filter(|input| serde_json::from_str::<Cut>(input.get()).is_ok());
    let mut erased = Vec::new();
    if !whole {
        erased.extend(["/input/args", "/input/user", "/result/reason", "/result/trail"]);
    } else if cut.is_some() {
        erased.push("/input/args");
    }
    let args = told.input.filter(|_| cut.is_none());
    let masked = changed.filter(|_| cut.is_none());
    let mut bundles = BTreeMap::new();
    bundles.insert("bakerst", Bundle { revision: told.policy.unwrap_or_default() });
    if let Some(revision) = told.trail.iter().find_map(|word| word.revision.as_deref()) {
        bundles.insert("opa", Bundle { revision });
    }
    let event = Event {
        labels: [("app", "bakerst"), ("id", origin.log), ("version", origin.version)].into(),
        decision_id: format!("dec-{}", view.seq),
        bundles,
        path: PATH,
        input: Input {
            version: 1,
            tool: told.tool.clone(),
            args,
            agent,
            user: view.actor.user().filter(|_| whole),
            conversation: Conversation {
                id: view.conversation(),
                labels: told.flow.as_ref().map(|flow| Labels {
                    private: flow.private,
                    untrusted: flow.untrusted,
                    tainted: flow.instructions.is_some(),
                }),
            },
        },
        result: Outcome {
            allow: view.action() == "tool.allowed",
            kept: kept.into_iter().filter(|(field, _)| !ELSEWHERE.contains(field)).collect(),
        },
        requested_by: view.actor.ip(),
        timestamp: view.timestamp(),
        erased: erased.into_iter().map(str::to_owned).collect(),
        masked: masked.map(|args| placeholders(args.get())).unwrap_or_default(),
    };
    serde_json::to_vec(&event).ok()
}

/// Whether the record holds the arguments as they were: its binding is over them.
fn is_whole(view: &View<'_>, told: &Told<'_>, agent: &str, args: &str) -> bool {
    let (user, tool) = (view.actor.user().unwrap_or_default(), told.tool.as_deref());
    let conversation = view.conversation().unwrap_or_default();
    let now = ToolCall::binding_of(agent, user, conversation, tool.unwrap_or_default(), args);
    told.binding.as_deref().and_then(Digest::parse_hex) == Some(now)
}

/// Where placeholders stand. Where none does and something was taken out all the same, it may be
/// anywhere.
fn placeholders(args: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(args) = serde_json::from_str::<Value>(args) {
        find(&args, &mut "/input/args".to_owned(), &mut found);
    }
    if found.is_empty() {
        found.push("/input/args".to_owned());
    }
    found
}

fn find(value: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    let mut below = |step: &str, value: &Value, at: &mut String| {
        at.push('/');
        at.push_str(&step.replace('~', "~0").replace('/', "~1"));
        find(value, at, found);
        at.truncate(length);
    };
    match value {
        Value::String(text) if text.contains(PLACEHOLDER) => found.push(at.clone()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, item)| below(&place.to_string(), item, at));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, field)| below(name, field, at)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ORIGIN: Origin<'static> = Origin { log: "00ff", version: "0.1.0" };

    fn event(action: &str, user: &str, detail: &Value) -> Option<Value> {
        let line = json!({
            "seq": 7, "timestamp": "2026-11-21T15:20:00.000Z", "category": "tool", "action": action,
            "actor": { "name": "laptop", "agent": "bot", "user": user, "ip": "127.0.0.1" },
            "conversation": "c-1", "detail": detail, "prev": "00", "mac": "11",
        });
        let event = to_opa(line.to_string().as_bytes(), ORIGIN)?;
        Some(serde_json::from_slice(&event).unwrap())
    }

    fn decision(kept: &Value, whole: &Value) -> Value {
        let binding = ToolCall::binding_of("bot", "ann", "c-1", "pay", &whole.to_string());
        json!({
            "tool": "pay", "input": kept, "binding": binding, "verdict": "ask", "code": "GRD-031",
            "reason": "a person must approve", "policy": "aa",
            "flow": { "prompt": true, "untrusted": true, "private": false, "full": false, "arguments": [] },
            "trail": [{ "guardrail": "authorization", "verdict": "ask", "answered_by": "opa", "revision": "r7" }],
        })
    }

    #[test]
    fn a_decision_has_the_fields_of_opas_log() {
        let input = json!({ "amount": 5 });
        let mut told = event("tool.asked", "ann", &decision(&input, &input)).unwrap();
        let binding = told["result"].as_object_mut().unwrap().remove("binding");
        assert!(binding.is_some());
        assert_eq!(
            told,
            json!({
                "labels": { "app": "bakerst", "id": "00ff", "version": "0.1.0" },
                "decision_id": "dec-7",
                "bundles": { "bakerst": { "revision": "aa" }, "opa": { "revision": "r7" } },
                "path": "bakerst/chain",
                "input": {
                    "version": 1, "tool": "pay", "args": { "amount": 5 }, "agent": "bot", "user": "ann",
                    "conversation": { "id": "c-1", "private": false, "untrusted": true, "tainted": false },
                },
                "result": {
                    "allow": false, "verdict": "ask", "code": "GRD-031",
                    "reason": "a person must approve",
                    "trail": [{ "guardrail": "authorization", "verdict": "ask", "answered_by": "opa", "revision": "r7" }],
                },
                "requested_by": "127.0.0.1",
                "timestamp": "2026-11-21T15:20:00.000Z",
            })
        );
        assert_eq!(event("tool.executed", "ann", &json!({ "tool": "pay" })), None);
    }

    #[test]
    fn what_the_record_does_not_hold_is_erased_or_masked() {
        let whole = json!({ "to": ["a@example.org", "b"], "key~/": "hunter2" });
        let kept = json!({ "to": ["[REDACTED_EMAIL]", "b"], "key~/": "[REDACTED_PASSWORD]" });
        let masked = event("tool.asked", "ann", &decision(&kept, &whole)).unwrap();
        assert_eq!(masked["masked"], json!(["/input/args/key~0~1", "/input/args/to/0"]));
        assert_eq!((&masked["input"]["args"], masked.get("erased")), (&kept, None));
        // What an agent has written so itself was not taken out by anybody.
        let literal = event("tool.asked", "ann", &decision(&kept, &kept)).unwrap();
        assert_eq!(literal.get("masked"), None);
        let cut = json!({ "cut": "{\"to\":", "bytes": 90_000 });
        let cut = event("tool.asked", "ann", &decision(&cut, &whole)).unwrap();
        assert_eq!((&cut["erased"], cut["input"].get("args")), (&json!(["/input/args"]), None));
        let veiled = json!({ "tool": "pay", "verdict": "ask", "code": "GRD-031", "policy": "aa", "sealed": "AAAA" });
        let veiled = event("tool.asked", "subject-1", &veiled).unwrap();
        assert!(!veiled.to_string().contains("subject-1") && !veiled.to_string().contains("AAAA"));
        let gone = ["/input/args", "/input/user", "/result/reason", "/result/trail"];
        assert_eq!(veiled["erased"], json!(gone));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(to_opa(&bytes, ORIGIN), None);
        }
    }
}
