//! `bakerst wrap CLIENT`: leads every tool server of a client through Baker Street, by way of the
//! client's own configuration. `unwrap` gives it back as it was.
//!
//! The configuration is somebody else's file: nothing changes without `--apply`, what was there is
//! kept first, and only the words that say what is started change.

mod edit;
mod keep;
mod show;
pub(super) mod undo;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bakerst_model::{Code, Escaped};
use serde::Serialize;
use serde_json::json;

use crate::cli::{Global, Wrap};
use crate::clients::{self, Client, Form};
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::servers;

use edit::Rewritten;
use keep::Copies;

/// How a client is to be led.
#[derive(Debug)]
struct How {
    client: Client,
    /// The program that it starts.
    program: String,
    /// What that is told beside the server's name.
    options: Vec<String>,
    /// Where we listen.
    address: SocketAddr,
    /// The servers behind us that have an address: name and address.
    servers: Vec<(String, String)>,
}

/// One server that is reached another way.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Change {
    server: String,
    before: Vec<String>,
    after: Vec<String>,
}

/// One server that stays as it is, though it should not.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Left {
    server: String,
    why: String,
}

/// What is to become of one file.
struct Plan {
    file: PathBuf,
    /// What it holds.
    text: String,
    /// What it is to hold.
    new: String,
    rewritten: Rewritten,
}

/// The server's own command, where a command leads it through us already.
pub(super) fn behind(command: &[String]) -> Option<&[String]> {
    let (program, arguments) = command.split_first()?;
    let is_us = Path::new(program).file_name().is_some_and(|name| name == "bakerst")
        || arguments.get(1).is_some_and(|word| word == "--name");
    if !is_us || arguments.first()? != "mcp" {
        return None;
    }
    let end = arguments.iter().position(|word| word == "--")?;
    arguments.get(end + 1..).filter(|inner| !inner.is_empty())
}

pub(crate) fn run(wrap: &Wrap, global: &Global) -> Outcome {
    let how = How::of(wrap, global)?;
    let copies = copies(global);
    let mut plans = Vec::new();
    for file in files(wrap.client, &wrap.client_config)? {
        let text = clients::text_of(&file)?;
        let rewritten = edit::wrap(&text, Form::of(&file), &how);
        let rewritten = rewritten.map_err(|why| clients::unusable(&file, &why))?;
        plans.push(Plan { new: rewritten.text(&text), file, text, rewritten });
    }
    if wrap.apply {
        for plan in plans.iter().filter(|plan| plan.changes()) {
            let before = before(plan, &copies)?;
            copies.keep(&plan.file, &before, &plan.new)?;
            plan.write()?;
        }
    }
    report(&plans, wrap.client, wrap.apply, &copies, global);
    if !global.json && plans.iter().flat_map(|plan| &plan.rewritten.changes).any(is_address) {
        print::note("the client needs a token of ours in `BAKERST_TOKEN`: `bakerst token create`");
    }
    let complete = plans.iter().all(|plan| plan.rewritten.left.is_empty());
    Ok(if complete || !wrap.apply { Exit::Ok } else { Exit::Refused })
}

fn is_address(change: &Change) -> bool {
    change.after.len() == 1
}

/// What a file held before we first changed it.
fn before(plan: &Plan, copies: &Copies) -> Result<String, Failure> {
    let copy = copies.find(&plan.file, &plan.text);
    match copy {
        Some(copy) if copy.is_current => Ok(copy.text),
        copy => {
            let known = copy.as_ref().map(|copy| copy.text.as_str());
            let given_back = edit::unwrap(&plan.text, Form::of(&plan.file), known);
            let given_back = given_back.map_err(|why| clients::unusable(&plan.file, &why))?;
            Ok(given_back.text(&plan.text))
        }
    }
}

fn copies(global: &Global) -> Copies {
    Copies::in_state(&global.state.clone().unwrap_or_else(crate::paths::state_folder))
}

/// The files that are meant, by their true names.
fn files(client: Client, named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let meant = if named.is_empty() { client.files() } else { named.to_vec() };
    if meant.is_empty() {
        let message = format!("no configuration of `{}` was found", client.as_str());
        let mut failure = Failure::usage(Code::ConfigUnreadable, message);
        failure.hint = Some("name one with `--client-config`".to_owned());
        return Err(failure);
    }
    let true_name =
        |file: PathBuf| file.canonicalize().map_err(|e| clients::unusable(&file, &e.to_string()));
    meant.into_iter().map(true_name).collect()
}

impl How {
    fn of(wrap: &Wrap, global: &Global) -> Result<Self, Failure> {
        let program = match &wrap.program {
            Some(named) => named.clone(),
            None => own_path()?,
        };
        let mut options = Vec::new();
        if let Some(agent) = &wrap.agent {
            options.extend(["--agent".to_owned(), agent.clone()]);
        }
        // Clients start servers with variables of their own.
        let state = global.state.clone().unwrap_or_else(crate::paths::state_folder);
        if state != crate::paths::usual_state_folder() {
            let state = std::path::absolute(&state).unwrap_or(state);
            options.extend(["--state".to_owned(), state.display().to_string()]);
        }
        let config = Config::load(global.config.as_deref())?;
        let (address, servers) = (config.listen.address, config.gateway.addresses());
        Ok(Self { client: wrap.client, program, options, address, servers })
    }

    /// What our program is told, up to the server's own command.
    fn arguments(&self, server: &str) -> Vec<String> {
        let named = ["mcp", "--name", server].map(str::to_owned);
        named.into_iter().chain(self.options.iter().cloned()).chain(["--".to_owned()]).collect()
    }

    fn server_at(&self, url: &str) -> Option<&str> {
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        let found = self.servers.iter().find(|(_, known)| bare(known) == bare(url));
        found.map(|(name, _)| name.as_str())
    }
}

fn own_path() -> Result<String, Failure> {
    let path = std::env::current_exe().ok();
    path.and_then(|path| Some(path.to_str()?.to_owned())).ok_or_else(|| {
        let message = "it cannot be told where this program is; name it with `--program`";
        Failure::environment(Code::ServerNotStarted, message)
    })
}

impl Plan {
    fn changes(&self) -> bool {
        self.new != self.text
    }

    /// Replaces the file, unless somebody else has in the meantime.
    fn write(&self) -> Result<(), Failure> {
        if clients::text_of(&self.file)? != self.text {
            let why = "its client has changed it just now; close the client and try again";
            return Err(clients::unusable(&self.file, why));
        }
        crate::files::replace_like(&self.file, &self.new)
    }
}

fn report(plans: &[Plan], client: Client, applied: bool, copies: &Copies, global: &Global) {
    let secrets = servers::secrets();
    let secrets = secrets.as_ref();
    let clean = |words: &[String]| servers::without_secrets(words, secrets);
    if global.json {
        let files = plans.iter().map(|plan| {
            let Rewritten { changes, left, edits } = &plan.rewritten;
            let changes = changes.iter().map(|change| {
                let Change { server, before, after } = change;
                json!({ "server": server, "before": clean(before), "after": clean(after) })
            });
            json!({
                "file": plan.file,
                "copy": copies.of(&plan.file),
                "changed": changes.collect::<Vec<_>>(),
                "left": left,
                "diff": show::diff(&plan.text, edits, secrets),
            })
        });
        let files: Vec<_> = files.collect();
        print::json(&json!({ "client": client, "files": files, "applied": applied }));
        return;
    }
    let style = Style::for_stdout();
    for plan in plans {
        print::line(style.bold(&plan.file.display().to_string()));
        for line in show::diff(&plan.text, &plan.rewritten.edits, secrets) {
            print::line(match line.as_bytes().first() {
                Some(b'-') => style.red(&line),
                Some(b'+') => style.green(&line),
                _ => style.dim(&line),
            });
        }
        if !plan.changes() {
            print::line(style.dim("nothing changes here"));
        }
        for Left { server, why } in &plan.rewritten.left {
            print::line(format!("{}  {}  {why}", style.yellow("left"), Escaped(server)));
        }
    }
    let changes = plans.iter().any(Plan::changes);
    match (changes, applied) {
        (true, false) => print::note("nothing was changed; `--apply` does it"),
        (true, true) => print::note("done; the client takes it up when it is started again"),
        (false, _) => {}
    }
}
