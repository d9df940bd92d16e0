//! The command line of `bakerst policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Say what contradicts, never matches or is unsafe, each with its place and how to mend it.
    #[command(after_help = "Example:\n  bakerst policy lint --config bakerst.yaml")]
    Lint,
    /// Run the policy's tests: those under `policy_tests`, and those in files beside it that end in
    /// `.policy-test.yaml`.
    #[command(
        after_help = "Example:\n  bakerst policy test --config bakerst.yaml more.policy-test.yaml"
    )]
    Test {
        /// Files with tests, instead of those beside the configuration.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Draw which agent may call which tool, and what the tools are.
    #[command(after_help = "Example:\n  bakerst policy graph --form dot | dot -Tsvg > policy.svg")]
    Graph {
        /// How to draw.
        #[arg(long, value_enum, default_value_t = GraphForm::Text)]
        form: GraphForm,
    },
    /// Hold a server's tools against the lock, and write into it what is approved.
    #[command(after_help = "\
Examples:
  bakerst policy pin --server files --tools tools.json       pin a list of tools
  bakerst policy pin --server files -- npx -y server-files   start the server and ask it
  bakerst policy pin --server docs --url https://x.example/mcp   ask a server behind an address
  bakerst policy pin --server github                         ask one of `gateway.mcp.servers`
  bakerst policy pin --check --server files --tools now.json compare only; exit code 1 on drift
  bakerst policy pin --approve read_file --server files --tools now.json

A server that the lock does not know yet is taken in whole, but for tools that read like instructions or
whose names look like others'. Whatever changed since is held, and denied, until `--approve` names it.")]
    Pin(Pin),
    /// Print the policy's digest, as every decision carries it.
    #[command(after_help = "Example:\n  bakerst policy hash --config bakerst.yaml")]
    Hash,
    /// Say what the second of two policies allows that the first does not, and every setting that
    /// differs.
    #[command(after_help = "Example:\n  bakerst policy diff old.yaml new.yaml --log audit/")]
    Diff {
        /// The policy that was.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The policy that would be.
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Take the decisions of this log under both, too: a file, or a folder of segments.
        #[arg(long, value_name = "LOG")]
        log: Option<PathBuf>,
    },
    /// Take recorded decisions again under another policy, and say what would change.
    #[command(
        after_help = "Example:\n  bakerst policy replay --log audit/ --against new.yaml --json"
    )]
    Replay {
        /// The log: a file, or a folder of segments.
        #[arg(long, value_name = "LOG")]
        log: PathBuf,
        /// The policy that would be.
        #[arg(long, value_name = "FILE")]
        against: PathBuf,
        /// The policy that decided [default: the configuration]. What it says on texts is taken over
        /// where the other would say the same.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Propose a policy that allows what was recorded and nothing else, for a person to review.
    #[command(after_help = "Example:\n  bakerst policy learn --log audit/ --output proposed.yaml")]
    Learn {
        /// The log: a file, or a folder of segments.
        #[arg(long, value_name = "LOG")]
        log: PathBuf,
        /// Where to write it [default: standard output].
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// `policy pin`.
#[derive(Args, Debug)]
pub(crate) struct Pin {
    /// A server's list of tools, as JSON; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "url"])]
    pub(crate) tools: Option<PathBuf>,
    /// The address of a server, to ask it.
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub(crate) url: Option<String>,
    /// What clients call the server; alone, the server of that name under `gateway.mcp.servers`, which
    /// is asked. Without it, tools are known by their bare names.
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// The lock [default: the configuration's, else bakerst.lock].
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// Compare, and write nothing.
    #[arg(long, conflicts_with = "approve")]
    pub(crate) check: bool,
    /// Approve tools by name or pattern; one with something against it takes its whole name.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) approve: Vec<String>,
    /// How long a server that is started may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout_seconds: u64,
    /// The command that starts the server.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum GraphForm {
    /// Lines for a terminal.
    Text,
    /// For Graphviz.
    Dot,
    /// For Mermaid.
    Mermaid,
}

/// `init`.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// Clients' configurations, instead of those that are found.
    #[arg(long, value_name = "FILE")]
    pub(crate) client_config: Vec<PathBuf>,
    /// The folder to write bakerst.yaml and bakerst.lock into [default: this one].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Replace what is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Start or call the servers, ask them, and write.
    #[arg(long)]
    pub(crate) apply: bool,
    /// How long each server may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout_seconds: u64,
}
