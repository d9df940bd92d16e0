//! One argument of a call: what it is for, what it says, and whether that is the user's.

use std::borrow::Cow;

use bakerst_model::{Code, Escaped, Reason};
use serde_json::Value;

use super::{Tool, is_chosen};
use crate::flow::role::{Role, is_address};
use crate::flow::{ArgumentFact, FlowFacts, Labels, Origin, is_link, last_name};

/// How much of a value is quoted to a person.
const QUOTED_MAX: usize = 60;
/// From which share on a name was copied as it stands, in hundredths.
const VERBATIM: u8 = 95;
/// What is shorter is not told from a coincidence.
const TITLE_LETTERS_MIN: usize = 16;
const TITLE_WORDS_MIN: usize = 3;

/// One argument, or one link within it.
pub(super) struct Argument<'c> {
    fact: &'c ArgumentFact,
    role: Role,
    value: Cow<'c, str>,
    /// Whether it is a link in something that is said, not where the call goes.
    is_link: bool,
}

impl<'c> Argument<'c> {
    /// The argument that a fact is about; none where the input has nothing there.
    pub(super) fn of(fact: &'c ArgumentFact, tool: &Tool, input: &'c Value) -> Option<Self> {
        if fact.at.is_empty() && !input.is_string() {
            let value = Cow::Borrowed("what its short arguments say together");
            return Some(Self { fact, role: Role::Detail, value, is_link: false });
        }
        let mut value: Cow<'c, str> = match input.pointer(&fact.at)? {
            Value::String(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string()),
        };
        let named = |list: &[String]| {
            list.iter().any(|name| *name == fact.at || last_name(&fact.at).as_deref() == Some(name))
        };
        let commands = tool.command.as_deref() == Some(fact.at.as_str());
        let mut role = match () {
            () if named(&tool.destinations) => Role::Destination,
            () if named(&tool.harmless) => Role::Plain,
            () if commands => Role::Content,
            () => Role::of(&fact.at, tool.schema.as_ref(), &value),
        };
        // A link matters where it goes out to somebody, or is a command's.
        let carried = tool.labels.sends || commands;
        if let Some((start, end)) = fact.link {
            value = Cow::Owned(value.get(start..end)?.to_owned());
            role = if role == Role::Content && carried { Role::Destination } else { Role::Plain };
        } else if role == Role::Content && carried && is_link(value.trim()) {
            return Some(Self { fact, role: Role::Destination, value, is_link: true });
        }
        Some(Self { fact, role, value, is_link: fact.link.is_some() })
    }

    /// Whether it says where the call as a whole goes.
    pub(super) fn is_destination(&self) -> bool {
        self.role == Role::Destination && !self.is_link && !self.value.trim().is_empty()
    }

    pub(super) fn is_destination_of_the_user(&self) -> bool {
        self.is_destination() && is_chosen(self.fact.origin)
    }

    /// Whether something could leave in it that neither the user wrote nor is one of few values.
    pub(super) fn can_carry(&self) -> bool {
        self.role != Role::Plain
            && !is_chosen(self.fact.origin)
            && self.fact.origin != Origin::Unclear
    }

    /// What speaks against it in a sensitive call.
    pub(super) fn is_not_the_users(&self, flow: &FlowFacts, labels: Labels) -> Option<Reason> {
        let without_prompt = !flow.prompt && (labels.declared || flow.untrusted);
        let unknown_is_untrusted = without_prompt || flow.full;
        let exact = self.role == Role::Credential || is_address(&self.value);
        let wrong = match (self.role, self.fact.origin) {
            (Role::Plain | Role::Content | Role::Title, _) => false,
            (_, Origin::Unclear | Origin::User | Origin::Trusted) => false,
            (Role::Detail, _) if is_keyword(&self.value) => false,
            (_, Origin::Untrusted) => true,
            (Role::Detail, Origin::Pieced) => false,
            (Role::Detail, Origin::Own) => unknown_is_untrusted,
            (_, Origin::Pieced) => exact && (flow.untrusted || unknown_is_untrusted),
            (_, Origin::Own) if self.is_link => flow.private && flow.untrusted,
            (_, Origin::Own) => unknown_is_untrusted || (exact && flow.untrusted),
        };
        wrong.then(|| self.reason(Code::FlowDestination, flow))
    }

    /// Whether the thing is called by words that were copied from an output as they stand.
    pub(super) fn is_a_copied_title(&self) -> Option<Reason> {
        let letters = self.value.chars().filter(|c| c.is_alphanumeric()).count();
        let words = self.value.split_whitespace().count();
        let long = letters >= TITLE_LETTERS_MIN && words >= TITLE_WORDS_MIN;
        let copied = self.fact.origin == Origin::Untrusted && self.fact.copied >= VERBATIM;
        let wrong = self.role == Role::Title && long && copied;
        wrong.then(|| {
            let (what, from) = (self.quoted(), self.from());
            let message =
                format!("{what}, word for word {from}, and nothing in the call is the user's");
            Reason::new(Code::FlowDestination, message)
        })
    }

    /// Whether a tool that only reads would carry something out in the address it reads from. A link
    /// that is followed as it stands says nothing; one that was put together can.
    pub(super) fn carries_out(&self, flow: &FlowFacts) -> Option<Reason> {
        let composed = match self.fact.origin {
            Origin::Unclear | Origin::User | Origin::Trusted => false,
            Origin::Pieced | Origin::Own => true,
            Origin::Untrusted => self.fact.copied < 100,
        };
        let address = !self.is_link && is_link(self.value.trim());
        let wrong = address && composed && flow.private && flow.untrusted;
        wrong.then(|| {
            let message = format!(
                "{} and was put together after private data were read; a request to it could carry them out",
                self.quoted()
            );
            Reason::new(Code::FlowTrifecta, message)
        })
    }

    fn reason(&self, code: Code, flow: &FlowFacts) -> Reason {
        let what = self.quoted();
        let message = match (self.fact.origin, &self.fact.tool) {
            (Origin::Untrusted, _) if flow.prompt => {
                format!("{what}, which the user has not named; it stands only {}", self.from())
            }
            (Origin::Untrusted, _) => format!("{what}; it stands {}", self.from()),
            (Origin::Pieced, _) => {
                format!("{what}, which the user has named in pieces and not as it stands")
            }
            _ if flow.prompt => {
                format!("{what}, which neither the user nor a trusted tool has named")
            }
            _ => format!("{what}, and the user's request is not known"),
        };
        Reason::new(code, message)
    }

    fn from(&self) -> Cow<'static, str> {
        match &self.fact.tool {
            Some(tool) => {
                format!("in what `{}` returned, where others may write", Escaped(tool.as_str()))
                    .into()
            }
            None => "in what an untrusted tool returned".into(),
        }
    }

    /// Which argument it is, and what it says, unless that gives access.
    fn quoted(&self) -> String {
        let at = Escaped(&self.fact.at).to_string();
        if self.fact.at.is_empty() {
            return "its short arguments together spell a value".to_owned();
        }
        let what = if self.is_link { format!("a link in `{at}`") } else { format!("`{at}`") };
        if self.role == Role::Credential {
            return format!("{what} gives access");
        }
        let cut: String = self.value.chars().take(QUOTED_MAX).collect();
        let dots = if cut.len() < self.value.len() { "…" } else { "" };
        format!("{what} is `{}{dots}`", Escaped(&cut))
    }
}

/// Whether a value is a single plain word, as those are that an interface has few of.
fn is_keyword(value: &str) -> bool {
    value.len() <= 16 && value.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'))
}
