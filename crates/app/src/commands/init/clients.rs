//! Clients' configurations: where they are, and which servers they start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bakerst_model::Escaped;
use serde::Serialize;
use serde_json::Value;

use crate::clients::{self, Client, Entry, Form};
use crate::commands::wrap;
use crate::failure::Failure;
use crate::servers::Launch;

/// What clients' configurations say.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
    /// The servers that can be asked.
    pub(super) launches: Vec<Launch>,
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
            match launch_of(&entry) {
                Ok(launch) => self.launches.push(launch),
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
        let mut kept: Vec<Launch> = Vec::new();
        for launch in std::mem::take(&mut self.launches) {
            match kept.iter().find(|other| other.name == launch.name) {
                None => kept.push(launch),
                Some(other) if other.command == launch.command => {}
                Some(_) => self.skipped.push(Skipped {
                    server: Escaped(&launch.name).to_string(),
                    why: "another client starts another server by this name".to_owned(),
                }),
            }
        }
        self.launches = kept;
        let mut seen = BTreeSet::new();
        self.skipped.retain(|skipped| seen.insert((skipped.server.clone(), skipped.why.clone())));
    }
}

fn launch_of(entry: &Entry) -> Result<Launch, String> {
    let said = |name: &str| entry.field(name).map(|field| &field.value);
    if entry.fields.is_none() {
        return Err("its entry is no object".to_owned());
    }
    if ["disabled", "isDisabled"].iter().any(|name| said(name) == Some(&Value::Bool(true)))
        || said("enabled") == Some(&Value::Bool(false))
    {
        return Err("it is switched off".to_owned());
    }
    if entry.text("command").is_none() {
        let remote = ["url", "serverUrl", "httpUrl"].iter().any(|name| said(name).is_some());
        return Err(match remote {
            true => "it is behind an address; hand in its list with `bakerst policy pin --tools`"
                .to_owned(),
            false => "it has no command".to_owned(),
        });
    }
    let command = entry.command().ok_or("its arguments are not all texts")?;
    // A server that is led through us already is asked itself.
    let command = wrap::behind(&command).map(<[String]>::to_vec).unwrap_or(command);
    let variables = variables_of(said("env"))?;
    let unknown = |text: &&String| text.contains("${");
    if let Some(text) = command.iter().chain(variables.values()).find(unknown) {
        let from = text.find("${").unwrap_or_default();
        let shown: String = text.get(from..).unwrap_or_default().chars().take(40).collect();
        return Err(format!("only its client knows what `{}` stands for", Escaped(&shown)));
    }
    let own = entry.text("cwd").map(PathBuf::from);
    let folder = own.or_else(|| entry.project().filter(|folder| folder.is_dir()));
    Ok(Launch { name: entry.name().to_owned(), command, variables, folder })
}

fn variables_of(said: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    let Some(given) = said.filter(|env| !env.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let given = given.as_object().ok_or("its variables are no object")?;
    let read = given.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return Err(format!("its variable `{}` is no text", Escaped(name))),
        };
        let odd = name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
        if odd {
            Err(format!("its variable `{}` cannot be one", Escaped(name)))
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
        let launches = found
            .launches
            .iter()
            .map(|launch| format!("{}: {}", launch.name, launch.command.join(" ")));
        let skipped =
            found.skipped.iter().map(|Skipped { server, why }| format!("{server} skipped: {why}"));
        assert_eq!(launches.chain(skipped).collect::<Vec<_>>(), want);
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
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        check(
            "x.json",
            &json!({"mcpServers": {
                "far": {"url": "https://x"}, "off": {"command": "x", "disabled": true}, "none": {},
                "input": {"command": "x", "args": ["${input:key}"]}, "odd": {"command": "x", "args": [1]},
            }}).to_string(),
            &[
                "far skipped: it is behind an address; hand in its list with `bakerst policy pin --tools`",
                "input skipped: only its client knows what `${input:key}` stands for",
                "none skipped: it has no command",
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
