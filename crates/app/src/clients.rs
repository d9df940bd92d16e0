//! Clients of tool servers: which we know, where each keeps its configuration, and which servers
//! it names there.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bakerst_model::json::{self, DEPTH_CEILING};
use bakerst_model::{Code, Escaped};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

mod comments;
mod entries;

pub(crate) use entries::{Entry, Field};

/// The longest configuration that is read; Claude Code keeps its history in one.
const BYTES_MAX: usize = 64 << 20;
/// The most servers that one configuration may name.
const SERVERS_MAX: usize = 1_000;
/// VS Code says `servers`, Codex `mcp_servers`, all others `mcpServers`.
const KEYS: [&str; 3] = ["mcpServers", "servers", "mcp_servers"];
/// Claude Code keeps a project's servers under the project's folder.
const PROJECTS: &str = "projects";

/// A client that we know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Client {
    /// Claude Code.
    ClaudeCode,
    /// Claude Desktop.
    ClaudeDesktop,
    /// Cursor.
    Cursor,
    /// Visual Studio Code.
    Vscode,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
}

impl Client {
    /// Every client, in the order in which their configurations are looked for.
    pub(crate) const ALL: [Self; 6] = [
        Self::ClaudeCode,
        Self::ClaudeDesktop,
        Self::Cursor,
        Self::Vscode,
        Self::Codex,
        Self::Gemini,
    ];

    /// Its files in somebody's home. Those of Claude Desktop and VS Code are where the system keeps
    /// such files.
    const fn at_home(self) -> &'static [&'static str] {
        match self {
            Self::ClaudeCode => &[".claude.json"],
            Self::ClaudeDesktop => &[
                ".config/Claude/claude_desktop_config.json",
                "Library/Application Support/Claude/claude_desktop_config.json",
            ],
            Self::Cursor => &[".cursor/mcp.json"],
            Self::Vscode => {
                &[".config/Code/User/mcp.json", "Library/Application Support/Code/User/mcp.json"]
            }
            Self::Codex => &[".codex/config.toml"],
            Self::Gemini => &[".gemini/settings.json"],
        }
    }

    /// Its files in the folder of a project.
    const fn in_project(self) -> &'static [&'static str] {
        match self {
            Self::ClaudeCode => &[".mcp.json"],
            Self::ClaudeDesktop => &[],
            Self::Cursor => &[".cursor/mcp.json"],
            Self::Vscode => &[".vscode/mcp.json"],
            Self::Codex => &[".codex/config.toml"],
            Self::Gemini => &[".gemini/settings.json"],
        }
    }

    /// Its configurations that are there: in somebody's home, then in the current folder.
    pub(crate) fn files(self) -> Vec<PathBuf> {
        let home = crate::paths::home();
        let at_home = self.at_home().iter().map(|file| home.join(file));
        let mut files: Vec<PathBuf> = Vec::new();
        for file in at_home.chain(self.in_project().iter().map(PathBuf::from)) {
            // At home, a project's file and one's own are the same.
            let is_new = || !files.iter().any(|other| is_same(other, &file));
            if file.is_file() && is_new() {
                files.push(file);
            }
        }
        files
    }

    /// As people write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::ClaudeDesktop => "claude-desktop",
            Self::Cursor => "cursor",
            Self::Vscode => "vscode",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// JSON, with comments and commas too many.
    Json,
    /// TOML.
    Toml,
}

impl Form {
    /// The form of a file, by its name.
    pub(crate) fn of(file: &Path) -> Self {
        match file.extension().is_some_and(|ending| ending == "toml") {
            true => Self::Toml,
            false => Self::Json,
        }
    }

    /// Everything that a text says.
    pub(crate) fn read(self, text: &str) -> Result<Value, String> {
        let value = match self {
            Self::Toml => toml::from_str::<Value>(text).map_err(|e| first_line(&e.to_string()))?,
            Self::Json => json::parse(plain(text).as_bytes(), BYTES_MAX, DEPTH_CEILING)
                .map_err(|e| e.to_string())?,
        };
        match value.is_object() {
            true => Ok(value),
            false => Err("it is no object".to_owned()),
        }
    }

    /// The servers that a text names, with their places in it.
    pub(crate) fn entries(self, text: &str) -> Result<Vec<Entry>, String> {
        let value = self.read(text)?;
        let entries = match self {
            Self::Toml => entries::of_toml(text, &value),
            Self::Json => entries::of_json(&plain(text)),
        }?;
        match entries.len() > SERVERS_MAX {
            true => Err(format!("it names more than {SERVERS_MAX} servers")),
            false => Ok(entries),
        }
    }
}

/// JSON without what editors allow beside it. Nothing moves, so places stay what they were.
fn plain(text: &str) -> String {
    match text.strip_prefix('\u{feff}') {
        // A byte order mark is no part of the text.
        Some(rest) => format!("   {}", comments::blanked(rest)),
        None => comments::blanked(text),
    }
}

fn first_line(text: &str) -> String {
    Escaped(text.lines().next().unwrap_or_default()).to_string()
}

/// What a configuration holds, as it is.
pub(crate) fn text_of(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let opened = File::open(file).map_err(|e| unusable(file, &e.to_string()))?;
    let read = opened.take(BYTES_MAX as u64 + 1).read_to_string(&mut text);
    read.map_err(|e| unusable(file, &e.to_string()))?;
    match text.len() > BYTES_MAX {
        true => Err(unusable(file, &format!("it is longer than {BYTES_MAX} bytes"))),
        false => Ok(text),
    }
}

/// A client's configuration cannot be used.
pub(crate) fn unusable(file: &Path, why: &str) -> Failure {
    let message = format!("`{}` cannot be used: {why}", file.display());
    Failure::usage(Code::ConfigUnreadable, message)
}
