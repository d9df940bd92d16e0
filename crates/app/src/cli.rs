//! The command line.

mod dlq;
mod policy;
mod wrap;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use dlq::Dlq;
pub(crate) use policy::{GraphForm, Init, Pin, Policy};
pub(crate) use wrap::{Unwrap, Wrap};

use crate::commands::audit::args;

/// Stands between an agent and everything it can touch: judges every tool call, asks a person
/// where one must decide, records what was decided, and keeps secrets out of what comes back.
#[derive(Debug, Parser)]
#[command(
    name = "bakerst",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  bakerst up                                start guarding, on built-in defaults
  bakerst demo                              watch one call of each kind go through
  bakerst check --config bakerst.yaml       is this configuration sound, and what is in force?
  bakerst approvals approve apr-3           let a waiting call through

Exit codes: 0 ok, 1 refused or found, 2 usage or configuration, 3 environment."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What every command understands.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// The configuration: a bakerst.yaml, a bare guardrails file, or a ConfigMap with one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The state folder [default: $XDG_STATE_HOME/bakerst].
    #[arg(long, global = true, value_name = "FOLDER", env = "BAKERST_STATE")]
    pub(crate) state: Option<PathBuf>,
    /// The key that seals all others [default: $XDG_CONFIG_HOME/bakerst/master.key].
    #[arg(long, global = true, value_name = "FILE", env = "BAKERST_MASTER_KEY_FILE")]
    pub(crate) master_key: Option<PathBuf>,
    /// Print data as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the hook door.
    #[command(after_help = "Example:\n  bakerst up --listen 127.0.0.1:9000 --durability batched")]
    Up(Up),
    /// Watch one call of each kind go through, in a folder that is thrown away.
    #[command(after_help = "Example:\n  bakerst demo")]
    Demo,
    /// Say whether the configuration is sound, and print what is in force.
    #[command(after_help = "Example:\n  bakerst check --config bakerst.yaml --json | jq .warnings")]
    Check(Check),
    /// Take one call through the chain and print every guardrail's word and time.
    #[command(
        after_help = "Example:\n  bakerst explain --tool filesystem_delete --input '{\"path\": \"/data\"}'"
    )]
    Explain(Explain),
    /// Judge many texts or calls, one JSON object a line.
    #[command(
        after_help = "Example:\n  echo '{\"tool\":\"timezone_lookup\",\"input\":{\"city\":\"Tokyo\"}}' | bakerst eval calls"
    )]
    Eval(Eval),
    /// Draft a first policy and lock from the tool servers that clients already use.
    #[command(after_help = "\
Examples:
  bakerst init                                  list what would be read, started and written
  bakerst init --apply --output policy          do it
  bakerst init --client-config .mcp.json        look at one client's configuration only

Found by themselves are the configurations of Claude Code, Claude Desktop, Cursor, VS Code, Codex and
Gemini CLI.")]
    Init(Init),
    /// Read a policy closely: what is wrong with it, its digest, what changed.
    #[command(subcommand)]
    Policy(Policy),
    /// Lead a client's MCP servers through Baker Street, by its own configuration.
    #[command(after_help = "\
Examples:
  bakerst wrap claude-code                      show what would change
  bakerst wrap claude-code --apply              change it; a copy is kept
  bakerst wrap vscode --client-config .vscode/mcp.json --agent coder --apply

Servers behind an address go through `gateway.mcp.servers` where it names their address.")]
    Wrap(Wrap),
    /// Give a client's configuration back as it was before `wrap`.
    #[command(after_help = "Example:\n  bakerst unwrap claude-code --apply")]
    Unwrap(Unwrap),
    /// Start an MCP server for a client, guarded by the running `bakerst up`.
    #[command(
        after_help = "Example, in a client's configuration:\n  \"command\": \"bakerst\", \"args\": [\"mcp\", \"--\", \"npx\", \"@modelcontextprotocol/server-filesystem\", \"/data\"]"
    )]
    Mcp(Mcp),
    /// Start a program and see to it that nothing of it outlives whoever started this.
    #[command(hide = true)]
    Mind(Mind),
    /// Seal secrets that configurations may name, so that they stand in no file as they are.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Make, list and withdraw bearer tokens.
    #[command(subcommand)]
    Token(Token),
    /// See and answer the calls that wait for a person.
    #[command(subcommand)]
    Approvals(Approvals),
    /// See what conversations have heard, and clear instructions that were found in them.
    #[command(subcommand)]
    Conversations(Conversations),
    /// Read and verify the audit log.
    #[command(subcommand)]
    Audit(Audit),
    /// Measure, beside a baseline.
    #[command(after_help = "Example:\n  bakerst bench hook --json")]
    Bench(Bench),
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  bakerst completions bash > /etc/bash_completion.d/bakerst")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `up`.
#[derive(Args, Debug, Default)]
pub(crate) struct Up {
    /// The address to listen on, instead of the configuration's.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// What "recorded" means, instead of the configuration's.
    #[arg(long, value_enum)]
    pub(crate) durability: Option<DurabilityArg>,
}

/// What "recorded" means.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum DurabilityArg {
    /// On the disk, before the answer.
    Strict,
    /// With the operating system before the answer, on the disk a moment later.
    Batched,
}

/// `check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Print the built-in configuration as it is written, as a file to start from.
    #[arg(long)]
    pub(crate) print_default: bool,
}

/// `secret`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Seal what is piped in under a name. Whoever serves must not run meanwhile.
    #[command(after_help = "Example:\n  bakerst secret set github-token < token.txt")]
    Set {
        /// Its name, as in `{secret: NAME}`.
        name: String,
    },
    /// Print the names of the sealed secrets.
    #[command(after_help = "Example:\n  bakerst secret list --json")]
    List,
    /// Forget a secret.
    #[command(after_help = "Example:\n  bakerst secret remove github-token")]
    Remove {
        /// Its name.
        name: String,
    },
}

/// `mind`.
#[derive(Args, Debug)]
pub(crate) struct Mind {
    /// Who started this.
    #[arg(long)]
    pub(crate) parent: i32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub(crate) program: Vec<String>,
}

/// `mcp`.
#[derive(Args, Debug)]
pub(crate) struct Mcp {
    /// The server's name in policies, as in `mcp__files__read_file` [default: the program's].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The agent that the client is.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// The conversation that its calls belong to [default: one for each agent].
    #[arg(long)]
    pub(crate) conversation: Option<String>,
    /// The server's program and its arguments.
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub(crate) server: Vec<String>,
}

/// `explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The tool.
    #[arg(long)]
    pub(crate) tool: String,
    /// Its input, as JSON.
    #[arg(long, default_value = "{}")]
    pub(crate) input: String,
    /// The agent that calls it.
    #[arg(long)]
    pub(crate) agent: Option<String>,
}

/// `eval`.
#[derive(Args, Debug)]
pub(crate) struct Eval {
    /// What the lines hold.
    #[arg(value_enum)]
    pub(crate) form: EvalForm,
    /// Where to read lines from [default: standard input].
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Where to write answers to [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// For `calls` and `flows`: switch off a guardrail of the policy, to see what the others do without
    /// it. May be given several times.
    #[arg(long, value_name = "GUARDRAIL")]
    pub(crate) without: Vec<String>,
}

/// What the lines hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum EvalForm {
    /// `{id, text}`: does it read like instructions to a model?
    Injection,
    /// `{id, text}`: which secrets and personal data are in it?
    Redaction,
    /// `{id, text, lang?}`: would this command destroy something?
    Commands,
    /// `{id, tool, input, agent?}`: what does the whole chain say?
    Calls,
    /// `{id?, prompt, steps: [{tool, input, output}], injected?: […]}`: what does the chain say to each
    /// call of a conversation, and to those slipped in after it?
    Flows,
}

/// `token`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, once.
    #[command(
        after_help = "Example:\n  bakerst token create --name ci --role agent --agent ci-bot"
    )]
    Create {
        /// What to call it.
        #[arg(long)]
        name: String,
        /// What it is good for: agent, approver, auditor or admin; may be given several times.
        #[arg(long = "role", default_value = "agent")]
        roles: Vec<String>,
        /// The one agent that it may speak for.
        #[arg(long)]
        agent: Option<String>,
    },
    /// List the tokens there are; their texts are kept nowhere.
    #[command(after_help = "Example:\n  bakerst token list --json")]
    List,
    /// Withdraw a token.
    #[command(after_help = "Example:\n  bakerst token revoke ci")]
    Revoke {
        /// Its name, or its id.
        token: String,
    },
}

/// `approvals`.
#[derive(Debug, Subcommand)]
pub(crate) enum Approvals {
    /// List the calls that wait.
    #[command(after_help = "Example:\n  bakerst approvals list --all")]
    List {
        /// Those that are settled, too.
        #[arg(long)]
        all: bool,
    },
    /// Show one request whole.
    #[command(after_help = "Example:\n  bakerst approvals show apr-3")]
    Show {
        /// Its number, such as apr-3.
        id: String,
    },
    /// Let the call through, once.
    #[command(after_help = "Example:\n  bakerst approvals approve apr-3 --note 'agreed with Ann'")]
    Approve {
        /// Its number, such as apr-3.
        id: String,
        /// A word for the log.
        #[arg(long)]
        note: Option<String>,
    },
    /// Refuse the call.
    #[command(after_help = "Example:\n  bakerst approvals deny apr-3 --note 'wrong namespace'")]
    Deny {
        /// Its number, such as apr-3.
        id: String,
        /// A word for the log, and for the agent.
        #[arg(long)]
        note: Option<String>,
    },
}

/// `conversations`.
#[derive(Debug, Subcommand)]
pub(crate) enum Conversations {
    /// List the conversations that are remembered, the last heard first.
    #[command(after_help = "Example:\n  bakerst conversations list --json")]
    List,
    /// Show what one has heard.
    #[command(after_help = "Example:\n  bakerst conversations show c-17")]
    Show {
        /// Its name, as the application gave it.
        id: String,
    },
    /// Say that you have looked at the instructions that were found in its outputs: its sensitive
    /// calls are no longer asked about because of them.
    #[command(
        after_help = "Example:\n  bakerst conversations clear c-17 --note 'a newsletter, harmless'"
    )]
    Clear {
        /// Its name, as the application gave it.
        id: String,
        /// A word for the log.
        #[arg(long)]
        note: Option<String>,
    },
}

/// `audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check every record against the chain and the tree; name the first that is wrong.
    #[command(
        after_help = "Examples:\n  bakerst audit verify\n  bakerst audit verify --checkpoint kept-elsewhere.txt"
    )]
    Verify(args::Verify),
    /// Print the latest signed checkpoint, to be kept elsewhere.
    #[command(after_help = "Example:\n  bakerst audit checkpoint > checkpoint-$(date +%F).txt")]
    Checkpoint,
    /// Print the key that anyone may check the log's checkpoints with.
    #[command(after_help = "Example:\n  bakerst audit public-key > log.pub")]
    PublicKey,
    /// Print a record with the proof that it is in the log.
    #[command(after_help = "Example:\n  bakerst audit prove 17 > 17.tlog-proof")]
    Prove(args::Prove),
    /// Check a proof and print the record that it proves.
    #[command(
        after_help = "Example:\n  bakerst audit check-proof 17.tlog-proof --public-key \"$(cat log.pub)\""
    )]
    CheckProof(args::CheckProof),
    /// Have the log written with a new key from now on, by the server where one runs.
    #[command(after_help = "Example:\n  bakerst audit rotate-key")]
    RotateKey,
    /// Print the last records, and those that come.
    #[command(after_help = "Example:\n  bakerst audit tail -f --decision deny")]
    Tail(Box<args::Tail>),
    /// Find records.
    #[command(
        after_help = "Example:\n  bakerst audit query --since 2h --agent ci-bot --decision deny --decision ask --json"
    )]
    Query(Box<args::Query>),
    /// Count records by kind and time.
    #[command(after_help = "Example:\n  bakerst audit stats --since 7d --by day")]
    Stats(Box<args::Stats>),
    /// Write records for other tools: JSON lines, Parquet or OCSF.
    #[command(
        after_help = "Example:\n  bakerst audit export --since 30d --format parquet --output audit.parquet"
    )]
    Export(Box<args::Export>),
    /// Make summaries of sealed segments, for searches of logs of more than 10 GiB.
    #[command(after_help = "Example:\n  bakerst audit index")]
    Index(args::Index),
    /// Say which old segments would be let go of, and with `--apply` do so.
    #[command(after_help = "Example:\n  bakerst audit retain --age-days-max 365")]
    Retain(args::Retain),
    /// Look how well what lies around the log keeps others from it: rights, owner, keys, the
    /// append-only attribute, room and copies.
    #[command(after_help = "Example:\n  bakerst audit doctor --json")]
    Doctor,
    /// Destroy the key of a person's records.
    #[command(after_help = "Example:\n  bakerst audit erase --subject ann@example.org --apply")]
    Erase(args::Erase),
    /// See and settle what log systems refused.
    #[command(subcommand)]
    Dlq(Dlq),
}

/// `bench`.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// What to measure.
    #[arg(value_enum)]
    pub(crate) name: BenchName,
    /// Take longer, for steadier figures.
    #[arg(long)]
    pub(crate) full: bool,
    /// Serve constant answers: the baseline that a bench starts by itself.
    #[arg(long, hide = true, value_name = "SOCKET")]
    pub(crate) serve_baseline: Option<PathBuf>,
    /// Be the tool server that a bench puts behind the MCP door.
    #[arg(long, hide = true, value_enum)]
    pub(crate) serve_upstream: Option<BenchUpstream>,
}

/// How the tool server of a bench is spoken to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum BenchUpstream {
    /// At an address.
    Http,
    /// By its pipes.
    Pipes,
}

/// What to measure.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum BenchName {
    /// The audit log.
    Audit,
    /// One decision in process.
    Chain,
    /// The detectors by themselves.
    Detect,
    /// The hook door, over loopback and the Unix socket.
    Hook,
    /// The MCP door, before a server at an address and one behind pipes.
    Mcp,
    /// Flow control in a long conversation, a decision in Rego, and recorded decisions taken again.
    Policy,
}
