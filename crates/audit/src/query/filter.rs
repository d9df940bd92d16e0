//! What to look for, and the judgement of one line.

use bakerst_model::{UnixMillis, Verdict};

use super::needle::Needle;
use super::text::Sought;
use super::view::{DetailView, View};
use crate::RECORD_BYTES_MAX;
use crate::line::{MAC, PREV};

/// What to look for. Of several values in one field any will do; every field that has values must
/// be satisfied. An empty filter finds everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Not before this moment.
    pub since: Option<UnixMillis>,
    /// Before this moment.
    pub until: Option<UnixMillis>,
    /// The family of the event.
    pub categories: Vec<String>,
    /// What happened.
    pub actions: Vec<String>,
    /// The agent that acted, or that an approval is about.
    pub agents: Vec<String>,
    /// The person behind it.
    pub users: Vec<String>,
    /// The tool.
    pub tools: Vec<String>,
    /// What was decided.
    pub verdicts: Vec<Verdict>,
    /// The conversation.
    pub conversations: Vec<String>,
    /// The stable code of the reason.
    pub codes: Vec<String>,
    /// A text anywhere in the record.
    pub texts: Vec<String>,
}

/// What is thought of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judged {
    /// It is what is looked for.
    Match,
    /// It is something else.
    Other,
    /// It is no record, or not a whole one.
    Damaged,
}

/// A filter, made ready.
#[derive(Clone, Debug)]
pub struct Query {
    filter: Filter,
    /// The bounds in time as they would be written.
    since: Option<String>,
    until: Option<String>,
    /// Of each list at least one must stand in a line, or the line hold a `\u`.
    needles: Vec<Vec<Needle>>,
    texts: Vec<Sought>,
    unicode_escape: memchr::memmem::Finder<'static>,
}

impl Query {
    /// Makes a filter ready.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        let verdicts: Vec<_> = filter.verdicts.iter().map(|v| v.as_str().to_owned()).collect();
        let fields = [
            &filter.agents,
            &filter.users,
            &filter.conversations,
            &filter.tools,
            &filter.codes,
            &filter.actions,
            &filter.categories,
            &verdicts,
        ];
        // A field with a value that gives no needle cannot rule a line out.
        let needles = fields.into_iter().filter_map(|values| needles(values)).collect();
        let texts = filter.texts.iter().map(|text| Sought::new(text)).collect();
        let (since, until) = (filter.since.map(written), filter.until.map(written));
        let unicode_escape = memchr::memmem::Finder::new(b"\\u").into_owned();
        Self { filter, since, until, needles, texts, unicode_escape }
    }

    /// What it looks for.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Judges a line with its line end.
    #[must_use]
    pub fn judge(&self, line: &[u8]) -> Judged {
        if !has_the_shape_of_a_record(line) {
            return Judged::Damaged;
        }
        match self.filter == Filter::default() || self.may_match(line) {
            true => self.judge_whole(line),
            false => Judged::Other,
        }
    }

    /// Judges a line by its meaning alone, as slowly as that takes.
    #[must_use]
    pub fn judge_whole(&self, line: &[u8]) -> Judged {
        match record(line) {
            None => Judged::Damaged,
            Some(view) if self.admits(&view, line) => Judged::Match,
            Some(_) => Judged::Other,
        }
    }

    /// Whether the bytes leave it possible that the line matches.
    fn may_match(&self, line: &[u8]) -> bool {
        if (self.since.is_some() || self.until.is_some())
            && plain_timestamp(line).is_some_and(|at| !self.admits_time(at))
        {
            return false;
        }
        let mut escapes = None;
        let mut has_escapes =
            || *escapes.get_or_insert_with(|| self.unicode_escape.find(line).is_some());
        let field = |needles: &Vec<Needle>| needles.iter().any(|needle| needle.is_in(line));
        self.needles.iter().all(|needles| field(needles) || has_escapes())
            && (self.texts.is_empty()
                || self.texts.iter().any(|text| text.is_plainly_in(line) || text.may_hide_in(line)))
    }

    fn admits_time(&self, at: &[u8]) -> bool {
        self.since.as_ref().is_none_or(|since| since.as_bytes() <= at)
            && self.until.as_ref().is_none_or(|until| at < until.as_bytes())
    }

    fn admits(&self, view: &View<'_>, line: &[u8]) -> bool {
        let Filter { categories, actions, users, conversations, .. } = &self.filter;
        self.admits_time(view.timestamp().as_bytes())
            && any(categories, Some(view.category()))
            && any(actions, Some(view.action()))
            && any(users, view.actor.user())
            && any(conversations, view.conversation())
            && self.admits_detail(view)
            && (self.texts.is_empty() || self.texts.iter().any(|text| text.is_in(line)))
    }

    fn admits_detail(&self, view: &View<'_>) -> bool {
        let Filter { agents, tools, verdicts, codes, .. } = &self.filter;
        if agents.is_empty() && tools.is_empty() && verdicts.is_empty() && codes.is_empty() {
            return true;
        }
        let detail: DetailView<'_> = view.detail();
        let verdict = detail.verdict();
        (any(agents, view.actor.agent()) || any(agents, detail.agent().as_deref()))
            && any(tools, detail.tool().as_deref())
            && any(codes, detail.code().as_deref())
            && (verdicts.is_empty()
                || verdicts.iter().any(|v| Some(v.as_str()) == verdict.as_deref()))
    }
}

fn any(wanted: &[String], value: Option<&str>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
}

fn written(at: UnixMillis) -> String {
    at.to_string()
}

fn needles(values: &[String]) -> Option<Vec<Needle>> {
    let needles: Option<Vec<_>> = values.iter().map(|value| Needle::new(value)).collect();
    needles.filter(|needles| !needles.is_empty())
}

/// The timestamp of a line that begins as ours do.
fn plain_timestamp(line: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b",\"timestamp\":\"";
    const DIGITS: usize = "2026-02-24T09:30:00.000Z".len();
    let rest = line.strip_prefix(b"{\"seq\":")?;
    let comma = rest.iter().take(21).position(|byte| !byte.is_ascii_digit())?;
    let at = rest.get(comma..)?.strip_prefix(KEY)?;
    let (at, rest) = at.split_at_checked(DIGITS)?;
    (rest.first() == Some(&b'"') && !at.contains(&b'\\') && !at.contains(&b'"')).then_some(at)
}

/// A line as a record, if it is one.
pub(super) fn record(line: &[u8]) -> Option<View<'_>> {
    if has_the_shape_of_a_record(line) { View::parse(line) } else { None }
}

/// Whether a line could be a record: how it begins, how it ends, and where its macs stand.
fn has_the_shape_of_a_record(line: &[u8]) -> bool {
    let signed = || {
        let rest = cut_digits(line.strip_suffix(b"\"}\n")?)?;
        let rest = cut_digits(rest.strip_suffix(MAC)?.strip_suffix(b"\"")?)?;
        rest.strip_suffix(PREV)
    };
    line.len() <= RECORD_BYTES_MAX && line.starts_with(b"{\"seq\":") && signed().is_some()
}

fn cut_digits(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..bytes.len().checked_sub(64)?)
}
