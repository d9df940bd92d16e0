//! The ways that a call can come.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cases::{NOW, policy};
use super::structured;
use crate::issued;
use crate::mcp::{EVENTS, JSON, Wrapper, call, fate, messages};
use crate::support::{Client, House, Plan, Reply, Seen, Upstream, said};

const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const STATELESS: &str = "2026-07-28";

/// How a call comes, and how it is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// Asked about before it is made, and handed in after.
    Hook { on: On },
    /// The MCP door over HTTP.
    Http { revision: &'static str, events: bool, on: On },
    /// The address of all servers.
    All { events: bool },
    /// The MCP door over a server's pipes.
    Pipes { revision: &'static str },
}

/// What HTTP goes over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum On {
    Tcp,
    Socket,
    /// HTTP/2 over TCP.
    Two,
}

impl Way {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let hooks = [On::Tcp, On::Socket, On::Two].map(|on| Self::Hook { on });
        let revisions = || LEGACY.into_iter().chain([STATELESS]);
        // The first revision has another transport over HTTP, which is not built.
        let http = revisions().skip(1).flat_map(|revision| {
            let on_tcp = [false, true].map(|events| Self::Http { revision, events, on: On::Tcp });
            let newer = Self::Http { revision, events: revision == STATELESS, on: On::Two };
            on_tcp.into_iter().chain([newer])
        });
        let all = [false, true].map(|events| Self::All { events });
        hooks
            .into_iter()
            .chain(http)
            .chain(all)
            .chain(revisions().map(|revision| Self::Pipes { revision }))
    }

    /// Whether a tool of this name can be called like that: among those of all servers, names that not
    /// every client would take are others.
    pub(super) fn calls(self, tool: &str) -> bool {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        !matches!(self, Self::All { .. }) || tool.bytes().all(is_plain)
    }

    /// Whether a caller can be known to act for a person.
    pub(super) fn knows_users(self) -> bool {
        !matches!(self, Self::Pipes { .. })
    }
}

/// What became of a call, as its caller sees it.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Made {
    /// It reached its tool.
    Yes,
    /// A person was asked.
    Asked,
    /// It was refused, with this code.
    No(String),
}

/// A house, and a server of the Model Context Protocol behind it that answers what it is told to.
pub(super) struct Street {
    pub(super) house: House,
    server: Upstream,
    tokens: Vec<(&'static str, String)>,
    answer: Arc<Mutex<Value>>,
    events: Arc<AtomicBool>,
}

impl Street {
    pub(super) async fn open(plan: Plan, tokens: Vec<(&'static str, String)>) -> Self {
        let house = plan.open().await;
        issued::trust(&house);
        let (answer, events) = (Arc::<Mutex<Value>>::default(), Arc::<AtomicBool>::default());
        let (result, as_events) = (answer.clone(), events.clone());
        let server = Upstream::start(move |seen: &Seen| {
            let id = &seen.message()["id"];
            let result = result.lock().unwrap().clone();
            let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
            in_one_form(&answer, as_events.load(Ordering::SeqCst))
        })
        .await;
        house.put_all_behind(&[("files", &server, None), ("new", &server, Some(STATELESS))]);
        Self { house, server, tokens, answer, events }
    }

    /// Puts a policy in force.
    pub(super) fn obey(&self, text: &str) {
        self.house.gateway.replace_policy(policy(text).unwrap_or_else(|fault| panic!("{fault}")));
    }

    /// Somebody who comes this way.
    pub(super) async fn caller(
        &self,
        way: Way,
        conversation: &str,
        agent: Option<&'static str>,
        user: Option<&'static str>,
    ) -> Caller {
        let token = match (user, agent) {
            (Some(user), agent) => issued::good_token(user, agent, NOW),
            (None, None) => self.house.agent.clone(),
            (None, Some(agent)) => {
                let token = self.tokens.iter().find(|(name, _)| *name == agent);
                token.unwrap().1.clone()
            }
        };
        let line = match way {
            Way::All { .. } => Line::Http(Client::tcp(self.house.address, Some(&token)).await),
            Way::Hook { on } | Way::Http { on, .. } => Line::Http(match on {
                On::Tcp => Client::tcp(self.house.address, Some(&token)).await,
                On::Socket => Client::unix(&self.house.hook, Some(&token)).await,
                On::Two => Client::two(self.house.address, Some(&token)).await,
            }),
            Way::Pipes { revision } => {
                let mut hello = json!({ "server": "files", "conversation": conversation });
                hello
                    .as_object_mut()
                    .unwrap()
                    .extend(agent.map(|agent| ("agent".to_owned(), agent.into())));
                let mut wrapper = Wrapper::as_said(&self.house, &hello).await;
                if LEGACY.contains(&revision) {
                    shake_hands(&mut wrapper, revision).await;
                }
                Line::Pipes(wrapper)
            }
        };
        Caller { way, conversation: conversation.to_owned(), user, line }
    }
}

fn in_one_form(answer: &Value, as_events: bool) -> Response<Body> {
    match as_events {
        true => said(200, EVENTS, format!("data: {answer}\n\n")),
        false => said(200, JSON, answer.to_string()),
    }
}

async fn shake_hands(wrapper: &mut Wrapper, revision: &str) {
    let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": {} });
    let begin = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    wrapper.from('c', &begin).await;
    assert_eq!(wrapper.next().await, ('s', begin));
    let result = json!({ "protocolVersion": revision, "capabilities": {}, "serverInfo": {} });
    let begun = json!({ "jsonrpc": "2.0", "id": 0, "result": result });
    wrapper.from('s', &begun).await;
    assert_eq!(wrapper.next().await, ('c', begun));
}

enum Line {
    Http(Client),
    Pipes(Wrapper),
}

/// Somebody who makes calls one way.
pub(super) struct Caller {
    way: Way,
    conversation: String,
    user: Option<&'static str>,
    line: Line,
}

/// What came back of a call.
struct Back {
    answer: Value,
    /// Whether the tool was reached.
    reached: bool,
}

impl Caller {
    /// Makes a call.
    pub(super) async fn call(&mut self, street: &Street, tool: &str, input: &Value) -> Made {
        if matches!(self.way, Way::Hook { .. }) {
            let word = self.hook("before", tool, input, None).await.json();
            let code = word["code"].as_str().unwrap().to_owned();
            return match (&word["allow"], word["action"].as_str()) {
                (Value::Bool(true), Some("approve")) => Made::Yes,
                (Value::Bool(false), Some("escalate")) => Made::Asked,
                (Value::Bool(false), Some("reject")) => Made::No(code),
                _ => panic!("{word}"),
            };
        }
        let Back { answer, reached } = self.made(street, tool, input, &structured(input)).await;
        let made = match &answer["result"] {
            result if result["resultType"] == "input_required" => Made::Asked,
            result if result["isError"] == true => {
                let note = &result["_meta"]["dev.bakerst/decision"];
                match note["action"] == "escalate" {
                    true => Made::Asked,
                    false => Made::No(note["code"].as_str().unwrap().to_owned()),
                }
            }
            _ => {
                assert_eq!(fate(&answer), "made", "{answer}");
                Made::Yes
            }
        };
        assert_eq!(reached, made == Made::Yes, "{answer}");
        made
    }

    /// Has a tool return this.
    pub(super) async fn hear(&mut self, street: &Street, tool: &str, output: &str) {
        if matches!(self.way, Way::Hook { .. }) {
            let taken = self.hook("after", tool, &json!({}), Some(&json!(output))).await;
            assert_eq!(taken.status, 200, "{taken:?}");
            return;
        }
        let result = json!({ "content": [{ "type": "text", "text": output }] });
        assert!(self.made(street, tool, &json!({}), &result).await.reached, "{tool}");
    }

    /// What is left of what a tool returns; or the code of why nothing is.
    pub(super) async fn result(
        &mut self,
        street: &Street,
        tool: &str,
        value: &Value,
    ) -> Result<Value, String> {
        let code = |value: &Value| value["code"].as_str().unwrap().to_owned();
        if matches!(self.way, Way::Hook { .. }) {
            let given = json!({ "v": value });
            let left = self.hook("after", tool, &json!({}), Some(&given)).await.json();
            return match left.get("withheld") {
                Some(why) => Err(code(why)),
                None => Ok(left["result"]["v"].clone()),
            };
        }
        let Back { answer, .. } = self.made(street, tool, &json!({}), &structured(value)).await;
        match answer.get("error") {
            Some(error) => Err(code(&error["data"])),
            None => Ok(answer["result"]["structuredContent"]["v"].clone()),
        }
    }

    async fn hook(
        &mut self,
        when: &str,
        tool: &str,
        input: &Value,
        result: Option<&Value>,
    ) -> Reply {
        let mut body =
            json!({ "conversationId": self.conversation, "toolName": tool, "toolInput": input });
        let fields = body.as_object_mut().unwrap();
        fields.extend(self.user.map(|user| ("userId".to_owned(), user.into())));
        fields.extend(result.map(|result| ("result".to_owned(), result.clone())));
        let Line::Http(client) = &mut self.line else { panic!("the hook door has no pipes") };
        client.post(&format!("/v1/guard/{when}"), &body).await
    }

    /// Makes a call of a tool that returns this.
    async fn made(&mut self, street: &Street, tool: &str, input: &Value, result: &Value) -> Back {
        let among_all = format!("new__{tool}");
        let (revision, path, tool) = match self.way {
            Way::Http { revision, .. } | Way::Pipes { revision } => (revision, "/mcp/files", tool),
            Way::All { .. } => (STATELESS, "/mcp", among_all.as_str()),
            Way::Hook { .. } => panic!("the hook door makes no calls"),
        };
        let mut message = call(1, tool, input);
        if revision == STATELESS {
            let said = |what: &str| format!("io.modelcontextprotocol/{what}");
            message["params"]["_meta"] = json!({
                said("protocolVersion"): revision, said("clientCapabilities"): {},
                said("clientInfo"): { "name": "table", "version": "1" },
            });
        }
        match &mut self.line {
            Line::Pipes(wrapper) => {
                wrapper.from('c', &message).await;
                let (to, told) = wrapper.next().await;
                if to == 'c' {
                    return Back { answer: told, reached: false };
                }
                assert_eq!(told, message);
                let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": result });
                wrapper.from('s', &answer).await;
                Back { answer: wrapper.next().await.1, reached: true }
            }
            Line::Http(client) => {
                let events =
                    matches!(self.way, Way::Http { events: true, .. } | Way::All { events: true });
                street.events.store(events, Ordering::SeqCst);
                street.answer.lock().unwrap().clone_from(result);
                let before = street.server.count();
                let headers = headers(revision, &self.conversation, tool);
                let body = message.to_string();
                let reply =
                    client.exchange(&format!("POST {path}"), &headers, body.as_bytes()).await;
                let answer = messages(&reply).pop().unwrap_or_else(|| reply.json());
                Back { answer, reached: street.server.count() > before }
            }
        }
    }
}

fn headers(revision: &str, conversation: &str, tool: &str) -> String {
    let mut headers = format!(
        "content-type: {JSON}\r\naccept: {JSON}, {EVENTS}\r\nmcp-protocol-version: {revision}\r\nbakerst-conversation: {conversation}\r\n"
    );
    if revision == STATELESS {
        // A name that is more than plain text is wrapped.
        let name = format!("=?base64?{}?=", STANDARD.encode(tool));
        headers.push_str(&format!("mcp-method: tools/call\r\nmcp-name: {name}\r\n"));
    }
    headers
}
