//! The commands, one file each.

mod approvals;
pub(crate) mod audit;
mod check;
mod completions;
mod conversations;
mod demo;
mod eval;
pub(crate) mod explain;
mod init;
mod mcp;
mod mind;
pub(crate) mod policy;
mod secret;
mod token;
mod up;
pub(crate) mod wrap;

use crate::cli::{Cli, Command};
use crate::failure::Outcome;

/// Does what the command line says.
pub(crate) fn run(Cli { command, global }: Cli) -> Outcome {
    match command {
        Command::Up(up) => up::run(&up, &global),
        Command::Demo => demo::run(&global),
        Command::Check(check) => check::run(&check, &global),
        Command::Explain(explain) => explain::run(&explain, &global),
        Command::Eval(eval) => eval::run(&eval, &global),
        Command::Init(init) => init::run(&init, &global),
        Command::Policy(policy) => policy::run(&policy, &global),
        Command::Wrap(wrap) => wrap::run(&wrap, &global),
        Command::Unwrap(unwrap) => wrap::undo::run(&unwrap, &global),
        Command::Mcp(mcp) => mcp::run(&mcp, &global),
        Command::Mind(mind) => mind::run(&mind),
        Command::Secret(secret) => secret::run(&secret, &global),
        Command::Token(token) => token::run(token, &global),
        Command::Approvals(approvals) => approvals::run(approvals, &global),
        Command::Conversations(conversations) => conversations::run(conversations, &global),
        Command::Audit(audit) => audit::run(&audit, &global),
        Command::Bench(bench) => crate::bench::run(&bench, &global),
        Command::Completions { shell } => completions::run(shell),
    }
}
