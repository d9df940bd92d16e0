//! What a case is: a policy, something that happens under it, and what must come of it.

use std::panic::Location;
use std::sync::Arc;

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{
    Check, Guardrail, Policy, PolicySource, Registry, Sections, Subject, Undecided,
};
use bakerst_model::{Limits, UnixMillis};
use serde_json::Value;

/// Saturday, 21 November 2026, 15:20 in UTC: when every call is made.
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_274_400_000);

/// Room for the longest input of a case.
pub(crate) const INPUT_BYTES_MAX: usize = 8 << 20;

/// A call, and what must become of it.
pub(crate) struct Call {
    pub(crate) policy: Arc<str>,
    pub(crate) agent: Option<&'static str>,
    pub(crate) user: Option<&'static str>,
    /// Which conversation it belongs to, where that matters: otherwise one of its own.
    pub(crate) conversation: Option<&'static str>,
    /// What was called before in the same conversation, and what came back.
    pub(crate) heard: Vec<(&'static str, String)>,
    pub(crate) tool: String,
    pub(crate) input: Value,
    pub(crate) want: String,
    pub(crate) at: &'static Location<'static>,
}

/// What a tool returns, and what is left of it.
pub(crate) struct Output {
    pub(crate) policy: Arc<str>,
    pub(crate) tool: &'static str,
    pub(crate) value: Value,
    /// What is handed out; or why nothing is.
    pub(crate) want: Result<Value, &'static str>,
    /// What was found, where, and what became of it.
    pub(crate) found: Option<Vec<String>>,
    pub(crate) at: &'static Location<'static>,
}

/// A table.
#[derive(Default)]
pub(crate) struct Cases {
    pub(crate) calls: Vec<Call>,
    pub(crate) outputs: Vec<Output>,
}

impl Cases {
    /// A call gets this verdict and the codes of all words that were not in favour, those of monitors
    /// in parentheses, as `ask GRD-031 (GRD-010)`; or it gets this verdict, code and reason, where a
    /// `*` stands for any rest.
    #[track_caller]
    pub(crate) fn call(
        &mut self,
        policy: &str,
        tool: &str,
        input: impl Into<Value>,
        want: &str,
    ) -> &mut Call {
        let at = Location::caller();
        // Cases of one policy share one text, so that it is compiled once.
        let shared = self.calls.last().filter(|last| *last.policy == *policy);
        let policy = shared.map_or_else(|| policy.into(), |last| last.policy.clone());
        let (agent, user, conversation, heard) = (None, None, None, Vec::new());
        let (tool, input, want) = (tool.to_owned(), input.into(), want.to_owned());
        self.calls.push(Call { policy, agent, user, conversation, heard, tool, input, want, at });
        self.calls.last_mut().unwrap()
    }

    /// A result comes out as this.
    #[track_caller]
    pub(crate) fn output(
        &mut self,
        policy: &str,
        tool: &'static str,
        value: Value,
        want: Result<Value, &'static str>,
    ) -> &mut Output {
        let at = Location::caller();
        self.outputs.push(Output { policy: policy.into(), tool, value, want, found: None, at });
        self.outputs.last_mut().unwrap()
    }
}

/// What became of a call.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: String,
    /// The codes of all words that were not in favour, those of monitors in parentheses.
    pub(crate) codes: Vec<String>,
    pub(crate) code: String,
    pub(crate) reason: String,
}

impl Judged {
    /// Whether a case wants this.
    pub(crate) fn is(&self, want: &str) -> bool {
        let Self { verdict, codes, code, reason } = self;
        let short = codes.iter().fold(verdict.clone(), |said, code| format!("{said} {code}"));
        let long = format!("{verdict} {code} {reason}");
        match want.strip_suffix('*') {
            Some(begins) => long.starts_with(begins),
            None => want == short || want == long,
        }
    }
}

/// The policy of a case.
pub(crate) fn policy(text: &str) -> Result<Policy, Fault> {
    let (node, limits) = (Node::parse_yaml(text, 1 << 20)?, limits());
    let source = PolicySource::read_sections(&Sections::of(&node), &registry(), &limits)?;
    Policy::compile(source, limits)
}

/// The limits that hold for all cases.
pub(crate) fn limits() -> Limits {
    Limits { body_bytes_max: INPUT_BYTES_MAX, rego_steps_max: 10_000, ..Limits::default() }
}

fn registry() -> Registry {
    Registry::default()
        .with("refuses", |_| Ok(Arc::new(Says(|| Ok(Check::reject("no"))))))
        .with("asks", |_| Ok(Arc::new(Says(|| Ok(Check::escalate("hm"))))))
        .with("fails", |_| Ok(Arc::new(Says(|| Err(Undecided("lost its mind".into()))))))
        .with("panics", |_| Ok(Arc::new(Says(|| panic!("on purpose")))))
        .with_text(
            "a.rego".into(),
            "package bakerst.authz\nimport data.lib\nallow if lib.looks(input.risk)",
        )
        .with_text("lib.rego".into(), "package lib\nlooks(risk) if risk == \"read\"")
}

struct Says(fn() -> Result<Check, Undecided>);

impl Guardrail for Says {
    fn check(&self, _: &Subject<'_>) -> Result<Check, Undecided> {
        self.0()
    }
}
