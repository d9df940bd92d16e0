//! What comes out of a decision.
//!
//! Each of the three carries the event that accounts for it. A [`Permit`] has no public
//! constructor and is not `Clone`: whoever holds one got it from [`Policy::settle`] for exactly
//! this call.

use std::borrow::Cow;

use bakerst_model::{
    Accountable, Action, Actor, ApprovalId, Detail, Digest, Escaped, Event, EventError, ToolCall,
    ToolName, Verdict,
};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::authorization::Authority;
use crate::flow::FlowFacts;
use crate::{Decision, Policy, Word};

/// A call, what was decided about it, and the event that accounts for the decision.
#[derive(Debug)]
pub struct Ruling {
    call: ToolCall,
    decision: Decision,
    input: Loggable,
    event: Event,
}

impl Ruling {
    /// The call.
    #[must_use]
    pub fn call(&self) -> &ToolCall {
        &self.call
    }

    /// The decision.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The input, as the log has it.
    #[must_use]
    pub fn logged_input(&self) -> &Loggable {
        &self.input
    }
}

/// The call may be made, once, as it is.
#[must_use]
#[derive(Debug)]
pub struct Permit(Ruling);

/// A person has been asked.
#[derive(Debug)]
pub struct Asked(Ruling);

/// The call must not be made.
#[derive(Debug)]
pub struct Refusal(Ruling);

macro_rules! ruling {
    ($name:ident) => {
        impl $name {
            /// The call and the decision.
            #[must_use]
            pub fn ruling(&self) -> &Ruling {
                &self.0
            }
        }

        impl Accountable for $name {
            fn account(&self) -> Event {
                self.0.event.clone()
            }
        }
    };
}

ruling!(Permit);
ruling!(Asked);
ruling!(Refusal);

/// A decision put to use.
#[derive(Debug)]
pub enum Outcome {
    /// The call may be made.
    Permitted(Permit),
    /// A person has been asked.
    Asked(Asked),
    /// The call must not be made.
    Refused(Refusal),
}

impl Policy {
    /// Turns a decision about `call` into what may be done with it.
    ///
    /// # Errors
    /// When the decision cannot be put into an event; the call must then not be made.
    pub fn settle(
        &self,
        call: ToolCall,
        decision: Decision,
        actor: Actor,
    ) -> Result<Outcome, EventError> {
        let action = match decision.verdict {
            Verdict::Allow => Action::ToolAllowed,
            Verdict::Ask => Action::ToolAsked,
            Verdict::Deny => Action::ToolBlocked,
        };
        // Objects hold their keys sorted, so what the log has is what the binding is over.
        let json = written(call.input.expose());
        let binding = call.binding_with(json.get());
        let (input, withheld) = self.loggable_input(call.input.expose(), json);
        let detail = Detail::of(&DecisionDetail {
            tool: &call.tool,
            input: &input,
            binding,
            verdict: decision.verdict,
            code: decision.reason.code.as_str(),
            // A reason may quote the call's own words.
            reason: self.loggable_text(&decision.reason.message),
            approval: decision.approval,
            policy: decision.policy,
            flow: decision.flow.as_deref().map(FlowFacts::recorded),
            trail: decision.trail.iter().map(|word| WordDetail::of(self, word)).collect(),
        })?
        .withholding(withheld);
        let conversation = Some(call.conversation.clone());
        let verdict = decision.verdict;
        let event = Event { action, actor, conversation, detail };
        let ruling = Ruling { call, decision, input, event };
        Ok(match verdict {
            Verdict::Allow => Outcome::Permitted(Permit(ruling)),
            Verdict::Ask => Outcome::Asked(Asked(ruling)),
            Verdict::Deny => Outcome::Refused(Refusal(ruling)),
        })
    }
}

/// What the log keeps of a decision.
#[derive(Serialize)]
struct DecisionDetail<'d> {
    tool: &'d ToolName,
    input: &'d Loggable,
    binding: Digest,
    verdict: Verdict,
    code: &'d str,
    reason: Cow<'d, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalId>,
    policy: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<FlowFacts>,
    trail: Vec<WordDetail<'d>>,
}

#[derive(Serialize)]
struct WordDetail<'d> {
    guardrail: &'d str,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'d, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    monitored: bool,
    #[serde(flatten)]
    authority: Option<&'d Authority>,
}

impl<'d> WordDetail<'d> {
    fn of(
        policy: &Policy,
        Word { guardrail, verdict, reason, monitored, authority }: &'d Word,
    ) -> Self {
        Self {
            guardrail,
            verdict: *verdict,
            code: reason.as_ref().map(|reason| reason.code.as_str()),
            reason: reason.as_ref().map(|reason| policy.loggable_text(&reason.message)),
            monitored: *monitored,
            authority: authority.as_ref(),
        }
    }
}

/// A value as JSON.
pub(crate) fn written(value: &Value) -> Box<RawValue> {
    // What is read from JSON can be written as it.
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// A value as the log may keep it: without secrets, and no longer than the limit.
#[derive(Clone, Debug)]
pub enum Loggable {
    /// All of it, as JSON.
    Whole(Box<RawValue>),
    /// The beginning of its JSON text, and how long the whole was.
    Cut {
        /// How it begins.
        begins: String,
        /// The length of the whole, in bytes.
        bytes: usize,
    },
}

impl Loggable {
    pub(crate) fn new(json: Box<RawValue>, bytes_max: usize) -> Self {
        let (text, bytes) = (json.get(), json.get().len());
        if bytes > bytes_max {
            let end = text.floor_char_boundary(bytes_max);
            return Self::Cut { begins: text.get(..end).unwrap_or_default().to_owned(), bytes };
        }
        Self::Whole(json)
    }

    /// The value as text for people, with the cut stated.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Whole(json) => Escaped(json.get()).to_string(),
            Self::Cut { begins, bytes } => format!("{}… ({bytes} bytes in all)", Escaped(&begins)),
        }
    }
}

impl Serialize for Loggable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Cut<'c> {
            cut: &'c str,
            bytes: usize,
        }
        match self {
            Self::Whole(json) => json.serialize(serializer),
            Self::Cut { begins, bytes } => Cut { cut: begins, bytes: *bytes }.serialize(serializer),
        }
    }
}
