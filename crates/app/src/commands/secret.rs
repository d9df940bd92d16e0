//! `bakerst secret`: the sealed secrets that configurations may name.

use std::io::{IsTerminal as _, Read as _};
use std::sync::PoisonError;

use bakerst_model::{Action, Actor, Code, Detail, Escaped, Event, Secret};
use serde_json::json;

use crate::cli::{Global, SecretCommand};
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use crate::station::{self, Places, Station, is_our_secret, secrets_failure};

/// The longest secret that is read.
const SECRET_BYTES_MAX: u64 = 64 << 10;

pub(crate) fn run(command: &SecretCommand, global: &Global) -> Outcome {
    let places = Places::of(global)?;
    match command {
        SecretCommand::List => {
            let secrets = places.secrets()?;
            let names: Vec<_> = secrets.names().filter(|name| !is_our_secret(name)).collect();
            match global.json {
                true => print::json(&names),
                false => names.into_iter().for_each(print::line),
            }
            Ok(Exit::Ok)
        }
        SecretCommand::Set { name } => {
            refuse_ours(name)?;
            let secret = read()?;
            change(&places, global, name, Action::SecretUpdated, |station| {
                let mut secrets = station.secrets.lock().unwrap_or_else(PoisonError::into_inner);
                secrets.put(name, secret).map_err(|e| secrets_failure(&e))
            })?;
            said(global, name, "sealed");
            Ok(Exit::Ok)
        }
        SecretCommand::Remove { name } => {
            refuse_ours(name)?;
            change(&places, global, name, Action::SecretRemoved, |station| {
                let mut secrets = station.secrets.lock().unwrap_or_else(PoisonError::into_inner);
                match secrets.remove(name).map_err(|e| secrets_failure(&e))? {
                    true => Ok(()),
                    false => {
                        let message = format!("there is no sealed secret `{}`", Escaped(name));
                        Err(Failure::new(Exit::Refused, Code::NoSuchSecret, message))
                    }
                }
            })?;
            said(global, name, "removed");
            Ok(Exit::Ok)
        }
    }
}

fn said(global: &Global, name: &str, what: &str) {
    match global.json {
        true => print::json(&json!({ "name": name, "state": what })),
        false => print::line(format!("{what} {name}")),
    }
}

fn refuse_ours(name: &str) -> Result<(), Failure> {
    match is_our_secret(name) {
        true => {
            let message = format!("`{}` is a key of Baker Street's own", Escaped(name));
            Err(Failure::usage(Code::NoSuchSecret, message))
        }
        false => Ok(()),
    }
}

/// What is piped in, without the line end at its end.
fn read() -> Result<Secret, Failure> {
    let unusable = |why: String| Failure::usage(Code::NoSuchSecret, why);
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(unusable("the secret is read from standard input: pipe it in".to_owned()));
    }
    let mut bytes = Vec::new();
    let read = input.lock().take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|e| unusable(format!("standard input cannot be read: {e}")))?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(unusable(format!("a secret is at most {SECRET_BYTES_MAX} bytes long")));
    }
    bytes.truncate(bytes.trim_ascii_end().len());
    match bytes.is_empty() {
        true => Err(unusable("the secret is empty".to_owned())),
        false => Ok(Secret::new(bytes)),
    }
}

/// Changes the sealed secrets, and says so in the log. Servers read them when they start, so none
/// may run.
fn change(
    places: &Places,
    global: &Global,
    name: &str,
    action: Action,
    how: impl FnOnce(&Station) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let config = Config::load(global.config.as_deref())?;
    station::runtime()?.block_on(async {
        let station = Station::open(places, &config)?;
        how(&station)?;
        let detail = Detail::of(&json!({ "keys": [name] }))
            .map_err(|e| Failure::environment(Code::LogUnwritable, e.to_string()))?;
        let event = Event { action, actor: Actor::system(), conversation: None, detail };
        let recorded = station.ports.journal.append(event).await;
        recorded.map(drop).map_err(|e| Failure::environment(e.code(), e.to_string()))
    })
}
