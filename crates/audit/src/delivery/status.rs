//! How the sinks fare, for those who watch.

use std::sync::Arc;

use bakerst_model::Seq;

use super::{Circuit, Reason};

/// How one sink fares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SinkStatus {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: &'static str,
    /// The last record that is settled.
    pub acknowledged: Seq,
    /// The last record that may leave.
    pub head: Seq,
    /// How old the oldest record is that it has not got yet.
    pub lag_millis: u64,
    /// Whether it is being served.
    pub circuit: Circuit,
    /// How often it has failed in a row.
    pub failures: u32,
    /// Why it failed last, until it takes something again.
    pub trouble: Option<Reason>,
    /// How many records it has taken, or refused for good, since the start.
    pub settled: u64,
    /// How many records lie in its dead letters.
    pub dead_letters: u64,
    /// How many records were gone from the log before it had them.
    pub missed: u64,
    /// How the log and what it acknowledged do not fit together.
    pub discord: Option<Arc<str>>,
}

impl SinkStatus {
    /// How many records it has not got yet.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.head.0.saturating_sub(self.acknowledged.0)
    }

    /// What an operator should know, in sentences.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        let name = &self.name;
        let mut alarms = Vec::new();
        if self.circuit != Circuit::Closed {
            let why = self.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            alarms.push(format!("the sink `{name}` takes no records{why}"));
        }
        if self.dead_letters > 0 {
            let dead = self.dead_letters;
            alarms.push(format!(
                "the sink `{name}` refused {dead} records: `bakerst audit dlq list`"
            ));
        }
        if self.missed > 0 {
            let missed = self.missed;
            alarms.push(format!("{missed} records left the log before the sink `{name}` had them"));
        }
        let discord = self.discord.iter();
        alarms.extend(
            discord.map(|discord| format!("the log and the sink `{name}` differ: {discord}")),
        );
        alarms
    }
}

/// Where the sinks' state can be asked.
pub trait Deliveries: Send + Sync {
    /// How each sink fares now.
    fn report(&self) -> Vec<SinkStatus>;
}

/// How the log fares.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LogVitals {
    /// The last record.
    pub head: Seq,
    /// The last record that is on the disk.
    pub synced: Seq,
    /// How many appends wait for the disk.
    pub waiting: usize,
    /// How often the disk was made to keep what was written.
    pub syncs: u64,
    /// How long the last of these took.
    pub last_sync_micros: u64,
    /// How many bytes are free on its disk, where that is known.
    pub disk_free: Option<u64>,
}

/// Where the state of the log and of the sinks can be asked.
pub trait Vitals: Deliveries {
    /// How the log fares now.
    fn log(&self) -> LogVitals;

    /// What an operator should know of how the log is kept, in sentences.
    fn alarms(&self) -> Vec<String>;
}
