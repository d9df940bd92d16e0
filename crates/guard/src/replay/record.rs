//! A recorded decision, read off its line without a tree of the whole.

use std::borrow::Cow;
use std::sync::LazyLock;

use bakerst_model::{
    AgentId, Code, ConversationId, Digest, Reason, ToolCall, ToolName, UnixMillis, Untrusted,
    UserId, Verdict,
};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Opener, Unknown};
use crate::flow::FlowFacts;

/// A recorded decision about a call.
#[derive(Debug)]
pub struct RecordedCall<'l> {
    /// Its place in the log.
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// The agent.
    pub agent: Cow<'l, str>,
    /// The tool.
    pub tool: Cow<'l, str>,
    /// What the chain said, before anybody was asked.
    pub verdict: Verdict,
    flow: Option<&'l RawValue>,
    user: Option<Cow<'l, str>>,
    conversation: Cow<'l, str>,
    input: &'l RawValue,
    sealed_input: Option<&'l str>,
    binding: &'l str,
    policy: &'l str,
    trail: Vec<RecordedWord<'l>>,
}

/// A text that is not copied unless something in it is escaped.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Text<'l>(#[serde(borrow)] Cow<'l, str>);

#[derive(Deserialize)]
struct Line<'l> {
    seq: u64,
    timestamp: &'l str,
    action: &'l str,
    #[serde(borrow)]
    actor: RecordedActor<'l>,
    #[serde(borrow)]
    conversation: Text<'l>,
    #[serde(borrow)]
    detail: Detail<'l>,
}

#[derive(Deserialize)]
struct RecordedActor<'l> {
    #[serde(borrow)]
    agent: Option<Text<'l>>,
    #[serde(borrow)]
    user: Option<Text<'l>>,
}

#[derive(Deserialize)]
struct Detail<'l> {
    #[serde(borrow)]
    tool: Cow<'l, str>,
    #[serde(borrow)]
    input: &'l RawValue,
    #[serde(default)]
    sealed_input: Option<&'l str>,
    binding: &'l str,
    verdict: Verdict,
    code: &'l str,
    policy: &'l str,
    #[serde(borrow, default)]
    flow: Option<&'l RawValue>,
    #[serde(borrow)]
    trail: Vec<RecordedWord<'l>>,
}

/// What a guardrail said.
#[derive(Debug, Deserialize)]
pub(super) struct RecordedWord<'l> {
    #[serde(borrow)]
    pub(super) guardrail: Cow<'l, str>,
    pub(super) verdict: Verdict,
    #[serde(default)]
    code: Option<&'l str>,
    #[serde(borrow, default)]
    reason: Option<&'l RawValue>,
    #[serde(default)]
    pub(super) monitored: bool,
}

impl RecordedWord<'_> {
    /// Why, unless it had nothing against the call.
    pub(super) fn reason(&self) -> Option<Reason> {
        if self.verdict == Verdict::Allow {
            return None;
        }
        let code = Code::ALL.iter().find(|code| Some(code.as_str()) == self.code);
        let message: Option<String> =
            self.reason.and_then(|why| serde_json::from_str(why.get()).ok());
        Some(Reason::new(code.copied().unwrap_or(Code::Undecided), message.unwrap_or_default()))
    }
}

/// As much of a line as says what it is about, and whether that is sealed for a person.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow)]
    action: Text<'l>,
    #[serde(borrow)]
    detail: Veiled<'l>,
}

#[derive(Deserialize)]
struct Veiled<'l> {
    #[serde(borrow, default)]
    sealed: Option<&'l str>,
}

/// How every line of a decision looks somewhere. Lines of others need not be read at all.
const MARK: &str = "\"action\":\"tool.";
const ACTIONS: [&str; 3] = ["tool.allowed", "tool.asked", "tool.blocked"];
const WHAT: [&[u8]; 3] = [b"allowed\"", b"asked\"", b"blocked\""];

/// Whether a line may be about a decision: other lines about tools are as many, and as long.
fn may_be_a_decision(line: &str) -> bool {
    static MARKS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));
    let line = line.as_bytes();
    let mut said = MARKS.find_iter(line).filter_map(|at| line.get(at + MARK.len()..));
    said.any(|rest| WHAT.iter().any(|what| rest.starts_with(what)))
}

impl<'l> RecordedCall<'l> {
    /// Reads a line of a log; nothing when it is about something else.
    ///
    /// # Errors
    /// When it is about a decision and cannot be read as one.
    pub fn read(line: &'l str) -> Result<Option<Self>, Unknown> {
        if !may_be_a_decision(line) {
            return Ok(None);
        }
        let Ok(read) = serde_json::from_str::<Line<'l>>(line) else {
            // What is about something else looks otherwise, and is no decision.
            return match serde_json::from_str::<Head<'_>>(line) {
                Ok(head) if !ACTIONS.contains(&&*head.action.0) => Ok(None),
                Ok(Head { detail: Veiled { sealed: Some(_) }, .. }) => Err(Unknown::Veiled),
                _ => Err(Unknown::Unreadable),
            };
        };
        let Line { seq, timestamp, action, actor, conversation, detail } = read;
        if !ACTIONS.contains(&action) || detail.code == NO_SUCH_SERVER {
            return Ok(None);
        }
        let Detail { tool, input, sealed_input, binding, verdict, code, policy, flow, trail } =
            detail;
        let counted = trail.iter().filter(|word| !word.monitored).map(|word| word.verdict).max();
        Ok(Some(Self {
            seq,
            at: millis_of(timestamp).ok_or(Unknown::Unreadable)?,
            agent: actor.agent.map_or(Cow::Borrowed("default"), |agent| agent.0),
            tool,
            // A person's word is no policy's: what counts is what the chain wanted.
            verdict: match counted {
                None if trail.is_empty() => Verdict::Deny,
                // All were only listened to.
                None => Verdict::Allow,
                Some(Verdict::Ask) if code == NOBODY_TO_ASK && verdict == Verdict::Deny => verdict,
                Some(counted) => counted,
            },
            flow,
            user: actor.user.map(|user| user.0),
            conversation: conversation.0,
            input,
            sealed_input,
            binding,
            policy,
            trail,
        }))
    }

    /// The call, if the record holds all of it as it was.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn call(&self) -> Result<ToolCall, Unknown> {
        self.call_with(self.input.get())?.ok_or_else(|| self.missing())
    }

    /// The call, with its input as `open` gets it out of what is sealed.
    pub(super) fn unsealed(&self, open: Opener<'_>) -> Option<ToolCall> {
        self.call_with(&open(self.sealed_input?)?).ok()?
    }

    /// The call, if this is the input that was decided upon.
    fn call_with(&self, input: &str) -> Result<Option<ToolCall>, Unknown> {
        let user = self.user.as_deref();
        let binding = ToolCall::binding_of(
            &self.agent,
            user.unwrap_or_default(),
            &self.conversation,
            &self.tool,
            input,
        );
        if Digest::parse_hex(self.binding) != Some(binding) {
            return Ok(None);
        }
        let input = serde_json::from_str(input).map_err(|_| Unknown::Unreadable)?;
        self.call_of(input).map(Some)
    }

    /// The call for whoever does not look at its input.
    pub(super) fn call_without_input(&self) -> Result<ToolCall, Unknown> {
        self.call_of(Value::Null)
    }

    fn call_of(&self, input: Value) -> Result<ToolCall, Unknown> {
        let unreadable = |_| Unknown::Unreadable;
        Ok(ToolCall {
            conversation: ConversationId::parse(&self.conversation).map_err(unreadable)?,
            user: self.user.as_deref().map(UserId::parse).transpose().map_err(unreadable)?,
            agent: AgentId::parse(&self.agent).map_err(unreadable)?,
            tool: ToolName::parse(&self.tool).map_err(unreadable)?,
            input: Untrusted::new(input),
            prompt: None,
        })
    }

    /// Why what the record holds of the input is not what was decided upon.
    fn missing(&self) -> Unknown {
        match self.input.get().starts_with("{\"cut\":") {
            true => Unknown::InputCut,
            false => Unknown::InputRedacted,
        }
    }

    /// Whether the policy of this digest decided.
    pub(super) fn is_by(&self, policy: &str) -> bool {
        self.policy == policy
    }

    /// What a guardrail said.
    pub(super) fn word(&self, guardrail: &str) -> Option<&RecordedWord<'l>> {
        self.trail.iter().find(|word| word.guardrail == guardrail)
    }

    /// Everything that was said.
    pub(super) fn words(&self) -> &[RecordedWord<'l>] {
        &self.trail
    }

    /// Where the values came from, if that was known.
    pub(super) fn flow(&self) -> Result<Option<FlowFacts>, Unknown> {
        let read = self.flow.map(|flow| serde_json::from_str(flow.get()));
        read.transpose().map_err(|_| Unknown::Unreadable)
    }
}

/// The code of an ask that nobody could answer.
const NOBODY_TO_ASK: &str = bakerst_model::Code::NobodyToAsk.as_str();
/// And of a call that was refused because there was nobody to make it to: no policy decided that.
const NO_SUCH_SERVER: &str = bakerst_model::Code::NoSuchServer.as_str();

/// The time as records write it: `2026-02-24T09:30:00.000Z`.
fn millis_of(text: &str) -> Option<UnixMillis> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let millis = number(20, 23)?;
    let (year, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    // Years that begin on 1 March end with the leap day.
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(UnixMillis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for millis in [0, 951_782_399_999, 951_782_400_000, 1_795_274_400_123, 4_102_444_799_000] {
            let time = UnixMillis(millis);
            assert_eq!(millis_of(&time.to_string()), Some(time), "{time}");
        }
        for wrong in ["", "2026-02-24", "2026-02-24Tab:30:00.000Z", "0000-01-01T00:00:00.000Z"] {
            assert_eq!(millis_of(wrong), None, "{wrong}");
        }
    }
}
