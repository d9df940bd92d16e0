//! `GET /metrics`, in the text form that Prometheus reads.
//!
//! It tells numbers and the names of sinks, and nothing of any call, so it asks for no token.

use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bakerst_audit::delivery::{Circuit, SinkStatus};

use crate::gateway::{Enforcement, Gateway};
use crate::judge::Ruled;
use crate::problem::Problem;
use crate::reply::Reply;

/// How many decisions there were since the start.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    allowed: AtomicU64,
    asked: AtomicU64,
    denied: AtomicU64,
}

impl Decided {
    /// Counts one that is in the log.
    pub(crate) fn count(&self, ruled: &Ruled) {
        let counter = match ruled {
            Ruled::Permitted(_) => &self.allowed,
            Ruled::Asked(_) => &self.asked,
            Ruled::Refused(_) => &self.denied,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// `GET /metrics`.
#[expect(clippy::unnecessary_wraps, reason = "every route has this form")]
pub(crate) fn serve(gateway: &Arc<Gateway>) -> Result<Reply, Problem> {
    let mut page = Page::default();
    page.gateway(gateway);
    page.log(gateway);
    page.sinks(&gateway.vitals.report());
    Ok(Reply::metrics(page.0))
}

/// A page that is being written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn gateway(&mut self, gateway: &Gateway) {
        let Decided { allowed, asked, denied } = &gateway.decided;
        let name = "bakerst_decisions_total";
        self.head(name, "counter", "Decisions of the chain since the start, by verdict.");
        for (verdict, count) in [("allow", allowed), ("ask", asked), ("deny", denied)] {
            self.value(name, &[("verdict", verdict)], count.load(Ordering::Relaxed));
        }
        let enforcing = u8::from(gateway.enforcement == Enforcement::On);
        self.single("bakerst_enforcing", "gauge", "Whether calls are judged at all.", enforcing);
        let alarms = gateway.alarms().len();
        self.single("bakerst_alarms", "gauge", "Alarms, as on /readyz.", alarms);
        let pending = gateway.desk.pending();
        let help = "Requests for approval that wait for a person.";
        self.single("bakerst_approvals_pending", "gauge", help, pending);
    }

    fn log(&mut self, gateway: &Gateway) {
        let log = gateway.vitals.log();
        let help = "The number of the last record, the head of the chain.";
        self.single("bakerst_log_head", "gauge", help, log.head);
        let help = "The number of the last record that is on the disk.";
        self.single("bakerst_log_synced", "gauge", help, log.synced);
        let help = "Appends that wait for the disk.";
        self.single("bakerst_log_waiting_appends", "gauge", help, log.waiting);
        let help = "How often the disk was made to keep what was written.";
        self.single("bakerst_log_syncs_total", "counter", help, log.syncs);
        let help = "How long that took the last time.";
        let last = seconds(log.last_sync_micros, 1_000_000);
        self.single("bakerst_log_sync_seconds", "gauge", help, last);
        if let Some(free) = log.disk_free {
            let help = "How many bytes are free on the log's disk.";
            self.single("bakerst_log_disk_free_bytes", "gauge", help, free);
        }
    }

    fn sinks(&mut self, sinks: &[SinkStatus]) {
        self.of_sinks(
            sinks,
            "lag_records",
            "gauge",
            "Records that the sink has not got yet.",
            |s| s.lag().to_string(),
        );
        let help = "The age of the oldest record that was sent and not taken yet.";
        self.of_sinks(sinks, "lag_seconds", "gauge", help, |s| seconds(s.lag_millis, 1000));
        let help = "The number of the last record that is settled.";
        self.of_sinks(sinks, "acknowledged", "gauge", help, |s| s.acknowledged.to_string());
        let help = "Records that the sink has taken, or refused for good, since the start.";
        self.of_sinks(sinks, "settled_total", "counter", help, |s| s.settled.to_string());
        let help = "Records in the sink's dead letters.";
        self.of_sinks(sinks, "dead_letters", "gauge", help, |s| s.dead_letters.to_string());
        let help = "Records that had left the log before the sink had them.";
        self.of_sinks(sinks, "missed_records", "gauge", help, |s| s.missed.to_string());
        let help = "Failures in a row.";
        self.of_sinks(sinks, "failures", "gauge", help, |s| s.failures.to_string());
        let help = "Whether the sink is served; 0 while it is left alone after failures.";
        self.of_sinks(sinks, "serving", "gauge", help, |s| {
            u8::from(s.circuit == Circuit::Closed).to_string()
        });
        let help = "Whether what the sink acknowledged and the log do not fit together.";
        self.of_sinks(sinks, "discord", "gauge", help, |s| {
            u8::from(s.discord.is_some()).to_string()
        });
    }

    fn of_sinks(
        &mut self,
        sinks: &[SinkStatus],
        what: &str,
        kind: &str,
        help: &str,
        value: impl Fn(&SinkStatus) -> String,
    ) {
        if sinks.is_empty() {
            return;
        }
        let name = format!("bakerst_sink_{what}");
        self.head(&name, kind, help);
        for sink in sinks {
            self.value(&name, &[("sink", &sink.name), ("kind", sink.kind)], value(sink));
        }
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.value(name, &[], value);
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text cannot fail; nor below.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Names of sinks are plain words by construction, so no label needs an escape.
    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let _ = match labels.is_empty() {
            true => writeln!(self.0, "{name} {value}"),
            false => writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")),
        };
    }
}

/// A number of parts of a second as seconds, exactly.
fn seconds(parts: u64, of: u64) -> String {
    let digits = if of == 1000 { 3 } else { 6 };
    format!("{}.{:0digits$}", parts / of, parts % of)
}
