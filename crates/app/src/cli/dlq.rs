//! `audit dlq`.

use clap::Subcommand;

/// `audit dlq`.
#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// List the records that log systems refused.
    #[command(after_help = "Example:\n  bakerst audit dlq list --json")]
    List {
        /// Of this sink alone.
        sink: Option<String>,
    },
    /// Show one of them whole, with the reason.
    #[command(after_help = "Example:\n  bakerst audit dlq show siem LETTER")]
    Show {
        /// The sink.
        sink: String,
        /// The letter, as the list names it.
        letter: String,
    },
    /// Send them again; those that are accepted now are taken off the list.
    #[command(after_help = "Example:\n  bakerst audit dlq retry siem --apply")]
    Retry {
        /// The sink.
        sink: String,
        /// These alone.
        letters: Vec<String>,
        /// Do it, rather than say what would be done.
        #[arg(long)]
        apply: bool,
    },
    /// Take them off the list. The records stay in the log.
    #[command(after_help = "Example:\n  bakerst audit dlq drop siem LETTER --apply")]
    Drop {
        /// The sink.
        sink: String,
        /// These.
        #[arg(required_unless_present = "all")]
        letters: Vec<String>,
        /// All of the sink's.
        #[arg(long, conflicts_with = "letters")]
        all: bool,
        /// Do it, rather than say what would be done.
        #[arg(long)]
        apply: bool,
    },
}
