//! Clients' configurations: where they are, and which servers they start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bakerst_model::json::{self, DEPTH_CEILING};
use bakerst_model::{Code, Escaped};
use serde::Serialize;
use serde_json::{Map, Value};

use super::comments::blanked;
use crate::failure::Failure;
use crate::servers::Launch;

/// The longest configuration that is read; Claude Code keeps its history in one.
const BYTES_MAX: usize = 64 << 20;
/// The most servers that one configuration may name.
const SERVERS_MAX: usize = 1_000;

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

/// The files that are looked for in somebody's home. Those of Claude Desktop and VS Code are where
/// the system keeps such files.
const AT_HOME: [&str; 7] = [
    ".claude.json",
    ".config/Claude/claude_desktop_config.json",
    "Library/Application Support/Claude/claude_desktop_config.json",
    ".cursor/mcp.json",
    ".config/Code/User/mcp.json",
    "Library/Application Support/Code/User/mcp.json",
    ".codex/config.toml",
];

/// The files that are looked for in the current folder.
const HERE: [&str; 3] = [".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json"];

/// Reads the configurations that are named, else those that are found.
pub(super) fn find(named: &[PathBuf]) -> Result<Found, Failure> {
    let mut found = Found::default();
    if !named.is_empty() {
        for file in named {
            found.read(file)?;
        }
    } else {
        let home = crate::paths::home();
        let at_home = AT_HOME.iter().map(|file| home.join(file));
        for file in at_home.chain(HERE.iter().map(PathBuf::from)).filter(|file| file.is_file()) {
            found.read(&file)?;
        }
    }
    found.tell_apart();
    Ok(found)
}

impl Found {
    fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let unusable = |why: String| {
            Failure::usage(
                Code::ConfigUnreadable,
                format!("`{}` cannot be used: {why}", file.display()),
            )
        };
        let text = read_text(file).map_err(unusable)?;
        let value = match file.extension().is_some_and(|ending| ending == "toml") {
            true => {
                toml::from_str::<Value>(&text).map_err(|e| unusable(first_line(&e.to_string())))?
            }
            false => {
                // A byte order mark is no part of the text.
                let plain = blanked(text.trim_start_matches('\u{feff}'));
                json::parse(plain.as_bytes(), BYTES_MAX, DEPTH_CEILING)
                    .map_err(|e| unusable(e.to_string()))?
            }
        };
        let Value::Object(root) = value else { return Err(unusable("it is no object".to_owned())) };
        for (servers, folder) in servers_of(&root) {
            if servers.len() > SERVERS_MAX {
                return Err(unusable(format!("it names more than {SERVERS_MAX} servers")));
            }
            servers.iter().for_each(|(name, server)| self.take(name, server, folder.as_deref()));
        }
        self.files.push(file.to_owned());
        Ok(())
    }

    fn take(&mut self, name: &str, server: &Value, folder: Option<&Path>) {
        match launch_of(name, server, folder) {
            Ok(launch) => self.launches.push(launch),
            Err(why) => self.skipped.push(Skipped { server: Escaped(name).to_string(), why }),
        }
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

fn read_text(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(file).map_err(|e| e.to_string())?;
    let read = opened.take(BYTES_MAX as u64 + 1).read_to_string(&mut text);
    read.map_err(|e| e.to_string())?;
    match text.len() > BYTES_MAX {
        true => Err(format!("it is longer than {BYTES_MAX} bytes")),
        false => Ok(text),
    }
}

fn first_line(text: &str) -> String {
    Escaped(text.lines().next().unwrap_or_default()).to_string()
}

/// Every mapping of servers in a configuration, with the folder that its servers run in.
fn servers_of(root: &Map<String, Value>) -> Vec<(&Map<String, Value>, Option<PathBuf>)> {
    // VS Code says `servers`, Codex `mcp_servers`, all others `mcpServers`.
    let names = ["mcpServers", "servers", "mcp_servers"];
    let mut all = Vec::new();
    all.extend(names.iter().filter_map(|name| root.get(*name)?.as_object()).map(|map| (map, None)));
    // Claude Code keeps a project's servers under the project's folder.
    let projects = root.get("projects").and_then(Value::as_object);
    for (folder, project) in projects.into_iter().flatten() {
        let servers = project.get("mcpServers").and_then(Value::as_object);
        all.extend(servers.map(|map| (map, Some(PathBuf::from(folder)))));
    }
    all
}

fn launch_of(name: &str, server: &Value, folder: Option<&Path>) -> Result<Launch, String> {
    let fields = server.as_object().ok_or("its entry is no object")?;
    if ["disabled", "isDisabled"].iter().any(|key| fields.get(*key) == Some(&Value::Bool(true)))
        || fields.get("enabled") == Some(&Value::Bool(false))
    {
        return Err("it is switched off".to_owned());
    }
    let Some(program) = fields.get("command").and_then(Value::as_str) else {
        let remote = ["url", "serverUrl", "httpUrl"].iter().any(|key| fields.contains_key(*key));
        return Err(match remote {
            true => "it is behind an address; hand in its list with `bakerst policy pin --tools`"
                .to_owned(),
            false => "it has no command".to_owned(),
        });
    };
    let mut command = vec![program.to_owned()];
    match fields.get("args") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            for item in items {
                command.push(item.as_str().ok_or("its arguments are not all texts")?.to_owned());
            }
        }
        Some(_) => return Err("its arguments are no list".to_owned()),
    }
    let variables = variables_of(fields)?;
    let unknown = |text: &&String| text.contains("${");
    if let Some(text) = command.iter().chain(variables.values()).find(unknown) {
        let from = text.find("${").unwrap_or_default();
        let shown: String = text.get(from..).unwrap_or_default().chars().take(40).collect();
        return Err(format!("only its client knows what `{}` stands for", Escaped(&shown)));
    }
    let own = fields.get("cwd").and_then(Value::as_str).map(PathBuf::from);
    let folder = own.or_else(|| folder.filter(|folder| folder.is_dir()).map(Path::to_owned));
    Ok(Launch { name: name.to_owned(), command, variables, folder })
}

fn variables_of(fields: &Map<String, Value>) -> Result<BTreeMap<String, String>, String> {
    let Some(given) = fields.get("env").filter(|env| !env.is_null()) else {
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
