//! `bakerst init`: a first policy and lock, from the servers that clients already use.
//!
//! Asking a server means starting a stranger's program or calling a stranger, so what would be
//! started and called is listed first, and nothing is done without `--apply`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_guard::pins::{Judged, Lock, Screen, State, Wording};
use bakerst_model::{Code, Escaped, Limits};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::{Global, Init};
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::servers::{self, Launch, Server};

mod clients;
mod draft;
mod labels;
mod tiers;

use clients::{Found, Skipped};

/// The names of what is written.
const POLICY: &str = "bakerst.yaml";
const LOCK: &str = "bakerst.lock";

pub(crate) fn run(init: &Init, global: &Global) -> Outcome {
    let found = clients::find(&init.client_config)?;
    let folder = init.output.clone().unwrap_or_else(|| PathBuf::from("."));
    refuse_to_overwrite(&folder, init.force)?;
    if !init.apply {
        plan(&found, &folder, global);
        return Ok(Exit::Ok);
    }
    let limits = Limits::default();
    let asked = ask(&found.servers, Duration::from_secs(init.timeout_seconds), &limits)?;
    let policy = draft::policy(&asked.tools, &asked.lock);
    write(&folder, &policy, &asked.lock)?;
    report(&asked, &found, &folder, global);
    let complete = asked.failed.is_empty() && !asked.tools.iter().any(is_held);
    Ok(if complete { Exit::Ok } else { Exit::Refused })
}

/// What the servers said.
struct Asked {
    lock: Lock,
    tools: Vec<Judged>,
    failed: Vec<Failure>,
}

fn is_held(one: &Judged) -> bool {
    matches!(one.state, State::Hidden(_))
}

fn ask(servers: &[Server], patience: Duration, limits: &Limits) -> Result<Asked, Failure> {
    let detector = Detector::new(Sensitivity::Medium, &[])
        .map_err(|e| Failure::usage(Code::ConfigValue, e.to_string()))?;
    let mut asked = Asked { lock: Lock::default(), tools: Vec::new(), failed: Vec::new() };
    let progress = progress(servers.len());
    for server in servers {
        progress.set_message(Escaped(server.name()).to_string());
        match servers::list_tools(server, patience, limits) {
            Err(failure) => asked.failed.push(failure),
            Ok(listing) => {
                let screen =
                    Screen { lock: &asked.lock, wording: Wording::Deny, detector: &detector };
                let (lock, judged) = screen.pin(Some(&server.identity()), &listing, &[]);
                asked.lock = lock;
                asked.tools.extend(judged);
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    if asked.lock.pins().count() > limits.tools_max {
        let (got, max) = (asked.lock.pins().count(), limits.tools_max);
        let message = format!("{got} tools are more than `tools_max` allows ({max})");
        return Err(Failure::new(Exit::Refused, Code::ToolListUnusable, message));
    }
    Ok(asked)
}

/// A bar for a person at a terminal; nothing anywhere else.
fn progress(servers: usize) -> ProgressBar {
    use std::io::IsTerminal as _;
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    let bar = ProgressBar::new(servers as u64);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn refuse_to_overwrite(folder: &Path, force: bool) -> Result<(), Failure> {
    let there = [POLICY, LOCK].map(|name| folder.join(name)).into_iter().find(|path| path.exists());
    match there {
        Some(path) if !force => {
            let message = format!("`{}` is there already", path.display());
            let failure = Failure::new(Exit::Refused, Code::FileExists, message);
            Err(failure)
        }
        _ => Ok(()),
    }
}

/// The draft must load before it is put anywhere.
fn write(folder: &Path, policy: &str, lock: &Lock) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|e| {
        let message = format!("cannot make the folder `{}`: {e}", folder.display());
        Failure::environment(Code::StateUnwritable, message)
    })?;
    crate::files::replace(&folder.join(LOCK), &lock.to_text())?;
    let file = folder.join(POLICY);
    crate::files::replace(&file, policy)?;
    Config::load(Some(&file))?.compile().map(|_| ())
}

fn plan(found: &Found, folder: &Path, global: &Global) {
    if global.json {
        let start = found.servers.iter().filter_map(|server| match server {
            Server::Address(_) => None,
            Server::Program(launch) => Some(json!({
                "server": launch.name,
                "command": launch.shown_command(),
                "variables": launch.variables.keys().collect::<Vec<_>>(),
                "folder": launch.folder,
            })),
        });
        let call = found.servers.iter().filter_map(|server| match server {
            Server::Program(_) => None,
            Server::Address(remote) => Some(json!({
                "server": remote.name,
                "url": remote.shown_url(),
                "headers": remote.headers.keys().collect::<Vec<_>>(),
            })),
        });
        print::json(&json!({
            "read": found.files,
            "start": start.collect::<Vec<_>>(),
            "call": call.collect::<Vec<_>>(),
            "skipped": found.skipped,
            "write": [folder.join(POLICY), folder.join(LOCK)],
            "applied": false,
        }));
        return;
    }
    let style = Style::for_stdout();
    for file in &found.files {
        print::line(format!("read   {}", file.display()));
    }
    for server in &found.servers {
        let (verb, how) = match server {
            Server::Program(launch) => ("start", as_typed(launch)),
            Server::Address(remote) => ("call ", Escaped(&remote.shown_url()).to_string()),
        };
        let name = style.bold(&Escaped(server.name()).to_string());
        print::line(format!("{verb}  {name}  {how}"));
    }
    print_skipped(&found.skipped, style);
    for name in [POLICY, LOCK] {
        print::line(format!("write  {}", folder.join(name).display()));
    }
    let nothing = "nothing was started, called or written; `--apply` does it";
    print::note(match found.servers.is_empty() {
        true => "no server was found to ask; name a client's configuration with `--client-config`",
        false => nothing,
    });
}

/// A command as a person would type it; values of variables stay where they are.
fn as_typed(launch: &Launch) -> String {
    let variables = launch.variables.keys().map(|name| format!("{}=…", Escaped(name)));
    let command = launch.shown_command();
    let words = command.iter().map(|word| {
        let plain = !word.is_empty()
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@:=+,".contains(c));
        let shown = Escaped(word).to_string();
        if plain { shown } else { format!("'{}'", shown.replace('\'', "'\\''")) }
    });
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn print_skipped(skipped: &[Skipped], style: Style) {
    for Skipped { server, why } in skipped {
        print::line(format!("{}   {}  {why}", style.yellow("skip"), Escaped(server)));
    }
}

fn report(asked: &Asked, found: &Found, folder: &Path, global: &Global) {
    let held = asked.tools.iter().filter(|one| is_held(one)).count();
    if global.json {
        let failed = asked
            .failed
            .iter()
            .map(|failure| json!({ "code": failure.code, "message": failure.message }));
        print::json(&json!({
            "tools": asked.tools.iter().map(super::policy::pin::as_json).collect::<Vec<_>>(),
            "failed": failed.collect::<Vec<_>>(),
            "skipped": found.skipped,
            "written": [folder.join(POLICY), folder.join(LOCK)],
            "applied": true,
        }));
        return;
    }
    let style = Style::for_stdout();
    asked.tools.iter().for_each(|one| super::policy::pin::print_tool(one, style));
    asked.failed.iter().for_each(|failure| {
        print::line(format!("{} {} {}", style.red("failed"), failure.code, failure.message));
    });
    print_skipped(&found.skipped, style);
    let (tools, file) = (asked.tools.len(), folder.join(POLICY));
    print::note(format!(
        "{tools} tools in `{}`, {held} of them held; read it line by line before you rely on it: \
         `bakerst policy lint --config {}`",
        file.display(),
        file.display()
    ));
}
