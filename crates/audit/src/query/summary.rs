//! What occurs in a sealed segment, so that a search can pass over it.
//!
//! A summary can only ever rule a segment out. It is made from the segment and can be thrown away and
//! made anew at any time; nothing that is verified looks at it.

use std::collections::HashSet;

use bakerst_model::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Query;
use super::filter::record;

/// The form of summaries described here. One of another form is made anew.
const FORM: u32 = 1;

/// The most different values that a summary remembers. With more it says that anything may occur.
const VALUES_MAX: usize = 200_000;

/// What a value is one of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Field {
    Category,
    Action,
    Agent,
    User,
    Tool,
    Verdict,
    Conversation,
    Code,
}

/// What occurs in a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    bytes: u64,
    damaged: u64,
    since: String,
    until: String,
    /// Digests of all values, sorted; nothing when there were too many.
    values: Option<Vec<u64>>,
}

/// A summary as it is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    form: u32,
    bytes: u64,
    damaged: u64,
    since: String,
    until: String,
    values: Option<String>,
}

/// What is gathered of a segment, or of a part of it.
#[derive(Debug, Default)]
pub struct SummaryBuilder {
    damaged: u64,
    bounds: Option<(String, String)>,
    seen: HashSet<(Field, String)>,
}

impl SummaryBuilder {
    /// Adds a line with its line end.
    pub fn add(&mut self, line: &[u8]) {
        let Some(view) = record(line) else {
            self.damaged += 1;
            return;
        };
        let at = view.timestamp();
        let (since, until) = self.bounds.get_or_insert_with(|| (at.to_owned(), at.to_owned()));
        if at < since.as_str() {
            at.clone_into(since);
        }
        if at > until.as_str() {
            at.clone_into(until);
        }
        let detail = view.detail();
        let values = [
            (Field::Category, Some(view.category())),
            (Field::Action, Some(view.action())),
            (Field::Agent, view.actor.agent()),
            (Field::User, view.actor.user()),
            (Field::Conversation, view.conversation()),
            (Field::Agent, detail.agent().as_deref()),
            (Field::Tool, detail.tool().as_deref()),
            (Field::Verdict, detail.verdict().as_deref()),
            (Field::Code, detail.code().as_deref()),
        ]
        .map(|(field, value)| value.map(|value| (field, value.to_owned())));
        if self.seen.len() <= VALUES_MAX {
            self.seen.extend(values.into_iter().flatten());
        }
    }

    /// Adds what another has gathered.
    pub fn merge(&mut self, other: Self) {
        self.damaged += other.damaged;
        self.bounds = match (self.bounds.take(), other.bounds) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (bounds, None) | (None, bounds) => bounds,
        };
        if self.seen.len() <= VALUES_MAX {
            self.seen.extend(other.seen);
        }
    }

    /// The summary of a segment that is so long.
    #[must_use]
    pub fn finish(self, bytes: u64) -> Summary {
        let (since, until) = self.bounds.unwrap_or_default();
        let values = (self.seen.len() <= VALUES_MAX).then(|| {
            let mut values: Vec<_> =
                self.seen.iter().map(|(field, value)| digest(*field, value)).collect();
            values.sort_unstable();
            values.dedup();
            values
        });
        Summary { bytes, damaged: self.damaged, since, until, values }
    }
}

fn digest(field: Field, value: &str) -> u64 {
    let field = [field as u8];
    let digest = Digest::of_parts(&[b"bakerst summary v1", &field, value.as_bytes()]);
    digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

impl Summary {
    /// Writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let bytes = |values: &Vec<u64>| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_be_bytes()).collect()
        };
        let kept = Kept {
            form: FORM,
            bytes: self.bytes,
            damaged: self.damaged,
            since: self.since.clone(),
            until: self.until.clone(),
            values: self.values.as_ref().map(|values| STANDARD.encode(bytes(values))),
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Reads what [`Summary::to_json`] wrote; `None` when it is something else.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let Kept { form, bytes, damaged, since, until, values } =
            serde_json::from_str(json).ok()?;
        let values = match values {
            None => None,
            Some(text) => {
                let packed = STANDARD.decode(text).ok()?;
                let (values, rest) = packed.as_chunks::<8>();
                let values: Vec<_> = values.iter().map(|v| u64::from_be_bytes(*v)).collect();
                (rest.is_empty() && values.is_sorted()).then_some(Some(values))?
            }
        };
        (form == FORM).then_some(Self { bytes, damaged, since, until, values })
    }

    /// Whether it is of a segment that is so long. Sealed segments never change.
    #[must_use]
    pub fn is_of(&self, bytes: u64) -> bool {
        self.bytes == bytes
    }

    /// Whether the segment may hold what a query is for. A damaged one always may: what is wrong
    /// with it must be said each time.
    #[must_use]
    pub fn may_hold(&self, query: &Query) -> bool {
        if self.damaged > 0 {
            return true;
        }
        let filter = query.filter();
        let since = filter.since.is_none_or(|at| at.to_string() <= self.until);
        let until = filter.until.is_none_or(|at| at.to_string() > self.since);
        let verdicts: Vec<_> = filter.verdicts.iter().map(|v| v.as_str().to_owned()).collect();
        let fields = [
            (Field::Category, &filter.categories),
            (Field::Action, &filter.actions),
            (Field::Agent, &filter.agents),
            (Field::User, &filter.users),
            (Field::Tool, &filter.tools),
            (Field::Verdict, &verdicts),
            (Field::Conversation, &filter.conversations),
            (Field::Code, &filter.codes),
        ];
        since && until && fields.into_iter().all(|(field, wanted)| self.occurs(field, wanted))
    }

    fn occurs(&self, field: Field, wanted: &[String]) -> bool {
        let Some(values) = &self.values else { return true };
        wanted.is_empty()
            || wanted.iter().any(|value| values.binary_search(&digest(field, value)).is_ok())
    }
}
