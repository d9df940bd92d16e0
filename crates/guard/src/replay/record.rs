//! A recorded decision, read off its line without a tree of the whole.

use std::borrow::Cow;

use bakerst_model::{
    AgentId, ConversationId, Digest, ToolCall, ToolName, UnixMillis, Untrusted, UserId, Verdict,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Unknown;
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
    pub(super) flow: Option<FlowFacts>,
    user: Option<Cow<'l, str>>,
    conversation: Cow<'l, str>,
    input: &'l RawValue,
    binding: &'l str,
    policy: &'l str,
    trail: Vec<RecordedWord<'l>>,
}

#[derive(Deserialize)]
struct Line<'l> {
    seq: u64,
    timestamp: &'l str,
    action: &'l str,
    #[serde(borrow)]
    actor: RecordedActor<'l>,
    #[serde(borrow)]
    conversation: Option<Cow<'l, str>>,
    #[serde(borrow)]
    detail: &'l RawValue,
}

#[derive(Deserialize)]
struct RecordedActor<'l> {
    #[serde(borrow)]
    agent: Option<Cow<'l, str>>,
    #[serde(borrow)]
    user: Option<Cow<'l, str>>,
}

#[derive(Deserialize)]
struct Detail<'l> {
    #[serde(borrow)]
    tool: Cow<'l, str>,
    #[serde(borrow)]
    input: &'l RawValue,
    binding: &'l str,
    verdict: Verdict,
    code: &'l str,
    policy: &'l str,
    #[serde(default)]
    flow: Option<FlowFacts>,
    #[serde(borrow)]
    trail: Vec<RecordedWord<'l>>,
}

#[derive(Debug, Deserialize)]
struct RecordedWord<'l> {
    #[serde(borrow)]
    guardrail: Cow<'l, str>,
    verdict: Verdict,
    #[serde(default)]
    monitored: bool,
}

/// How every line of a decision looks somewhere. Lines of others need not be read at all.
const MARK: &str = "\"action\":\"tool.";
const ACTIONS: [&str; 3] = ["tool.allowed", "tool.asked", "tool.blocked"];

impl<'l> RecordedCall<'l> {
    /// Reads a line of a log; nothing when it is about something else.
    ///
    /// # Errors
    /// When it is about a decision and cannot be read as one.
    pub fn read(line: &'l str) -> Result<Option<Self>, Unknown> {
        if !line.contains(MARK) {
            return Ok(None);
        }
        let Ok(line) = serde_json::from_str::<Line<'l>>(line) else {
            return Err(Unknown::Unreadable);
        };
        let Line { seq, timestamp, action, actor, conversation, detail } = line;
        if !ACTIONS.contains(&action) {
            return Ok(None);
        }
        let detail = serde_json::from_str::<Detail<'l>>(detail.get());
        let (Ok(detail), Some(conversation)) = (detail, conversation) else {
            return Err(Unknown::Unreadable);
        };
        let Detail { tool, input, binding, verdict, code, policy, flow, trail } = detail;
        let counted = trail.iter().filter(|word| !word.monitored).map(|word| word.verdict).max();
        Ok(Some(Self {
            seq,
            at: millis_of(timestamp).ok_or(Unknown::Unreadable)?,
            agent: actor.agent.unwrap_or(Cow::Borrowed("default")),
            tool,
            // A person's word is no policy's: what counts is what the chain wanted.
            verdict: match counted {
                None => Verdict::Deny,
                Some(Verdict::Ask) if code == NOBODY_TO_ASK && verdict == Verdict::Deny => verdict,
                Some(counted) => counted,
            },
            flow,
            user: actor.user,
            conversation,
            input,
            binding,
            policy,
            trail,
        }))
    }

    /// The call, if the record holds all of it.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn call(&self) -> Result<ToolCall, Unknown> {
        let (input, user) = (self.input.get(), self.user.as_deref());
        let binding = ToolCall::binding_of(
            &self.agent,
            user.unwrap_or_default(),
            &self.conversation,
            &self.tool,
            input,
        );
        if Digest::parse_hex(self.binding) != Some(binding) {
            let is_cut = input.starts_with("{\"cut\":");
            return Err(if is_cut { Unknown::InputCut } else { Unknown::InputRedacted });
        }
        let unreadable = |_| Unknown::Unreadable;
        Ok(ToolCall {
            conversation: ConversationId::parse(&self.conversation).map_err(unreadable)?,
            user: user.map(UserId::parse).transpose().map_err(unreadable)?,
            agent: AgentId::parse(&self.agent).map_err(unreadable)?,
            tool: ToolName::parse(&self.tool).map_err(unreadable)?,
            input: Untrusted::new(serde_json::from_str(input).map_err(|_| Unknown::Unreadable)?),
            prompt: None,
        })
    }

    /// Whether the policy of this digest decided.
    pub(super) fn is_by(&self, policy: &Digest) -> bool {
        Digest::parse_hex(self.policy) == Some(*policy)
    }

    /// What a guardrail said.
    pub(super) fn word(&self, guardrail: &str) -> Option<Verdict> {
        self.trail.iter().find(|word| word.guardrail == guardrail).map(|word| word.verdict)
    }
}

/// The code of an ask that nobody could answer.
const NOBODY_TO_ASK: &str = bakerst_model::Code::NobodyToAsk.as_str();

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
