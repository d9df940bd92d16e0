//! A record, parsed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a line says, as a reader sees it. Whether anybody changed it is the verifier's business.
#[derive(Debug, Deserialize)]
pub struct View<'l> {
    /// Its place in the log.
    pub seq: u64,
    #[serde(borrow)]
    timestamp: Text<'l>,
    #[serde(borrow)]
    category: Text<'l>,
    #[serde(borrow)]
    action: Text<'l>,
    /// Who did it.
    #[serde(borrow)]
    pub actor: ActorView<'l>,
    #[serde(borrow)]
    conversation: Option<Text<'l>>,
    #[serde(borrow)]
    detail: &'l RawValue,
    #[serde(borrow)]
    prev: Option<Text<'l>>,
    #[serde(borrow)]
    mac: Option<Text<'l>>,
}

/// Who did it.
#[derive(Debug, Deserialize)]
pub struct ActorView<'l> {
    #[serde(borrow)]
    name: Text<'l>,
    #[serde(borrow)]
    agent: Option<Text<'l>>,
    #[serde(borrow)]
    user: Option<Text<'l>>,
    #[serde(borrow)]
    ip: Option<Text<'l>>,
}

/// What most details have in common. A field of another kind than text counts as missing.
#[derive(Debug, Default, Deserialize)]
pub struct DetailView<'l> {
    #[serde(borrow)]
    tool: Option<&'l RawValue>,
    #[serde(borrow)]
    agent: Option<&'l RawValue>,
    #[serde(borrow)]
    verdict: Option<&'l RawValue>,
    #[serde(borrow)]
    code: Option<&'l RawValue>,
    #[serde(borrow)]
    reason: Option<&'l RawValue>,
    #[serde(borrow)]
    decision: Option<&'l RawValue>,
    #[serde(borrow)]
    approval: Option<&'l RawValue>,
}

/// A text that is only copied where it holds escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Text<'l>(#[serde(borrow)] Cow<'l, str>);

impl<'l> View<'l> {
    /// Reads a line, with or without its line end; `None` when it is not a record.
    #[must_use]
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// When it was written, as the line has it.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        &self.timestamp.0
    }

    /// The family of the event.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.category.0
    }

    /// What happened.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action.0
    }

    /// In which conversation, where there is one.
    #[must_use]
    pub fn conversation(&self) -> Option<&str> {
        text(self.conversation.as_ref())
    }

    /// What is worth knowing about it, as JSON.
    #[must_use]
    pub fn detail_json(&self) -> &'l str {
        self.detail.get()
    }

    /// The parts of the detail that most records have; nothing where it is no object.
    #[must_use]
    pub fn detail(&self) -> DetailView<'l> {
        serde_json::from_str(self.detail.get()).unwrap_or_default()
    }

    /// The mac of the record before.
    #[must_use]
    pub fn prev(&self) -> Option<&str> {
        text(self.prev.as_ref())
    }

    /// Its own mac.
    #[must_use]
    pub fn mac(&self) -> Option<&str> {
        text(self.mac.as_ref())
    }
}

impl ActorView<'_> {
    /// The credential or account.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }

    /// The agent it spoke for.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        text(self.agent.as_ref())
    }

    /// The person behind it.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        text(self.user.as_ref())
    }

    /// Where it came from.
    #[must_use]
    pub fn ip(&self) -> Option<&str> {
        text(self.ip.as_ref())
    }
}

impl<'l> DetailView<'l> {
    /// The tool that was called.
    #[must_use]
    pub fn tool(&self) -> Option<Cow<'l, str>> {
        unquoted(self.tool)
    }

    /// The agent that an approval is about; that of most records stands with their actor.
    #[must_use]
    pub fn agent(&self) -> Option<Cow<'l, str>> {
        unquoted(self.agent)
    }

    /// What was decided.
    #[must_use]
    pub fn verdict(&self) -> Option<Cow<'l, str>> {
        unquoted(self.verdict)
    }

    /// The stable code of the reason.
    #[must_use]
    pub fn code(&self) -> Option<Cow<'l, str>> {
        unquoted(self.code)
    }

    /// The reason in words.
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'l, str>> {
        unquoted(self.reason)
    }

    /// The decision that a result belongs to.
    #[must_use]
    pub fn decision(&self) -> Option<Cow<'l, str>> {
        unquoted(self.decision)
    }

    /// The request for approval.
    #[must_use]
    pub fn approval(&self) -> Option<Cow<'l, str>> {
        unquoted(self.approval)
    }
}

fn text<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    text.map(|text| &*text.0)
}

fn unquoted(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw?.get()).ok().map(|text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_escapes_resolved() {
        let line = br#"{"seq":7,"timestamp":"t","category":"tool","action":"tool.asked","actor":{"name":"a\u0062c","agent":"x"},"detail":{"tool":"p\/q","verdict":5,"more":[1]},"prev":"00","mac":"11"}"#;
        let view = View::parse(line).unwrap();
        let detail = view.detail();
        assert_eq!((view.seq, view.actor.name(), view.actor.agent()), (7, "abc", Some("x")));
        assert_eq!((detail.tool().as_deref(), detail.verdict()), (Some("p/q"), None));
        assert_eq!((view.prev(), view.mac(), view.conversation()), (Some("00"), Some("11"), None));
    }

    #[test]
    fn what_is_no_record_is_nothing() {
        for wrong in ["", "{}", "null", "[1]", "{\"seq\":1}", "{\"seq\":-1,\"timestamp\":\"\""] {
            assert!(View::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(View::parse(b"\xff\xfe").is_none());
    }
}
