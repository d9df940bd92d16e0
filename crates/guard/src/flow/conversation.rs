//! What a conversation has heard, in bounded room.

use bakerst_model::ToolName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::filter::Filter;
use super::key::{FlowKey, Purpose};
use super::known::Known;
use super::labels::Labels;
use super::origins::Origins;
use super::pieces::Squeezer;
use super::words::Words;
use super::{ArgumentFact, FlowFacts, Origin, pieces, walk};

/// How many runs of words are known of the user: prompts of 10,000 words in all.
const USER_MAX: usize = 32 << 10;
/// How many are known of trusted tools: outputs of 40,000 words in all.
const TRUSTED_MAX: usize = 120 << 10;
/// How many arguments of a call are looked at.
const ARGUMENTS_MAX: usize = 256;
/// How much of one argument is looked at.
const ARGUMENT_BYTES_MAX: usize = 64 << 10;
/// How many tools are told apart in what is said about origins.
const TOOLS_MAX: usize = 256;
/// The share of a value that makes it a copy, in hundredths.
const COPIED: u8 = 50;
/// The shortest run of short arguments that says something together.
const TOGETHER_BYTES_MIN: usize = 8;

/// What a conversation has heard.
#[derive(Clone, Debug)]
pub struct Conversation {
    key: FlowKey,
    summary: Summary,
    user: Known,
    pub(super) trusted: Known,
    pub(super) untrusted: Filter,
    origins: Origins,
    unkept: Unkept,
}

/// What has changed since the conversation was last kept.
#[derive(Clone, Debug, Default)]
struct Unkept {
    summary: bool,
    user: Vec<u64>,
    trusted: Vec<u64>,
    segments: Vec<usize>,
    origins: bool,
}

/// What a conversation has heard, in a few words.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Summary {
    prompts: u32,
    outputs: u64,
    untrusted: bool,
    private: bool,
    taint: Option<Taint>,
    tools: Vec<ToolName>,
    last_prompt: u64,
    user_full: bool,
    trusted_full: bool,
    filter_full: bool,
    parts: u32,
}

/// Instructions that were found in an output.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Taint {
    /// The tool that returned them.
    pub tool: ToolName,
    /// What was found.
    pub found: String,
}

/// What kind of thing a part of a conversation is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PartKind {
    /// What it has heard, in a few words. There is one, and it comes first.
    Summary,
    /// Runs of the user's words.
    User,
    /// Runs of trusted tools' words.
    Trusted,
    /// A segment of the filter of untrusted pieces.
    Untrusted,
    /// Which tool brought which piece.
    Origins,
}

/// What a conversation has heard, for a person.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Overview {
    /// How many prompts.
    pub prompts: u32,
    /// How many outputs.
    pub outputs: u64,
    /// Whether any that others may have written.
    pub untrusted: bool,
    /// Whether any that must not leak.
    pub private: bool,
    /// Instructions that were found, and not cleared.
    pub taint: Option<Taint>,
    /// Whether there was more than is remembered.
    pub full: bool,
}

impl Overview {
    /// Reads it from a part of the kind [`PartKind::Summary`].
    ///
    /// # Errors
    /// When the part is not as it was written.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let summary: Summary =
            serde_json::from_slice(bytes).map_err(|_| Unreadable("the summary"))?;
        let full = summary.is_full();
        let Summary { prompts, outputs, untrusted, private, taint, .. } = summary;
        Ok(Self { prompts, outputs, untrusted, private, taint, full })
    }
}

impl Summary {
    fn is_full(&self) -> bool {
        self.user_full || self.trusted_full || self.filter_full
    }

    /// What decisions depend on, of that which an output can change.
    fn weight(&self) -> (bool, bool, bool, bool, usize) {
        let Self { untrusted, private, taint, tools, .. } = self;
        (*untrusted, *private, taint.is_some(), self.is_full(), tools.len())
    }
}

impl PartKind {
    /// Every kind, in the order in which parts are read back.
    pub const ALL: [Self; 5] =
        [Self::Summary, Self::User, Self::Trusted, Self::Untrusted, Self::Origins];

    /// The kind of this number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The number under which it is kept.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Summary => 0,
            Self::User => 1,
            Self::Trusted => 2,
            Self::Untrusted => 3,
            Self::Origins => 4,
        }
    }
}

/// One part of a conversation, to be kept in place of the part of the same kind and place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Which one of its kind.
    pub place: u32,
    /// What is kept.
    pub bytes: Vec<u8>,
}

/// A part is not as it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} of a conversation is not as it was written")]
pub struct Unreadable(pub &'static str);

impl Conversation {
    /// A conversation that has heard nothing.
    #[must_use]
    pub fn new(key: FlowKey) -> Self {
        Self {
            key,
            summary: Summary::default(),
            user: Known::new(USER_MAX),
            trusted: Known::new(TRUSTED_MAX),
            untrusted: Filter::default(),
            origins: Origins::default(),
            unkept: Unkept::default(),
        }
    }

    /// Hears the user. The same prompt again changes nothing.
    pub fn hear_prompt(&mut self, prompt: &str) {
        let digest = self.key.digest(Purpose::Prompt, prompt.as_bytes());
        if prompt.trim().is_empty()
            || (self.summary.prompts > 0 && digest == self.summary.last_prompt)
        {
            return;
        }
        self.summary.prompts = self.summary.prompts.saturating_add(1);
        self.summary.last_prompt = digest;
        self.unkept.user.extend(self.user.learn(Words::of(prompt).known(&self.key)));
        self.summary.user_full |= self.user.is_full();
        self.unkept.summary = true;
    }

    /// Hears what a tool with these labels returned for this input, and what instructions were
    /// found in it.
    pub fn hear_output(
        &mut self,
        tool: &ToolName,
        labels: Labels,
        input: &Value,
        output: &Value,
        instructions: Option<String>,
    ) {
        let before = self.summary.weight();
        self.summary.outputs = self.summary.outputs.saturating_add(1);
        self.summary.private |= labels.private;
        if let (None, Some(found)) = (&self.summary.taint, instructions) {
            self.summary.taint = Some(Taint { tool: tool.clone(), found });
        }
        match labels.untrusted {
            true => self.hear_untrusted(tool, output),
            false => self.hear_trusted(input, output),
        }
        // An output that brought nothing new is counted, and kept with the next that does.
        self.unkept.summary |= before != self.summary.weight();
    }

    fn hear_untrusted(&mut self, tool: &ToolName, output: &Value) {
        let Self { key, summary, untrusted, origins, unkept, .. } = self;
        // Most outputs bring nothing new.
        let (mut some, mut lacking) = (false, Vec::new());
        let mut squeezer = Squeezer::default();
        all_texts(output, &mut |text| {
            pieces::each_learnt(key, text, &mut squeezer, |piece| {
                some = true;
                if let Some(segment) = untrusted.insert(piece)
                    && unkept.segments.last() != Some(&segment)
                {
                    unkept.segments.push(segment);
                }
                if origins.lacks(piece) {
                    lacking.push(piece);
                }
            });
        });
        summary.untrusted |= some;
        summary.filter_full = untrusted.is_full();
        let tool = self.place_of(tool);
        if !lacking.is_empty() {
            self.origins.learn(&lacking, tool);
            self.unkept.origins = true;
        }
    }

    /// A tool that repeats what it was given does not vouch for it.
    fn hear_trusted(&mut self, input: &Value, output: &Value) {
        let mut echoed = Vec::new();
        walk::texts(input, &mut |_, text| {
            if !matches!(self.origin(&text).0, Origin::User | Origin::Trusted) {
                echoed.extend(Words::of(&text).known(&self.key));
            }
            true
        });
        echoed.sort_unstable();
        let mut known = Vec::new();
        all_texts(output, &mut |text| known.extend(Words::of(text).known(&self.key)));
        known.retain(|digest| echoed.binary_search(digest).is_err());
        self.unkept.trusted.extend(self.trusted.learn(known));
        self.summary.trusted_full |= self.trusted.is_full();
    }

    fn place_of(&mut self, tool: &ToolName) -> u16 {
        let tools = &mut self.summary.tools;
        let place = tools.iter().position(|known| known == tool).unwrap_or_else(|| {
            if tools.len() < TOOLS_MAX {
                tools.push(tool.clone());
            }
            tools.len() - 1
        });
        u16::try_from(place).unwrap_or_default()
    }

    /// What is known about where the values of an input come from.
    #[must_use]
    pub fn trace(&self, input: &Value) -> FlowFacts {
        let mut facts = FlowFacts {
            prompt: self.summary.prompts > 0,
            untrusted: self.summary.untrusted,
            private: self.summary.private,
            instructions: self.summary.taint.as_ref().map(|taint| taint.tool.clone()),
            full: self.is_full(),
            cut: false,
            arguments: Vec::new(),
        };
        let (mut short, mut squeezer) = (Vec::new(), Squeezer::default());
        facts.cut = !walk::texts(input, &mut |at, text| {
            let text = begin(&text);
            facts.arguments.push(self.fact(at, text, None));
            for link in walk::links(text).filter(|link| link.len() < text.trim().len()) {
                let within = text.get(link.clone()).unwrap_or_default();
                facts.arguments.push(self.fact(at, within, Some((link.start, link.end))));
            }
            if !pieces::fills_a_piece(text) {
                let squeezed = squeezer.squeeze(text);
                if squeezed.len() < pieces::PIECE_BYTES {
                    short.extend(std::str::from_utf8(squeezed).map(str::to_owned));
                }
            }
            facts.arguments.len() < ARGUMENTS_MAX
        });
        facts.arguments.extend(self.together(&short));
        facts
    }

    /// Whether there was more than is remembered. What is not known is untrusted from then on.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.summary.is_full()
    }

    /// What arguments that are too short by themselves say in a row.
    fn together(&self, short: &[String]) -> Option<ArgumentFact> {
        let forth: String = short.concat();
        let back: String = short.iter().rev().map(String::as_str).collect();
        if short.len() < 2 || forth.len() < TOGETHER_BYTES_MIN {
            return None;
        }
        let facts = [forth, back].map(|text| self.fact("", &text, None));
        facts.into_iter().filter(|fact| fact.origin == Origin::Untrusted).max_by_key(|f| f.copied)
    }

    fn fact(&self, at: &str, text: &str, link: Option<(usize, usize)>) -> ArgumentFact {
        let (origin, copied, tool) = self.origin(text);
        let tool = tool.and_then(|place| self.summary.tools.get(usize::from(place)).cloned());
        ArgumentFact { at: at.to_owned(), origin, copied, tool, link }
    }

    fn origin(&self, text: &str) -> (Origin, u8, Option<u16>) {
        if is_unclear(text) {
            return (Origin::Unclear, 0, None);
        }
        // Where nobody who is trusted has said anything, no word of it is theirs.
        let trusts = !self.user.is_empty() || !self.trusted.is_empty();
        let words = trusts.then(|| Words::of(text));
        if words.as_ref().is_some_and(|words| knows(&self.user, words, &self.key)) {
            return (Origin::User, 0, None);
        }
        if words.as_ref().is_some_and(|words| knows(&self.trusted, words, &self.key)) {
            return (Origin::Trusted, 0, None);
        }
        let (copied, tool) = self.copied(text);
        let origin = match copied {
            _ if words.is_some_and(|words| self.has_each_word(&words)) => Origin::Pieced,
            COPIED.. => Origin::Untrusted,
            _ => Origin::Own,
        };
        (origin, copied, tool)
    }

    /// How much of a text stands in untrusted outputs, under whatever it is hidden, and which tool
    /// returned that.
    fn copied(&self, text: &str) -> (u8, Option<u16>) {
        let mut most = (0, None);
        if self.untrusted.is_empty() {
            return most;
        }
        let (plain, hidden) = pieces::readings(text);
        let mut squeezer = Squeezer::default();
        for reading in std::iter::once(&*plain).chain(hidden.iter().map(String::as_str)) {
            let (mut all, mut found) = (0, Vec::new());
            pieces::each_piece(&self.key, squeezer.squeeze(reading), |piece| {
                all += 1;
                if self.untrusted.contains(piece) {
                    found.push(piece);
                }
            });
            let share = u8::try_from(found.len() * 100 / all.max(1)).unwrap_or(100);
            if share > most.0 {
                most = (share, self.origins.most(found.into_iter()));
            }
        }
        most
    }

    /// Whether the user and trusted tools wrote every word, though not in this order. Words of one
    /// or two letters do not count, and must not make up much of it.
    fn has_each_word(&self, words: &Words) -> bool {
        let (mut whole, mut told) = (0, 0);
        for (word, digest) in words.singles(&self.key) {
            let letters = word.chars().filter(|c| c.is_alphanumeric()).count();
            whole += letters;
            if letters >= pieces::WORD_BYTES_MIN {
                told += letters;
                if !self.user.contains(digest) && !self.trusted.contains(digest) {
                    return false;
                }
            }
        }
        whole > 0 && told * 10 >= whole * 7
    }

    /// Instructions that were found in an output and that no person has cleared.
    #[must_use]
    pub fn taint(&self) -> Option<&Taint> {
        self.summary.taint.as_ref()
    }

    /// A person has looked: instructions that were found so far no longer count.
    pub fn clear(&mut self) -> Option<Taint> {
        let taint = self.summary.taint.take()?;
        self.unkept.summary = true;
        Some(taint)
    }

    /// How many outputs it has heard.
    #[must_use]
    pub fn outputs(&self) -> u64 {
        self.summary.outputs
    }

    /// How much room it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Self { user, trusted, untrusted, origins, .. } = self;
        let kept = user.bytes() + trusted.bytes() + untrusted.bytes() + origins.bytes();
        let tools: usize = self.summary.tools.iter().map(|tool| tool.as_str().len() + 32).sum();
        let unkept =
            (self.unkept.user.capacity() + self.unkept.trusted.capacity()) * size_of::<u64>();
        kept + tools + unkept
    }

    /// What has changed since it was last kept.
    pub fn take_changes(&mut self) -> Vec<Part> {
        let Unkept { summary, user, trusted, segments, origins } = std::mem::take(&mut self.unkept);
        let mut parts = Vec::new();
        for (kind, digests) in [(PartKind::User, user), (PartKind::Trusted, trusted)] {
            if !digests.is_empty() {
                self.summary.parts = self.summary.parts.saturating_add(1);
                let bytes = digests.iter().flat_map(|digest| digest.to_le_bytes()).collect();
                parts.push(Part { kind, place: self.summary.parts, bytes });
            }
        }
        parts.extend(segments.into_iter().map(|place| Part {
            kind: PartKind::Untrusted,
            place: u32::try_from(place).unwrap_or(u32::MAX),
            bytes: self.untrusted.segment(place),
        }));
        if origins {
            parts.push(Part { kind: PartKind::Origins, place: 0, bytes: self.origins.to_bytes() });
        }
        if summary || !parts.is_empty() {
            // A summary is a handful of plain fields, which always have a JSON form.
            let bytes = serde_json::to_vec(&self.summary).unwrap_or_default();
            parts.push(Part { kind: PartKind::Summary, place: 0, bytes });
        }
        parts
    }

    /// A conversation as it was kept. `parts` are in the order of [`PartKind::ALL`] and their
    /// places.
    ///
    /// # Errors
    /// When a part is not as it was written.
    pub fn restore(key: FlowKey, parts: &[Part]) -> Result<Self, Unreadable> {
        let mut restored = Self::new(key);
        for Part { kind, place, bytes } in parts {
            match kind {
                PartKind::Summary => {
                    restored.summary =
                        serde_json::from_slice(bytes).map_err(|_| Unreadable("the summary"))?;
                }
                PartKind::User => drop(restored.user.learn(digests(bytes)?)),
                PartKind::Trusted => drop(restored.trusted.learn(digests(bytes)?)),
                PartKind::Untrusted => {
                    let place = usize::try_from(*place).unwrap_or(usize::MAX);
                    restored.untrusted.restore(place, bytes)?;
                }
                PartKind::Origins => {
                    restored.origins =
                        Origins::from_bytes(bytes).ok_or(Unreadable("the list of origins"))?;
                }
            }
        }
        if restored.summary.filter_full {
            restored.untrusted.mark_full();
        }
        Ok(restored)
    }
}

fn digests(bytes: &[u8]) -> Result<Vec<u64>, Unreadable> {
    let (digests, rest) = bytes.as_chunks::<8>();
    match rest.is_empty() {
        true => Ok(digests.iter().map(|digest| u64::from_le_bytes(*digest)).collect()),
        false => Err(Unreadable("a list of digests")),
    }
}

fn begin(text: &str) -> &str {
    text.get(..text.floor_char_boundary(ARGUMENT_BYTES_MAX)).unwrap_or_default()
}

/// Whether every run of a value is known, or the number that it is, or each of the addresses that
/// it lists.
fn knows(known: &Known, words: &Words, key: &FlowKey) -> bool {
    if known.is_empty() {
        return false;
    }
    let runs = words.runs(key);
    let whole = !runs.is_empty() && runs.iter().all(|run| known.contains(*run));
    whole
        || words.as_number(key).is_some_and(|number| known.contains(number))
        || (words.count() > 1
            && words
                .singles(key)
                .all(|(word, digest)| super::role::is_address(word) && known.contains(digest)))
}

/// Whether a value is too short to tell, or one of few: a small number, a date, a time.
fn is_unclear(text: &str) -> bool {
    let text = text.trim();
    let letters = match text.is_ascii() {
        true => text.bytes().filter(u8::is_ascii_alphabetic).count(),
        false => text.chars().filter(|c| c.is_alphabetic()).count(),
    };
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let number = text.parse::<f64>().is_ok() && (digits < 6 || text.contains('.'));
    letters + digits < pieces::WORD_BYTES_MIN
        || (letters == 0 && digits < 5)
        || number
        || is_date(text)
}

/// Whether a value is a date, a time, or both.
fn is_date(text: &str) -> bool {
    let plain =
        |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '/' | '.' | ' ' | 'T' | 'Z' | '+');
    if text.len() > 35 || !text.chars().all(plain) {
        return false;
    }
    let groups: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).collect();
    let is_year =
        |group: &str| group.len() == 4 && (group.starts_with("19") || group.starts_with("20"));
    let is_small = |group: &str| group.len() <= 2;
    match groups.as_slice() {
        [year, month, day, time @ ..] if is_year(year) && is_small(month) && is_small(day) => {
            time.len() <= 6
        }
        [day, month, year, time @ ..] if is_small(day) && is_small(month) && is_year(year) => {
            time.len() <= 6
        }
        [_, _] | [_, _, _] => text.contains(':') && groups.iter().all(|group| is_small(group)),
        _ => false,
    }
}

/// Every text in an output, the names of its fields too.
fn all_texts(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::String(text) => see(text),
        Value::Number(number) => see(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| all_texts(item, see)),
        Value::Object(fields) => {
            fields.keys().for_each(|name| see(name));
            fields.values().for_each(|field| all_texts(field, see));
        }
    }
}
