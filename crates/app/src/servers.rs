//! Asks tool servers what they offer, as a client would: starts a program, listens and ends it, or
//! calls an address.
//!
//! A server is a stranger's. What it says is bounded in length, in number and in time, is
//! read strictly, and reaches a person only escaped; whatever it started ends with it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use bakerst_detect::redact::{Kind, Redactor, Rule};
use bakerst_guard::pins::Listing;
use bakerst_model::{Code, Escaped, Limits, Reached, ServerIdentity};
use hyper::Uri;
use serde_json::{Value, json};

use crate::failure::Failure;

mod address;
mod stdio;

use address::HttpTalk;
use stdio::PipeTalk;

/// A tool server, as a client knows it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Server {
    /// A program that is started.
    Program(Launch),
    /// An address that is called.
    Address(Remote),
}

impl Server {
    /// What the client calls it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Program(launch) => &launch.name,
            Self::Address(remote) => &remote.name,
        }
    }

    /// Whether another is reached in the same way, whatever else is said to it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Program(one), Self::Program(other)) => one.command == other.command,
            (Self::Address(one), Self::Address(other)) => one.url == other.url,
            _ => false,
        }
    }

    /// Who it is, for the lock.
    pub(crate) fn identity(&self) -> ServerIdentity {
        match self {
            Self::Program(launch) => launch.identity(),
            Self::Address(remote) => remote.identity(),
        }
    }
}

/// Where a server is, and what it wants to see.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Remote {
    /// What the client calls it.
    pub(crate) name: String,
    /// Its address; `http` or `https`.
    pub(crate) url: String,
    /// Headers that it wants to see; their values may be secrets.
    pub(crate) headers: BTreeMap<String, String>,
    /// The certificates that vouch for it, where those that the system trusts do not.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Remote {
    fn identity(&self) -> ServerIdentity {
        ServerIdentity { name: self.name.clone(), reached: Reached::Url(self.shown_url()) }
    }

    /// The address without what may be secret in it: user, query and fragment.
    pub(crate) fn shown_url(&self) -> String {
        let plain = self.url.split(['?', '#']).next().unwrap_or_default();
        match plain.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                format!("{scheme}://{host}/{path}")
            }
            None => plain.to_owned(),
        }
    }
}

/// What a person would have to type to start a server.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Launch {
    /// What the client calls it.
    pub(crate) name: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Variables beside those of this process; their values may be secrets.
    pub(crate) variables: BTreeMap<String, String>,
    /// The folder that it runs in, unless it is this process's own.
    pub(crate) folder: Option<PathBuf>,
}

impl Launch {
    /// Who it is, for the lock. Variables are left out, and what looks like a secret among the
    /// arguments is taken out: a lock is for everybody to read.
    pub(crate) fn identity(&self) -> ServerIdentity {
        ServerIdentity { name: self.name.clone(), reached: Reached::Command(self.shown_command()) }
    }

    /// The command without secrets. Where those cannot be told, nothing but the program is shown.
    pub(crate) fn shown_command(&self) -> Vec<String> {
        without_secrets(&self.command, secrets().as_ref())
    }
}

/// Whether an address is one of this machine's own, which no network lies before.
pub(crate) fn is_here(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// What finds secrets in words that a person is shown.
pub(crate) fn secrets() -> Option<Redactor> {
    let secrets = Kind::ALL.into_iter().filter(|kind| kind.is_secret()).map(Rule::Kind);
    Redactor::new(&secrets.collect::<Vec<_>>()).ok()
}

/// A command without secrets. Where those cannot be told, nothing but the program is left.
pub(crate) fn without_secrets(command: &[String], secrets: Option<&Redactor>) -> Vec<String> {
    match secrets {
        Some(redactor) => {
            command.iter().map(|word| redactor.redact(word).text.into_owned()).collect()
        }
        None => command.iter().take(1).cloned().collect(),
    }
}

/// The newest version of the protocol in which a conversation is opened by a greeting.
const GREETED_VERSION: &str = "2025-11-25";
/// The version in which every request says for itself who asks.
const UNGREETED_VERSION: &str = "2026-07-28";
/// A server that has more to tell is not telling it to be read.
const PAGES_MAX: usize = 1_000;

/// Messages beside the answer: news, questions of its own, and what is no message at all.
const ASIDES_MAX: usize = 10_000;

/// A conversation with a server.
trait Talk {
    /// Asks, and waits for the answer.
    fn request(&mut self, method: &str, params: &Value) -> Result<Answered, String>;

    /// Tells, and waits for nothing.
    fn notify(&mut self, method: &str) -> Result<(), String>;

    /// Takes note that the server knows no greeting, and wants to hear this version each time.
    fn ungreeted(&mut self, version: &'static str);

    /// What the server complained about last, if it has said anything.
    fn last_words(&mut self) -> String;
}

/// A server's answer.
enum Answered {
    Result(Value),
    /// What it says is wrong, escaped.
    Error(String),
}

/// What a message answers; nothing where it is no answer.
fn answer_of(message: Value) -> Option<Answered> {
    let Value::Object(mut answer) = message else { return None };
    if let Some(result) = answer.remove("result") {
        return Some(Answered::Result(result));
    }
    let why = answer.get("error")?.get("message").and_then(Value::as_str);
    let why: String = why.unwrap_or("no reason").chars().take(200).collect();
    Some(Answered::Error(Escaped(&why).to_string()))
}

/// Asks a server for its tools, all within `patience`; one that is started ends again.
pub(crate) fn list_tools(
    server: &Server,
    patience: Duration,
    limits: &Limits,
) -> Result<Listing, Failure> {
    let name = Escaped(server.name());
    let failed = |why: String| {
        let message = format!("the server `{name}` cannot be asked: {why}");
        Failure::environment(Code::ServerUnusable, message)
    };
    let mut talk: Box<dyn Talk> = match server {
        Server::Program(launch) => {
            Box::new(PipeTalk::start(launch, patience, limits).map_err(failed)?)
        }
        Server::Address(remote) => {
            Box::new(HttpTalk::open(remote, patience, limits).map_err(failed)?)
        }
    };
    let tools = ask(&mut *talk, limits);
    let tools = tools.map_err(|why| failed(format!("{why}{}", talk.last_words())))?;
    Listing::read(Value::Array(tools), limits).map_err(|e| {
        let message = format!("the list of `{name}` cannot be used: {e}");
        Failure::new(crate::failure::Exit::Refused, e.code, message)
    })
}

fn ask(talk: &mut dyn Talk, limits: &Limits) -> Result<Vec<Value>, String> {
    let me = json!({ "name": "bakerst", "version": env!("CARGO_PKG_VERSION") });
    let greeting = json!({
        "protocolVersion": GREETED_VERSION, "capabilities": {}, "clientInfo": me,
    });
    let common = match talk.request("initialize", &greeting)? {
        Answered::Result(_) => {
            talk.notify("notifications/initialized")?;
            json!({})
        }
        // Servers of the newest version know no greeting.
        Answered::Error(_) => {
            talk.ungreeted(UNGREETED_VERSION);
            json!({ "_meta": {
                "io.modelcontextprotocol/protocolVersion": UNGREETED_VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": me,
            }})
        }
    };
    let (mut tools, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..PAGES_MAX {
        let mut params = common.clone();
        if let (Some(cursor), Some(fields)) = (&cursor, params.as_object_mut()) {
            fields.insert("cursor".to_owned(), json!(cursor));
        }
        let mut page = match talk.request("tools/list", &params)? {
            Answered::Result(page) => page,
            Answered::Error(why) => return Err(format!("it refuses `tools/list`: {why}")),
        };
        match page.get_mut("tools").map(Value::take) {
            Some(Value::Array(more)) => tools.extend(more),
            _ => return Err("its answer to `tools/list` has no list under `tools`".to_owned()),
        }
        if tools.len() > limits.tools_max {
            // The list is refused for its length where it is read.
            return Ok(tools);
        }
        let next = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        match next {
            None => return Ok(tools),
            next if next == cursor => {
                return Err("its list of tools goes round in a circle".to_owned());
            }
            next => cursor = next,
        }
    }
    Err(format!("its list of tools has more than {PAGES_MAX} pages"))
}
