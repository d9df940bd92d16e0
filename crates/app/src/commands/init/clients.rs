//! Clients' configurations: where they are, and which servers they start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bakerst_model::Escaped;
use serde::Serialize;
use serde_json::Value;

use crate::clients::{self, Client, Entry, Form};
use crate::commands::wrap;
use crate::failure::Failure;
use crate::servers::{Launch, Remote, Server};

/// What clients' configurations say.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
    /// The servers that can be asked.
    pub(super) servers: Vec<Server>,
    /// Those that cannot, and why.
    pub(super) skipped: Vec<Skipped>,
}

/// A server that is not asked.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Skipped {
    pub(super) server: String,
    pub(super) why: String,
}

/// Reads the configurations that are named, else those that are found.
pub(super) fn find(named: &[PathBuf]) -> Result<Found, Failure> {
    let mut found = Found::default();
    if !named.is_empty() {
        for file in named {
            found.read(file)?;
        }
    } else {
        for file in Client::ALL.into_iter().flat_map(Client::files) {
            found.read(&file)?;
        }
    }
    found.tell_apart();
    Ok(found)
}

impl Found {
    fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let text = clients::text_of(file)?;
        let entries = Form::of(file).entries(&text);
        for entry in entries.map_err(|why| clients::unusable(file, &why))? {
            match server_of(&entry) {
                Ok(server) => self.servers.push(server),
                Err(why) => {
                    let server = Escaped(entry.name()).to_string();
                    self.skipped.push(Skipped { server, why });
                }
            }
        }
        self.files.push(file.to_owned());
        Ok(())
    }

    /// The same server in two clients is asked once; of two servers with one name the second is
    /// skipped, since no door could tell their tools apart.
    fn tell_apart(&mut self) {
        let mut kept: Vec<Server> = Vec::new();
        for server in std::mem::take(&mut self.servers) {
            match kept.iter().find(|other| other.name() == server.name()) {
                None => kept.push(server),
                Some(other) if other.is_same(&server) => {}
                Some(_) => self.skipped.push(Skipped {
                    server: Escaped(server.name()).to_string(),
                    why: "another client has another server by this name".to_owned(),
                }),
            }
        }
        self.servers = kept;
        let mut seen = BTreeSet::new();
        self.skipped.retain(|skipped| seen.insert((skipped.server.clone(), skipped.why.clone())));
    }
}

fn server_of(entry: &Entry) -> Result<Server, String> {
    let said = |name: &str| entry.field(name).map(|field| &field.value);
    if entry.fields.is_none() {
        return Err("its entry is no object".to_owned());
    }
    if ["disabled", "isDisabled"].iter().any(|name| said(name) == Some(&Value::Bool(true)))
        || said("enabled") == Some(&Value::Bool(false))
    {
        return Err("it is switched off".to_owned());
    }
    if entry.text("command").is_some() {
        return launch_of(entry).map(Server::Program);
    }
    match ["url", "serverUrl", "httpUrl"].iter().find_map(|name| entry.text(name)) {
        Some(url) => remote_of(entry, url).map(Server::Address),
        None => Err("it has neither a command nor an address".to_owned()),
    }
}

fn remote_of(entry: &Entry, url: &str) -> Result<Remote, String> {
    if entry.text("type") == Some("sse") {
        let why = "it speaks the transport of separate addresses; hand in its list with \
                   `bakerst policy pin --tools`";
        return Err(why.to_owned());
    }
    let elsewhere = ["bearer_token_env_var", "env_http_headers"];
    if elsewhere.iter().any(|name| entry.field(name).is_some()) {
        return Err("only its client knows the variable that its credential is in".to_owned());
    }
    let mut headers = BTreeMap::new();
    for name in ["headers", "http_headers"] {
        headers.extend(texts_of(entry, name, "header")?);
    }
    only_known([url.to_owned()].iter().chain(headers.values()))?;
    Ok(Remote { name: entry.name().to_owned(), url: url.to_owned(), headers, ca_file: None })
}

fn launch_of(entry: &Entry) -> Result<Launch, String> {
    let command = entry.command().ok_or("its arguments are not all texts")?;
    // A server that is led through us already is asked itself.
    let command = wrap::behind(&command).map(<[String]>::to_vec).unwrap_or(command);
    let variables = texts_of(entry, "env", "variable")?;
    only_known(command.iter().chain(variables.values()))?;
    let own = entry.text("cwd").map(PathBuf::from);
    let folder = own.or_else(|| entry.project().filter(|folder| folder.is_dir()));
    Ok(Launch { name: entry.name().to_owned(), command, variables, folder })
}

/// Refuses what a client would fill in before it uses it.
fn only_known<'t>(mut texts: impl Iterator<Item = &'t String>) -> Result<(), String> {
    let Some(text) = texts.find(|text| text.contains("${")) else { return Ok(()) };
    let from = text.find("${").unwrap_or_default();
    let shown: String = text.get(from..).unwrap_or_default().chars().take(40).collect();
    Err(format!("only its client knows what `{}` stands for", Escaped(&shown)))
}

/// A mapping of names to texts; `what` is one of them in words.
fn texts_of(entry: &Entry, field: &str, what: &str) -> Result<BTreeMap<String, String>, String> {
    let given = entry.field(field).map(|field| &field.value);
    let Some(given) = given.filter(|given| !given.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let given = given.as_object().ok_or_else(|| format!("its {what}s are no object"))?;
    let read = given.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return Err(format!("its {what} `{}` is no text", Escaped(name))),
        };
        let odd = name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
        if odd {
            Err(format!("its {what} `{}` cannot be one", Escaped(name)))
        } else {
            Ok((name.clone(), value))
        }
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(file: &str, text: &str) -> Result<Found, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        find(&[path]).map_err(|failure| failure.message)
    }

    #[track_caller]
    fn check(file: &str, text: &str, want: &[&str]) {
        let found = found(file, text).unwrap();
        let servers = found.servers.iter().map(|server| match server {
            Server::Program(launch) => format!("{}: {}", launch.name, launch.command.join(" ")),
            Server::Address(Remote { name, url, headers, .. }) => {
                format!("{name}: {url} {headers:?}")
            }
        });
        let skipped =
            found.skipped.iter().map(|Skipped { server, why }| format!("{server} skipped: {why}"));
        assert_eq!(servers.chain(skipped).collect::<Vec<_>>(), want);
    }

    #[test]
    fn every_clients_own_form_is_read() {
        let servers = json!({"a": {"command": "npx", "args": ["-y", "x"], "env": {"K": "v"}}});
        check(
            "claude.json",
            &json!({"numStartups": 3, "mcpServers": servers}).to_string(),
            &["a: npx -y x"],
        );
        check(
            "x.json",
            &json!({"projects": {"/p": {"mcpServers": servers}}}).to_string(),
            &["a: npx -y x"],
        );
        check(
            "mcp.json",
            "{ // mine\n \"servers\": {\"a\": {\"command\": \"npx\", \"args\": [\"x\",],},}, }",
            &["a: npx x"],
        );
        check(
            "config.toml",
            "model = \"m\"\n[mcp_servers.a]\ncommand = \"npx\"\nargs = [\"x\"]\n[mcp_servers.a.env]\nK = \"v\"\n",
            &["a: npx x"],
        );
        check(
            "mcp.json",
            &json!({"servers": {"far": {"type": "http", "url": "https://x/mcp", "headers": {"X-Key": "k"}}}})
                .to_string(),
            &["far: https://x/mcp {\"X-Key\": \"k\"}"],
        );
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        check(
            "x.json",
            &json!({"mcpServers": {
                "far": {"url": "https://x", "type": "sse"}, "key": {"url": "https://x", "headers": {"A": "${env:T}"}}, "off": {"command": "x", "disabled": true}, "none": {},
                "input": {"command": "x", "args": ["${input:key}"]}, "odd": {"command": "x", "args": [1]},
            }}).to_string(),
            &[
                "far skipped: it speaks the transport of separate addresses; hand in its list with `bakerst policy pin --tools`",
                "input skipped: only its client knows what `${input:key}` stands for",
                "key skipped: only its client knows what `${env:T}` stands for",
                "none skipped: it has neither a command nor an address",
                "odd skipped: its arguments are not all texts",
                "off skipped: it is switched off",
            ],
        );
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_an_error() {
        let why = |file: &str, text: &str| found(file, text).unwrap_err();
        assert!(
            why("x.json", "{\"a\":1,\"a\":2}").ends_with("the key `a` occurs twice in one object")
        );
        assert!(why("x.json", "[]").ends_with("it is no object"));
        assert!(why("x.toml", "a = ").contains("TOML parse error"));
    }
}
