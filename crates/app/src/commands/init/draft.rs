//! The first policy, as text for a person to read.

use std::fmt::Write as _;

use bakerst_guard::pins::{Judged, Lock, State};
use bakerst_model::{Escaped, ToolDefinition};

use super::labels::guessed;
use super::tiers::{Guess, guess};

const HEAD: &str = "\
# A first policy, drafted by `bakerst init` from what tool servers say of themselves. Read every line
# before you rely on it: each risk and each label is a guess, and says from what.
#
#   bakerst policy lint --config bakerst.yaml     what is open or contradictory
#   bakerst policy test --config bakerst.yaml     does it do what you mean?
#
# There is no section `guardrails`, so the built-in chain applies: `bakerst check --print-default`.

# What servers said when this was drafted. A tool that says anything else is denied until
# `bakerst policy pin --approve` lets it pass.
pins: { file: bakerst.lock, wording: deny }

# Every agent may call every tool below. Name your agents, and give each only what it needs.
agents:
  default:
    tools: [\"*\"]
    approval_from: sensitive

# risk: read | write | sensitive | destructive. Schemas of arguments are the pinned ones, in the lock.
# reads, sends and writes are for flow control: a tool whose output only you can write `reads: trusted`
# or `reads: private`, and one that carries nothing to others needs no `sends`.
";

/// The longest part of a description that stands beside its tool.
const SHOWN_CHARS: usize = 100;

/// The policy, for tools as they were judged.
pub(super) fn policy(tools: &[Judged], lock: &Lock) -> String {
    let mut text = HEAD.to_owned();
    let known: Vec<_> = tools.iter().filter_map(|one| Some((one, lock.pin(&one.name)?))).collect();
    text.push_str(if known.is_empty() { "tools: {}\n" } else { "tools:\n" });
    for (one, pin) in known {
        let Guess { risk, why } = guess(&pin.definition);
        let _ = writeln!(text, "  {}:", key(&one.name));
        let about = about(&pin.definition);
        if !about.is_empty() {
            let _ = writeln!(text, "    # {about}");
        }
        if let State::Hidden(reason) = &one.state {
            let _ = writeln!(text, "    # Held: {} {}", reason.code, one_line(&reason.message));
        }
        let _ = writeln!(text, "    risk: {} # {}", risk.as_str(), one_line(&why));
        text.push_str(&guessed(&pin.definition, risk));
    }
    text
}

fn about(tool: &ToolDefinition) -> String {
    let first = tool.description().split_whitespace().collect::<Vec<_>>().join(" ");
    one_line(&first)
}

/// A stranger's words on one line, so that they cannot leave their comment.
fn one_line(text: &str) -> String {
    let shown = Escaped(text).to_string();
    let cut: String = shown.chars().take(SHOWN_CHARS).collect();
    if cut.len() < shown.len() { format!("{cut}…") } else { cut }
}

/// A name as a key of YAML.
fn key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    match plain && !word.contains(&name.to_lowercase().as_str()) {
        true => name.to_owned(),
        false => serde_json::Value::from(name).to_string(),
    }
}
