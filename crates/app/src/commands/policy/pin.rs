//! `bakerst policy pin`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_guard::glob::Glob;
use bakerst_guard::pins::{Change, Judged, Listing, Lock, LockError, Pins, Screen, State, Wording};
use bakerst_model::json::{self, DEPTH_CEILING};
use bakerst_model::{Code, Escaped, Limits, Reached, ServerIdentity};
use serde_json::{Value, json};

use crate::cli::{Global, Pin};
use crate::config::{Config, lock};
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::servers::{self, Launch, Remote, Server};
use crate::shipping::Keys;
use crate::station::Places;

pub(crate) fn run(pin: &Pin, global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    let path = lock_path(pin, &config);
    let old = match path.exists() {
        true => lock::read(&path, &config.limits).map_err(|e| refused(&path, e))?,
        false => Lock::default(),
    };
    let approve = pin.approve.iter().map(|text| Glob::parse(text)).collect::<Result<Vec<_>, _>>();
    let approve =
        approve.map_err(|why| Failure::usage(Code::ConfigValue, format!("`--approve`: {why}")))?;
    let (server, listing) = listed(pin, &old, &config, global)?;
    let detector = Detector::new(Sensitivity::Medium, &[])
        .map_err(|e| Failure::usage(Code::ConfigValue, e.to_string()))?;
    let wording = config.policy.pins.as_ref().map_or(Wording::Deny, Pins::wording);
    let screen = Screen { lock: &old, wording, detector: &detector };
    let (new, judged) = match pin.check {
        true => (None, screen.judge(server.as_ref(), &listing)),
        false => {
            let (new, judged) = screen.pin(server.as_ref(), &listing, &approve);
            (Some(new), judged)
        }
    };
    if let Some(new) = &new {
        crate::files::replace(&path, &new.to_text())?;
    }
    report(&judged, &path, new.as_ref().unwrap_or(&old), global);
    let hidden = judged.iter().any(|one| matches!(one.state, State::Hidden(_)));
    Ok(if hidden { Exit::Refused } else { Exit::Ok })
}

/// The lock that is named, else the configuration's, else the one in this folder.
fn lock_path(pin: &Pin, config: &Config) -> PathBuf {
    let named = pin.lock.clone().or_else(|| config.lock_file());
    named.unwrap_or_else(|| PathBuf::from("bakerst.lock"))
}

fn refused(path: &Path, LockError { code, message }: LockError) -> Failure {
    Failure::new(Exit::Refused, code, format!("`{}` cannot be used: {message}", path.display()))
}

/// The list to pin, and whose it is.
fn listed(
    pin: &Pin,
    lock: &Lock,
    config: &Config,
    global: &Global,
) -> Result<(Option<ServerIdentity>, Listing), Failure> {
    let limits = &config.limits;
    if let Some(server) = server_of(pin, config, global)? {
        let patience = Duration::from_secs(pin.timeout_seconds);
        let listing = servers::list_tools(&server, patience, limits)?;
        return Ok((Some(server.identity()), listing));
    }
    let Some(file) = &pin.tools else {
        let message = "there is nothing to pin: expected `--tools FILE`, `--url URL`, a server's \
                       command after `--`, or `--server NAME` of `gateway.mcp.servers`";
        return Err(Failure::usage(Code::ToolListUnusable, message));
    };
    let text = read_text(file, limits)?;
    let unusable = |code, why: String| {
        let message = format!("`{}` cannot be used: {why}", file.display());
        Failure::new(Exit::Refused, code, message)
    };
    let value = json::parse(text.as_bytes(), limits.lock_bytes_max, DEPTH_CEILING)
        .map_err(|e| unusable(Code::ToolListUnusable, e.to_string()))?;
    let listing = Listing::read(value, limits).map_err(|e| unusable(e.code, e.message))?;
    let server = pin.server.as_ref().map(|name| {
        let known = lock.servers().find(|server| server.name == *name).cloned();
        known.unwrap_or_else(|| ServerIdentity { name: name.clone(), reached: Reached::Unknown })
    });
    Ok((server, listing))
}

/// The server that is to be asked, where one is: the one that is named here, else the
/// configuration's of this name.
fn server_of(pin: &Pin, config: &Config, global: &Global) -> Result<Option<Server>, Failure> {
    let name = pin.server.clone().unwrap_or_else(|| "server".to_owned());
    if let Some(url) = pin.url.clone() {
        let (headers, ca_file) = (BTreeMap::new(), None);
        return Ok(Some(Server::Address(Remote { name, url, headers, ca_file })));
    }
    let command = pin.command.clone();
    if !command.is_empty() {
        let launch = Launch { name, command, variables: BTreeMap::new(), folder: None };
        return Ok(Some(Server::Program(launch)));
    }
    if pin.server.is_none() || pin.tools.is_some() {
        return Ok(None);
    }
    // Most servers want nothing that is sealed, and need no state folder to be asked.
    let sealed = Places::of(global)?.secrets().ok();
    config.gateway.asked(&name, &Keys { secrets: sealed.as_ref() }).transpose()
}

fn read_text(file: &Path, limits: &Limits) -> Result<String, Failure> {
    if file == Path::new("-") {
        let mut text = String::new();
        let longest = limits.lock_bytes_max as u64 + 1;
        let read = std::io::stdin().lock().take(longest).read_to_string(&mut text);
        return match read {
            Ok(_) => Ok(text),
            Err(e) => {
                Err(Failure::environment(Code::ToolListUnusable, format!("standard input: {e}")))
            }
        };
    }
    lock::read_text(file, limits).map_err(|LockError { message, .. }| {
        let message = format!("`{}` cannot be read: {message}", file.display());
        Failure::environment(Code::ToolListUnusable, message)
    })
}

fn report(judged: &[Judged], path: &Path, lock: &Lock, global: &Global) {
    if global.json {
        let tools = judged.iter().map(as_json);
        print::json(&json!({
            "lock": path, "digest": lock.digest(), "tools": tools.collect::<Vec<_>>(),
        }));
        return;
    }
    let style = Style::for_stdout();
    judged.iter().for_each(|one| print_tool(one, style));
    let held = judged.iter().filter(|one| matches!(one.state, State::Hidden(_))).count();
    let (all, path) = (judged.len(), path.display());
    print::note(match held {
        0 => format!("{} {all} tools are as approved ({path})", style.green("pinned:")),
        held => format!(
            "{} {held} of {all} tools are not as approved, and denied; `--approve NAME` lets one pass ({path})",
            style.yellow("held:")
        ),
    });
}

/// A tool and what became of it, as data.
pub(crate) fn as_json(one: &Judged) -> Value {
    let (state, reason) = match &one.state {
        State::Visible => ("approved", None),
        State::Warned(reason) => ("warned", Some(reason)),
        State::Hidden(reason) => ("held", Some(reason)),
    };
    json!({
        "tool": one.name,
        "state": state,
        "code": reason.map(|reason| reason.code),
        "reason": reason.map(|reason| &reason.message),
        "change": one.change,
    })
}

/// A tool that somebody should look at, and what changed; nothing of one that is as approved.
pub(crate) fn print_tool(one: &Judged, style: Style) {
    let (word, reason) = match &one.state {
        State::Visible if one.change.is_none() => return,
        State::Visible => (style.green("approved"), None),
        State::Warned(reason) => (style.yellow("warned"), Some(reason)),
        State::Hidden(reason) => (style.red("held"), Some(reason)),
    };
    print::line(format!("{word} {}", style.bold(&Escaped(&one.name).to_string())));
    reason.iter().for_each(|reason| print::line(format!("  {} {}", reason.code, reason.message)));
    if let Some(change) = &one.change {
        print_change(change, style);
    }
}

fn print_change(change: &Change, style: Style) {
    change
        .fields
        .iter()
        .for_each(|field| print::line(format!("  {} {field}", style.red("changed"))));
    for words in &change.words {
        print::line(format!("  {}", Escaped(&words.place)));
        words.added.iter().for_each(|run| print::line(format!("    {} {run}", style.green("+"))));
        let marked = |label: &str, found: &[String]| {
            found
                .iter()
                .for_each(|one| print::line(format!("    {} {label}: {one}", style.red("!"))));
        };
        marked("instruction", &words.instructions);
        marked("destination", &words.destinations);
    }
    change.shortened.iter().for_each(|place| {
        print::line(format!("  {} {}", style.dim("shortened"), Escaped(place)));
    });
}
