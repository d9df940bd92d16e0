//! Records as rows.

use super::Extract;
use super::parquet::{Column, File, Kind};
use crate::query::{View, parse_moment};

/// A row group is written once it holds so much.
const GROUP_BYTES: usize = 32 << 20;
/// Readers keep the groups of a file in memory by their number, so they are not made small.
const GROUP_ROWS: usize = 1 << 20;

const COLUMNS: [(&str, Kind); 16] = [
    ("seq", Kind::Number),
    ("time", Kind::Moment),
    ("category", Kind::Text),
    ("action", Kind::Text),
    ("actor", Kind::Text),
    ("agent", Kind::Text),
    ("user", Kind::Text),
    ("ip", Kind::Text),
    ("conversation", Kind::Text),
    ("tool", Kind::Text),
    ("decision", Kind::Text),
    ("code", Kind::Text),
    ("reason", Kind::Text),
    ("detail", Kind::Json),
    ("prev", Kind::Text),
    ("mac", Kind::Text),
];

/// Records in the columns of a Parquet file, in bounded memory.
#[derive(Debug)]
pub struct Table {
    file: File,
    rows: usize,
}

impl Default for Table {
    fn default() -> Self {
        let columns = COLUMNS.iter().map(|(name, kind)| Column::new(name, *kind)).collect();
        Self { file: File::new(columns), rows: 0 }
    }
}

impl Table {
    /// Adds a record and hands out bytes to write, once there are enough to be worth it.
    pub fn push(&mut self, view: &View<'_>) -> Option<Vec<u8>> {
        let detail = view.detail();
        // A moment that nobody can read is the beginning of time; the texts keep what was there.
        let at = parse_moment(view.timestamp(), bakerst_model::UnixMillis(0)).unwrap_or_default();
        let numbers = [view.seq, at.0];
        let (agent, tool, verdict) = (detail.agent(), detail.tool(), detail.verdict());
        let (code, reason) = (detail.code(), detail.reason());
        let texts = [
            Some(view.category()),
            Some(view.action()),
            Some(view.actor.name()),
            view.actor.agent().or(agent.as_deref()),
            view.actor.user(),
            view.actor.ip(),
            view.conversation(),
            tool.as_deref(),
            verdict.as_deref(),
            code.as_deref(),
            reason.as_deref(),
            Some(view.detail_json()),
            view.prev(),
            view.mac(),
        ];
        let (first, rest) = self.file.columns.split_at_mut(numbers.len());
        first.iter_mut().zip(numbers).for_each(|(column, number)| column.push_number(number));
        rest.iter_mut().zip(texts).for_each(|(column, text)| column.push_text(text));
        self.rows += 1;
        let held: usize = self.file.columns.iter().map(Column::bytes).sum();
        (held >= GROUP_BYTES || self.rows >= GROUP_ROWS).then(|| {
            self.rows = 0;
            self.file.end_group()
        })
    }

    /// The rest of the file, which says where it came from.
    #[must_use]
    pub fn finish(self, extract: &Extract) -> Vec<u8> {
        self.file.finish(&extract.named())
    }
}
