//! What stands between one client and one server: every message goes through here, whichever way
//! it came, and is passed on as it is, changed, or answered.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bakerst_guard::{Fate, Permit, Sanitized};
use bakerst_model::{
    AgentId, ApprovalId, Code, ConversationId, IdError, Reason, Recorded, ToolCall, ToolName,
    Untrusted, Verdict, json,
};
use serde_json::{Map, Value};

use super::answer;
use super::eras::words::act_alike;
use super::listing;
use super::media::{self, SetAside};
use super::message::{Id, Kind, Message, Outcome, Request, is_taken_for, read_text};
use super::rounds::{self, Brought};
use super::screening::Shown;
use super::session::Owner;
use super::waiting::Waiting;
use crate::gateway::{Enforcement, Gateway};
use crate::identity::Caller;
use crate::judge::{Asking, Ruled};
use crate::output::Told;
use crate::problem::Problem;

/// One client, and one server that it speaks to.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) caller: Caller,
    /// The server, as the configuration names it.
    pub(crate) server: Arc<str>,
    /// What the calls belong to.
    pub(crate) conversation: ConversationId,
    /// Where the client came in, for the log.
    pub(crate) path: &'static str,
    /// What the server's lists have shown.
    pub(crate) shown: Arc<Shown>,
    /// Whether the client can be told to come again.
    pub(crate) in_rounds: bool,
}

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Onward<T> {
    /// It goes on.
    Pass(T),
    /// It goes nowhere; whoever sent it gets this answer.
    Answer(String),
    /// The same, and may try again after so many seconds.
    Later(String, u64),
}

/// A request that may go to the server, exactly as it was judged. There is no way to the server
/// for a request but by one of these.
#[derive(Debug)]
pub(crate) struct Cleared {
    text: String,
    awaited: Awaited,
}

/// What must be known of a request once it is answered.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// What it is known by.
    pub(crate) id: Id,
    method: String,
    since: Instant,
    leave: Leave,
}

/// By what right a request goes to the server.
#[derive(Debug)]
enum Leave {
    /// The chain allowed this call, and the log has it.
    Permit(Box<Recorded<Permit>>),
    /// It acts on nothing: it lists, looks up or keeps the session going.
    Harmless,
    /// Nothing is judged: consumer mode.
    Unguarded,
}

/// How a request comes.
#[derive(Clone, Copy)]
struct Comes {
    /// How long it may wait for a person.
    wait: Duration,
    /// The request for approval that it comes back for.
    back: Option<ApprovalId>,
    /// Whether its client comes back by itself when it is told to.
    in_rounds: bool,
}

/// A value of a server's, as the client may have it.
struct Cleaned {
    value: Value,
    /// Whether anything in it was replaced.
    changed: bool,
    /// Why it must not be handed out at all.
    withheld: Option<Reason>,
}

impl From<Sanitized> for Cleaned {
    fn from(Sanitized { value, findings, withheld }: Sanitized) -> Self {
        let changed = findings.iter().any(|finding| finding.fate == Fate::Replaced);
        Self { value, changed, withheld }
    }
}

/// The requests that act or fetch, and so go through the chain, by the name under which a policy
/// knows them. A tool goes by its own name.
const JUDGED: [&str; 4] =
    ["resources/read", "prompts/get", "sampling/createMessage", "elicitation/create"];

impl Relay {
    /// A client's request: judged where it acts, before the server hears of it.
    pub(crate) async fn ask(&self, request: &Request<'_>, wait: Duration) -> Onward<Cleared> {
        if self.gateway.enforcement == Enforcement::Off {
            return self.ask_anew(request, Comes { wait, back: None, in_rounds: false }).await;
        }
        match rounds::brought(request, &self.gateway.states, || self.owner()) {
            Brought::Servers => {
                self.ask_anew(request, Comes { wait, back: None, in_rounds: false }).await
            }
            Brought::Nothing => {
                let comes = Comes {
                    wait,
                    back: None,
                    in_rounds: self.in_rounds && rounds::may_have(request),
                };
                self.ask_anew(request, comes).await
            }
            Brought::Back(id, text) => match Message::read(&text) {
                Ok(Message { kind: Kind::Request(request), .. }) => {
                    let comes = Comes {
                        wait,
                        back: Some(id),
                        in_rounds: self.in_rounds && rounds::may_have(&request),
                    };
                    self.ask_anew(&request, comes).await
                }
                _ => Onward::Answer(rounds::forged(&request.id())),
            },
            Brought::Forged => Onward::Answer(rounds::forged(&request.id())),
        }
    }

    pub(super) fn owner(&self) -> Owner {
        let agent = self.agent();
        Owner::new(&self.caller.principal.name, agent.as_str(), &self.server)
    }

    async fn ask_anew(&self, request: &Request<'_>, comes: Comes) -> Onward<Cleared> {
        let Comes { wait, back, in_rounds } = comes;
        let (id, method) = (request.id(), request.method());
        let since = Instant::now();
        let clear = |id, method: Cow<'_, str>, leave| {
            let awaited = Awaited { id, method: method.into_owned(), since, leave };
            Onward::Pass(Cleared { text: request.text.to_owned(), awaited })
        };
        if self.gateway.enforcement == Enforcement::Off {
            return clear(id, method, Leave::Unguarded);
        }
        let call = match self.call(&method, request) {
            Ok(Some(call)) => call,
            Ok(None) => return clear(id, method, Leave::Harmless),
            Err(why) => {
                return Onward::Answer(answer::error(
                    Some(&id),
                    answer::INVALID_PARAMS,
                    &why,
                    None,
                ));
            }
        };
        let listed =
            (method == "tools/call" && self.shown.hides()).then(|| request.mirrored_name());
        let listed = listed.flatten();
        let waiting = Waiting::new(self.gateway.clone(), self.caller.actor());
        back.into_iter().for_each(|id| waiting.will_wait_for(id));
        let wait = if in_rounds { wait.min(rounds::ROUND) } else { wait };
        let asking = Asking {
            approval: back,
            wait: Some(wait),
            caller: &self.caller,
            path: self.path,
            listed: listed.as_deref().map(|name| self.shown.listed(name)),
            awaits: Some(waiting.approval()),
        };
        let ruled = self.gateway.decide(call, asking).await;
        waiting.over();
        let (decision, seq) = match ruled {
            Ok(Ruled::Permitted(permit)) => {
                let leave = Leave::Permit(Box::new(permit));
                return clear(id, method, leave);
            }
            Ok(Ruled::Asked(asked)) => (asked.get().ruling().decision().clone(), asked.seq()),
            Ok(Ruled::Refused(refusal)) => {
                (refusal.get().ruling().decision().clone(), refusal.seq())
            }
            Err(problem) => {
                let answer = failed(&id, &problem);
                return match problem.retry_after_seconds() {
                    Some(seconds) => Onward::Later(answer, seconds),
                    None => Onward::Answer(answer),
                };
            }
        };
        let pending = decision.approval.filter(|_| in_rounds && decision.verdict == Verdict::Ask);
        let again = pending.and_then(|approval| {
            rounds::come_again(&id, approval, &self.gateway.states, &self.owner())
        });
        if let Some(again) = again {
            return Onward::Answer(again);
        }
        let words = match &*method {
            "tools/call" => answer::not_made(&id, &decision, seq.into(), is_stateless(request)),
            _ => {
                let code = decision.reason.code;
                let words = format!("{code} {}", decision.reason.message);
                answer::error(Some(&id), answer::DECLINED, &words, Some(code))
            }
        };
        Onward::Answer(words)
    }

    /// A server's request: asking the person something, or having the client's model work for it,
    /// are acts like any other.
    pub(crate) async fn ask_client(&self, request: &Request<'_>, wait: Duration) -> Onward<()> {
        // Whatever the server would show or have done is text of its own making.
        match self.ask(request, wait).await {
            Onward::Pass(_) => Onward::Pass(()),
            Onward::Answer(answer) | Onward::Later(answer, _) => Onward::Answer(answer),
        }
    }

    /// What a request amounts to, if it is one that the chain must judge.
    pub(super) fn call(
        &self,
        method: &str,
        request: &Request<'_>,
    ) -> Result<Option<ToolCall>, String> {
        let (tool, input) = match method {
            "tools/call" => {
                let mut params = self.params(request)?;
                let Some(Value::String(name)) = params.remove("name") else {
                    return Err("`name` is missing or no text".to_owned());
                };
                let input = params.remove("arguments").unwrap_or_else(|| Map::new().into());
                (self.tool(&name)?, input)
            }
            method if JUDGED.contains(&method) => {
                let mut params = self.params(request)?;
                params.remove("_meta");
                (self.tool(method)?, Value::Object(params))
            }
            _ => return Ok(None),
        };
        let agent = self.agent();
        Ok(Some(ToolCall {
            conversation: self.conversation.clone(),
            user: self.caller.user().cloned(),
            agent,
            tool,
            input: Untrusted::new(input),
            prompt: None,
        }))
    }

    fn tool(&self, name: &str) -> Result<ToolName, String> {
        let named = self.gateway.policy().name_of(&self.server, name);
        named.ok_or_else(|| "`name` is no name of a tool".to_owned())
    }

    fn agent(&self) -> AgentId {
        self.caller.principal.agent.clone().unwrap_or_else(AgentId::unnamed)
    }

    /// The parameters of a request that is judged: read strictly, since the server reads the very
    /// bytes that we read.
    fn params(&self, request: &Request<'_>) -> Result<Map<String, Value>, String> {
        const KNOWN: [&str; 4] = ["name", "arguments", "uri", "_meta"];
        let Some(raw) = request.params else { return Ok(Map::new()) };
        let limits = &self.gateway.limits;
        let read = json::parse(raw.get().as_bytes(), limits.body_bytes_max, limits.json_depth_max);
        let Value::Object(params) = read.map_err(|error| error.to_string())? else {
            return Err("`params` is no object".to_owned());
        };
        for field in params.keys() {
            if KNOWN.iter().any(|known| is_taken_for(field, known)) {
                return Err("a field of `params` is misspelt".to_owned());
            }
        }
        Ok(params)
    }

    /// The server's answer to a request that was cleared, as the client may have it.
    pub(crate) async fn answered(&self, awaited: &Awaited, message: &Message<'_>) -> String {
        let outcome = match (&awaited.leave, message.kind) {
            (Leave::Permit(_) | Leave::Harmless, Kind::Response { outcome, .. }) => outcome,
            _ => return message.text.to_owned(),
        };
        let (field, raw) = match outcome {
            Outcome::Result(raw) => ("result", raw),
            Outcome::Error(raw) => ("error", raw),
        };
        let limits = &self.gateway.limits;
        let read =
            json::parse(raw.get().as_bytes(), limits.result_bytes_max, limits.json_depth_max);
        let mut value = match read {
            Ok(value) => value,
            Err(error) => {
                let words = format!("the server's answer cannot be read: {error}");
                return answer::error(Some(&awaited.id), answer::INTERNAL, &words, None);
            }
        };
        let mut changed = false;
        if field == "result" {
            if let Some(why) = self.unwanted(&value).await {
                return why(&awaited.id);
            }
            if awaited.method == "tools/list" {
                match Box::pin(self.screened(&mut value)).await {
                    Ok(hid) => changed |= hid,
                    Err(problem) => return failed(&awaited.id, &problem),
                }
            }
            changed |= listing::keep_visible(
                &self.gateway.policy(),
                (&self.agent(), &self.server),
                &awaited.method,
                &mut value,
            );
        }
        match self.cleaned(awaited, value, raw.get().len()).await {
            Ok(Cleaned { withheld: Some(reason), .. }) => {
                let words = format!("{} {}", reason.code, reason.message);
                answer::error(Some(&awaited.id), answer::DECLINED, &words, Some(reason.code))
            }
            Ok(Cleaned { value, changed: cleaned, .. }) if changed || cleaned => {
                let id = awaited.id.as_json();
                format!(r#"{{"jsonrpc":"2.0","id":{id},"{field}":{value}}}"#)
            }
            Ok(_) => message.text.to_owned(),
            Err(problem) => failed(&awaited.id, &problem),
        }
    }

    /// Under revisions without sessions, a server asks by way of a result. What it asks for is
    /// judged like a request of its own; one that must not be is the end of the whole result.
    async fn unwanted(&self, result: &Value) -> Option<impl FnOnce(&Id) -> String + use<>> {
        let wanted = result.get("inputRequests").and_then(Value::as_object)?;
        for request in wanted.values() {
            let text = with_envelope(request);
            let Ok(Message { kind: Kind::Request(request), .. }) = Message::read(&text) else {
                let words = "what the server asks for cannot be read".to_owned();
                return Some(declined(words, None));
            };
            let wait = Duration::from_secs(self.gateway.limits.wait_seconds_max);
            let asked = Box::pin(self.ask_client(&request, wait)).await;
            if let Onward::Answer(answer) | Onward::Later(answer, _) = asked {
                let error: Value = serde_json::from_str(&answer).unwrap_or_default();
                let words = error.pointer("/error/message").and_then(Value::as_str);
                let words = words.unwrap_or("the server asks for what it may not have").to_owned();
                return Some(declined(words, None));
            }
        }
        None
    }

    /// A value of the server's without what the policy takes out.
    async fn cleaned(
        &self,
        awaited: &Awaited,
        mut value: Value,
        bytes: usize,
    ) -> Result<Cleaned, Problem> {
        let dropped =
            media::leave_out(&mut value, self.gateway.policy().media(), &self.gateway.limits);
        let aside = SetAside::of(&mut value);
        let mut cleaned: Cleaned = match &awaited.leave {
            Leave::Permit(permit) => {
                let ruling = permit.get().ruling();
                let told = Told {
                    logged: Some(ruling.logged_input()),
                    decision: Some(permit.seq().into()),
                    duration_ms: Some(awaited.since.elapsed().as_secs_f64() * 1e3),
                    result_bytes: bytes,
                };
                let executed =
                    self.gateway.take_output(ruling.call(), value, told, &self.caller).await?;
                executed.into_inner().sanitized.into()
            }
            Leave::Harmless | Leave::Unguarded => self.cleaned_text(&awaited.method, value)?,
        };
        aside.put_back(&mut cleaned.value);
        cleaned.changed |= dropped;
        Ok(cleaned)
    }

    fn cleaned_text(&self, method: &str, value: Value) -> Result<Cleaned, IdError> {
        let method = ToolName::parse(method)?;
        Ok(self.gateway.policy().sanitize(&method, value, None).into())
    }

    /// What a server tells without being asked: progress, a line of its log, a change.
    pub(crate) fn told(&self, message: &Message<'_>) -> Option<String> {
        let Kind::Notification { method, params: Some(raw) } = message.kind else {
            return Some(message.text.to_owned());
        };
        if self.gateway.enforcement == Enforcement::Off {
            return Some(message.text.to_owned());
        }
        let limits = &self.gateway.limits;
        let read =
            json::parse(raw.get().as_bytes(), limits.result_bytes_max, limits.json_depth_max);
        // What cannot be read, or must not be passed on, is dropped; nobody waits for it.
        let cleaned = self.cleaned_text(&read_text(method)?, read.ok()?).ok()?;
        match cleaned {
            Cleaned { withheld: Some(_), .. } => None,
            Cleaned { value, changed: true, .. } => {
                let method = method.get();
                Some(format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{value}}}"#))
            }
            Cleaned { changed: false, .. } => Some(message.text.to_owned()),
        }
    }
}

impl Cleared {
    /// The message.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same request in other words, unless those would have the server do anything else.
    pub(super) fn reworded(self, text: String) -> Option<Self> {
        act_alike(&self.text, &text).then_some(Self { text, ..self })
    }

    /// What is awaited once it is sent.
    pub(crate) fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// The message, and what is awaited once it is sent.
    pub(crate) fn into_parts(self) -> (String, Awaited) {
        (self.text, self.awaited)
    }
}

impl Awaited {
    /// What was asked for.
    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// What was asked on another connection, and is answered late.
    pub(crate) fn resumed(id: Id) -> Self {
        Self { id, method: "resumed".into(), since: Instant::now(), leave: Leave::Harmless }
    }
}

/// Whether a request stands for itself, as newer revisions have it.
pub(crate) fn is_stateless(request: &Request<'_>) -> bool {
    stated_revision(request).is_some()
}

/// The revision that a request states in its own body.
pub(crate) fn stated_revision<'m>(request: &Request<'m>) -> Option<Cow<'m, str>> {
    #[derive(serde::Deserialize)]
    struct Meta<'m> {
        #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
        revision: Option<&'m serde_json::value::RawValue>,
    }
    request.meta::<Meta<'m>>()?.revision.and_then(read_text)
}

/// A request inside a result, as a message of its own.
fn with_envelope(request: &Value) -> String {
    let mut message = Map::new();
    message.insert("jsonrpc".into(), "2.0".into());
    message.insert("id".into(), 0.into());
    for field in ["method", "params"] {
        if let Some(value) = request.get(field) {
            message.insert(field.into(), value.clone());
        }
    }
    Value::Object(message).to_string()
}

fn declined(words: String, code: Option<Code>) -> impl FnOnce(&Id) -> String + use<> {
    move |id| answer::error(Some(id), answer::DECLINED, &words, code)
}

pub(super) fn failed(id: &Id, problem: &Problem) -> String {
    let words = format!("{} {}", problem.code(), problem.message());
    answer::error(Some(id), answer::INTERNAL, &words, Some(problem.code()))
}
