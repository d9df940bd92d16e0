//! What the reading commands understand.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which records. Of several values of one flag any will do; all flags must be satisfied.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Which {
    /// Not before: `2026-02-24`, `2026-02-24T09:30` (UTC), or how long ago, as `15m`, `2h`, `7d`.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before this moment.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// The family: auth, tool, secret, admin, llm, approval, system, ….
    #[arg(long = "category", value_name = "NAME")]
    pub(crate) categories: Vec<String>,
    /// What happened, such as tool.blocked.
    #[arg(long = "action", value_name = "NAME")]
    pub(crate) actions: Vec<String>,
    /// The agent that acted, or that an approval is about.
    #[arg(long = "agent", value_name = "ID")]
    pub(crate) agents: Vec<String>,
    /// The person behind it.
    #[arg(long = "user", value_name = "ID")]
    pub(crate) users: Vec<String>,
    /// The tool.
    #[arg(long = "tool", value_name = "NAME")]
    pub(crate) tools: Vec<String>,
    /// What was decided.
    #[arg(long = "decision", value_enum)]
    pub(crate) decisions: Vec<Decided>,
    /// The conversation.
    #[arg(long = "conversation", value_name = "ID")]
    pub(crate) conversations: Vec<String>,
    /// The code of the reason, such as GRD-040.
    #[arg(long = "code", value_name = "CODE")]
    pub(crate) codes: Vec<String>,
    /// A text anywhere in the record, however it is escaped there.
    #[arg(long = "text", value_name = "TEXT")]
    pub(crate) texts: Vec<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Decided {
    /// The call was allowed.
    Allow,
    /// A person was asked.
    Ask,
    /// The call was refused.
    Deny,
}

/// `query`.
#[derive(Args, Debug, Default)]
pub(crate) struct Query {
    /// Which records.
    #[command(flatten)]
    pub(crate) which: Which,
    /// The most records; 0 for all there are.
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(crate) limit: usize,
    /// Begin with the newest.
    #[arg(long)]
    pub(crate) newest: bool,
    /// Read every segment of a log of more than 10 GiB, whatever its summaries say.
    #[arg(long)]
    pub(crate) no_index: bool,
    /// Show what is sealed for a person, where their key is there. What is printed then is not
    /// what the macs are over.
    #[arg(long)]
    pub(crate) reveal: bool,
}

/// `tail`.
#[derive(Args, Debug, Default)]
pub(crate) struct Tail {
    /// Which records.
    #[command(flatten)]
    pub(crate) which: Which,
    /// How many of those that are there.
    #[arg(long, short = 'n', default_value_t = 20)]
    pub(crate) lines: usize,
    /// Go on with those that come, until Ctrl-C.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Show what is sealed for a person, where their key is there.
    #[arg(long)]
    pub(crate) reveal: bool,
}

/// `stats`.
#[derive(Args, Debug, Default)]
pub(crate) struct Stats {
    /// Which records.
    #[command(flatten)]
    pub(crate) which: Which,
    /// How finely time is cut.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) by: By,
    /// How many values of each kind are shown.
    #[arg(long, default_value_t = 10)]
    pub(crate) top: usize,
}

/// How finely time is cut.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum By {
    /// Minute by minute.
    Minute,
    /// Hour by hour.
    #[default]
    Hour,
    /// Day by day.
    Day,
}

/// `export`.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Which records.
    #[command(flatten)]
    pub(crate) which: Which,
    /// In which form.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// A new file to write to; what it came from is written beside it [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,
}

/// In which form.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// Records as they stand in the log, one a line.
    #[default]
    Jsonl,
    /// Columns, for analysis.
    Parquet,
    /// OCSF 1.9 events, one a line.
    Ocsf,
    /// Decisions alone, as events of OPA's decision log, one a line.
    Opa,
}

impl Which {
    /// The flags as they would be typed.
    pub(crate) fn words(&self) -> String {
        let lists = [
            ("category", &self.categories),
            ("action", &self.actions),
            ("agent", &self.agents),
            ("user", &self.users),
            ("tool", &self.tools),
            ("conversation", &self.conversations),
            ("code", &self.codes),
            ("text", &self.texts),
        ];
        let bounds = [("since", &self.since), ("until", &self.until)];
        let bounds = bounds.into_iter().filter_map(|(flag, at)| Some((flag, at.as_deref()?)));
        let values = lists
            .into_iter()
            .flat_map(|(flag, values)| values.iter().map(move |value| (flag, value.as_str())));
        let decisions = self.decisions.iter().map(|decided| {
            let word = match decided {
                Decided::Allow => "allow",
                Decided::Ask => "ask",
                Decided::Deny => "deny",
            };
            ("decision", word)
        });
        let words = bounds.chain(values).chain(decisions);
        words.map(|(flag, value)| format!("--{flag} {value:?}")).collect::<Vec<_>>().join(" ")
    }
}

/// `retain`.
#[derive(Args, Debug)]
pub(crate) struct Retain {
    /// Plan with this many days, instead of the configuration's.
    #[arg(long, value_name = "DAYS")]
    pub(crate) age_days_max: Option<u32>,
    /// Plan with this many bytes, instead of the configuration's.
    #[arg(long, value_name = "BYTES")]
    pub(crate) bytes_max: Option<u64>,
    /// Do it, by the server where one runs. That does it by itself too, by the configuration.
    #[arg(long)]
    pub(crate) apply: bool,
}

/// `erase`.
#[derive(Args, Debug)]
pub(crate) struct Erase {
    /// The person, by the id that applications send.
    #[arg(long, value_name = "ID")]
    pub(crate) subject: String,
    /// Do it. It cannot be undone.
    #[arg(long)]
    pub(crate) apply: bool,
}

/// `index`.
#[derive(Args, Debug)]
pub(crate) struct Index {
    /// Make all summaries anew, not those alone that are missing.
    #[arg(long)]
    pub(crate) anew: bool,
}

/// `audit verify`.
#[derive(Args, Debug, Default)]
pub(crate) struct Verify {
    /// A checkpoint that was kept elsewhere: a note, or records as a sink got them; `-` reads
    /// standard input. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Believe this public key alone, and do without the log's own keys. May be given several
    /// times.
    #[arg(long, value_name = "NAME+ID+KEY")]
    pub(crate) public_key: Vec<String>,
}

/// `audit prove`.
#[derive(Args, Debug)]
pub(crate) struct Prove {
    /// The record's number.
    pub(crate) seq: u64,
}

/// `audit check-proof`.
#[derive(Args, Debug)]
pub(crate) struct CheckProof {
    /// The proof; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// Believe this public key, not the one of the log here. May be given several times.
    #[arg(long, value_name = "NAME+ID+KEY")]
    pub(crate) public_key: Vec<String>,
}
