//! All servers under one address: what they offer is one list each, and what is asked for goes to
//! the one server whose it is, judged as if that had been asked by itself.

mod merge;
pub(super) mod names;
mod nobodys;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use bakerst_model::{Action, Actor, Detail, Event, Journal as _};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::answer;
use super::core::Core;
use super::door::Session;
use super::eras::asking::Asked;
use super::eras::downward;
use super::eras::old_client::{OldClient, begun};
use super::eras::streams::{self, Heard, WORDS_MAX};
use super::eras::upward::Stated;
use super::eras::words::{
    self, Answer, CAPABILITIES, Fields, META, fields, raw, request_in, said_beside,
};
use super::http::Way;
use super::message::{Id, Kind, Message, Request};
use super::outlet::{Gone, Outlet};
use super::relay::{Cleared, stated_revision};
use super::reply::{carried, whole};
use super::revision::Revision;
use super::session::Owner;
use super::upstream::{SESSION, check_mirrored};
use super::visitor::Visitor;
use crate::gateway::Gateway;
use merge::{Place, Said, list_of};

/// A revision that is not spoken here.
const UNSUPPORTED: i64 = -32022;

/// All servers, as one client sees them.
#[derive(Clone)]
pub(crate) struct Aggregate(pub(super) Arc<Visitor>);

/// Answers a visit to all servers.
pub(super) async fn serve(mut visitor: Visitor, method: Method, body: &Bytes) -> Response<Body> {
    // No server can be called this.
    let owner = visitor.owner("*");
    let session = visitor.headers.get(SESSION).map(|name| name.to_str().unwrap_or_default());
    let session = match session.map(|name| (name.to_owned(), visitor.door.session(name, &owner))) {
        None => None,
        Some((name, Some(Session::Ours(stated)))) => Some((name, stated)),
        Some(_) => return super::http::no_such_session(),
    };
    visitor.in_rounds = session.is_none();
    let core = Core::All(Aggregate(Arc::new(visitor)));
    match (session, method) {
        (Some((session, stated)), method) => {
            OldClient { core, stated, owner, session }.serve(&method, body).await
        }
        (None, Method::POST) => post(core, owner, body).await,
        (None, _) => {
            let mut answer = whole(StatusCode::METHOD_NOT_ALLOWED, String::new());
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            answer
        }
    }
}

/// A message outside of any session.
async fn post(core: Core, owner: Owner, body: &[u8]) -> Response<Body> {
    let bad = |id: Option<&Id>, code: i64, words: &str| {
        whole(StatusCode::BAD_REQUEST, answer::error(id, code, words, None))
    };
    let Ok(text) = std::str::from_utf8(body) else {
        return bad(None, answer::INVALID_REQUEST, "the body is not UTF-8");
    };
    let message = match Message::read(text) {
        Ok(message) => message,
        Err(why) => return bad(None, answer::INVALID_REQUEST, &why.to_string()),
    };
    let Kind::Request(request) = message.kind else {
        return whole(StatusCode::ACCEPTED, String::new());
    };
    let (id, text) = (request.id(), message.text.to_owned());
    let Some(stated) = stated_revision(&request) else {
        if request.method() != "initialize" {
            let words = "begin with `initialize`, or say the revision in `_meta`";
            return bad(Some(&id), answer::INVALID_REQUEST, words);
        }
        let (outlet, answer) = Outlet::new();
        return carried(hello(core, owner, text, outlet), answer).await;
    };
    if !Revision::parse(&stated).is_some_and(Revision::is_stateless) {
        let data = json!({ "supported": [Revision::NEWEST.as_str()], "requested": stated });
        let error =
            json!({ "code": UNSUPPORTED, "message": "unsupported protocol version", "data": data });
        return whole(StatusCode::BAD_REQUEST, Answer::Failed(error).write(id.as_json()));
    }
    if let Err(words) = check_mirrored(core.headers(), &request, &stated) {
        return bad(Some(&id), answer::HEADER_MISMATCH, &words);
    }
    if !said_beside(&request, CAPABILITIES).is_some_and(|said| said.is_object()) {
        let words = "`_meta` does not say what the client can do";
        return bad(Some(&id), answer::INVALID_PARAMS, words);
    }
    let (outlet, answer) = Outlet::new();
    let carry = async move {
        // Nobody may be left to be told.
        let _ = core.carry(&text, None, outlet).await;
    };
    carried(carry, answer).await
}

/// Begins a session of ours.
async fn hello(core: Core, owner: Owner, text: String, mut outlet: Outlet) {
    let Some(request) = request_in(&text) else { return };
    let (id, stated) = (request.id(), Stated::of(&request));
    let discover = stated.asks(id.as_json(), "server/discover", Map::new());
    let Ok(asked) = core.ask(&discover, None, &mut outlet).await else { return };
    let begun = match asked.answer() {
        Some(Answer::Done(told)) => begun(core.door(), &owner, (&id, &stated), &told),
        _ => None,
    };
    let answer = match begun {
        Some((answer, name)) => {
            outlet.name_session(&name);
            answer
        }
        None => asked.text,
    };
    // Nobody may be left to be told.
    let _ = outlet.finish(StatusCode::OK, answer).await;
}

impl Aggregate {
    fn gateway(&self) -> &Arc<Gateway> {
        &self.0.gateway
    }

    fn aliases(&self) -> &names::Aliases {
        &self.0.door.aliases
    }

    fn alias_of(&self, server: &Arc<str>) -> String {
        let found = self.aliases().all().find(|(name, _)| *name == server);
        found.map(|(_, alias)| alias.to_owned()).unwrap_or_default()
    }

    /// How many servers there are.
    pub(super) fn len(&self) -> usize {
        self.aliases().all().len()
    }

    /// Asks all servers, or the one whose affair it is.
    pub(super) async fn ask(
        &self,
        text: &str,
        again: Option<Cleared>,
        outlet: &mut Outlet,
    ) -> Result<Asked, Gone> {
        let Some(request) = request_in(text) else {
            return Ok(Asked::failed(&Id::none(), "not a request"));
        };
        let (id, method) = (request.id(), request.method());
        match &*method {
            "server/discover" => {
                let params = Map::new();
                let said = self.ask_each(&request, self.every(&params), outlet).await?;
                Ok(Asked::to(&id, &Answer::Done(merge::discovered(&said))))
            }
            list if list_of(list).is_some() => self.list(&request, outlet).await,
            "tools/call" | "prompts/get" | "resources/read" | "completion/complete" => {
                match self.route(&request, outlet).await? {
                    Ok((server, text)) => self.ask_one(&server, &text, again, outlet).await,
                    Err(words) => Ok(self.refuse(&request, &words).await),
                }
            }
            _ => {
                let words = "this cannot be asked of all servers at once: ask one under its own address, `/mcp/{server}`";
                Ok(Asked::to(&id, &downward::no_such_method(words)))
            }
        }
    }

    async fn ask_one(
        &self,
        server: &Arc<str>,
        text: &str,
        again: Option<Cleared>,
        outlet: &mut Outlet,
    ) -> Result<Asked, Gone> {
        let asked = self.0.way(server).modern(text, again, outlet).await?;
        let id = request_in(text).map_or_else(Id::none, |request| request.id());
        Ok(match asked.answer() {
            Some(answer) => {
                let answer = merge::readdressed(answer, &self.alias_of(server));
                Asked { text: answer.write(id.as_json()), ..asked }
            }
            None => asked,
        })
    }

    /// The same parameters for every server.
    fn every(&self, params: &Map<String, Value>) -> BTreeMap<String, Map<String, Value>> {
        self.aliases().all().map(|(_, alias)| (alias.to_owned(), params.clone())).collect()
    }

    /// Asks servers the same at once, and waits for each no longer than for any.
    async fn ask_each(
        &self,
        request: &Request<'_>,
        params: BTreeMap<String, Map<String, Value>>,
        outlet: &mut Outlet,
    ) -> Result<BTreeMap<String, Said>, Gone> {
        let patience = Duration::from_millis(self.gateway().limits.mcp_list_millis_max);
        let beside = fields(request.params).remove(META);
        let mut asking = JoinSet::new();
        let mut said = BTreeMap::new();
        for (alias, params) in params {
            let Some(server) = self.aliases().server(&alias) else { continue };
            let mut params: Fields =
                params.iter().map(|(name, value)| (name.clone(), raw(value))).collect();
            params.extend(beside.clone().map(|beside| (META.to_owned(), beside)));
            let text = words::request(request.id().as_json(), &request.method(), &params);
            let way = self.0.way(server);
            said.insert(
                alias.clone(),
                Err("it took longer than `mcp_list_millis_max` allows".to_owned()),
            );
            asking.spawn(async move { (alias, asked_alone(way, &text, patience).await) });
        }
        loop {
            tokio::select! {
                answered = asking.join_next() => match answered {
                    Some(Ok((alias, Some(answer)))) => drop(said.insert(alias, answer)),
                    Some(Ok((_, None)) | Err(_)) => {}
                    None => break,
                },
                () = outlet.gone() => return Err(Gone),
            }
        }
        for (alias, said) in &said {
            self.note(alias, said.as_ref().err()).await;
        }
        Ok(said)
    }

    /// Records when a server is found silent, and when it answers again.
    async fn note(&self, alias: &str, silent: Option<&String>) {
        let Some(server) = self.aliases().server(alias) else { return };
        if !self.0.door.knowledge.turned_silent(server, silent.is_some()) {
            return;
        }
        let detail = json!({ "server": &**server, "why": silent });
        let action = match silent {
            Some(_) => Action::ServerSilent,
            None => Action::ServerBack,
        };
        let Ok(detail) = Detail::of(&detail) else { return };
        let event = Event { action, actor: Actor::system(), conversation: None, detail };
        // A log that takes nothing shows elsewhere.
        let _ = self.gateway().ledger.append(event).await;
    }

    /// One page of what all servers have.
    async fn list(&self, request: &Request<'_>, outlet: &mut Outlet) -> Result<Asked, Gone> {
        let (id, method) = (request.id(), request.method());
        let cursor = fields(request.params).remove("cursor");
        let cursor: Option<String> = cursor.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let owner = self.0.owner("*");
        let asked = match cursor {
            None => {
                let servers = self.aliases().all().map(|(_, alias)| (alias.to_owned(), None));
                Some(Place { list: method.to_string(), servers: servers.collect() })
            }
            Some(cursor) => {
                let opened = self.0.door.seal.open(&cursor, &owner).ok();
                let place = opened.and_then(|place| serde_json::from_str::<Place>(&place).ok());
                place.filter(|place| place.list == method)
            }
        };
        let Some(asked) = asked else {
            let words = "`cursor` is none that you were given for this list";
            let error = answer::error(Some(&id), answer::INVALID_PARAMS, words, None);
            return Ok(Asked::ours(StatusCode::OK, error));
        };
        let params = asked.servers.iter().map(|(alias, cursor)| {
            let cursor = cursor.iter().map(|cursor| ("cursor".to_owned(), cursor.as_str().into()));
            (alias.clone(), cursor.collect())
        });
        let said = self.ask_each(request, params.collect(), outlet).await?;
        let bytes_max = self.gateway().limits.result_bytes_max;
        let (mut answer, next) = merge::page(&method, &asked, &said, bytes_max);
        if let (Some(next), Answer::Done(result)) = (next, &mut answer) {
            let sealed =
                self.0.door.seal.seal(&serde_json::to_string(&next).unwrap_or_default(), &owner);
            match sealed {
                Ok(sealed) => result["nextCursor"] = sealed.into(),
                Err(_) => {
                    let words = "the servers' cursors together are longer than one may be";
                    answer = Answer::Failed(json!({ "code": answer::INTERNAL, "message": words }));
                }
            }
        }
        Ok(Asked::to(&id, &answer))
    }

    /// Whose affair a request is, and the request as that server knows it; or why it is nobody's.
    async fn route(
        &self,
        request: &Request<'_>,
        outlet: &mut Outlet,
    ) -> Result<Result<(Arc<str>, String), String>, Gone> {
        let method = request.method();
        let mut params = fields(request.params);
        let (at, field) = match &*method {
            "completion/complete" => {
                let by = fields(params.get("ref").map(|raw| &**raw));
                let field = if by.contains_key("uri") { "uri" } else { "name" };
                (Some(by), field)
            }
            "resources/read" => (None, "uri"),
            _ => (None, "name"),
        };
        let holder = at.as_ref().unwrap_or(&params);
        let called: Option<String> =
            holder.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok());
        let Some(called) = called else {
            return Ok(Err(format!("`{field}` is missing or no text")));
        };
        let split = match field {
            "uri" => self.aliases().split_uri(&called),
            _ => self.aliases().split(&called),
        };
        let Some((server, rest)) = split else {
            return Ok(Err("this is none of what was listed: names here begin with their server's, as `server__name`".to_owned()));
        };
        let mut rest = rest.to_owned();
        if field == "name" && names::is_short(&rest) {
            let list = if method == "tools/call" { "tools/list" } else { "prompts/list" };
            let patience = Duration::from_millis(self.gateway().limits.mcp_list_millis_max);
            let whole = self.whole_name(server, (list, &called), request, outlet);
            match tokio::time::timeout(patience, whole).await.unwrap_or(Ok(None))? {
                Some(whole) => rest = whole,
                None => {
                    return Ok(Err("its server lists nothing of this name any more".to_owned()));
                }
            }
        }
        match at {
            None => drop(params.insert(field.into(), raw(&rest))),
            Some(mut by) => {
                by.insert(field.into(), raw(&rest));
                params.insert("ref".into(), raw(&by));
            }
        }
        Ok(Ok((server.clone(), words::request(request.id().as_json(), &method, &params))))
    }

    /// What a shortened name stands for, by its server's list.
    async fn whole_name(
        &self,
        server: &Arc<str>,
        (list, called): (&str, &str),
        request: &Request<'_>,
        outlet: &mut Outlet,
    ) -> Result<Option<String>, Gone> {
        /// How many pages of a list are looked through.
        const PAGES_MAX: usize = 100;
        let Some((items, _)) = list_of(list) else { return Ok(None) };
        let alias = self.alias_of(server);
        let beside = fields(request.params).remove(META);
        let mut params: Fields =
            beside.map(|beside| (META.to_owned(), beside)).into_iter().collect();
        for _ in 0..PAGES_MAX {
            let text = words::request(request.id().as_json(), list, &params);
            let mut deaf = Outlet::deaf();
            let way = self.0.way(server);
            let asked = tokio::select! {
                asked = way.modern(&text, None, &mut deaf) => asked?,
                () = outlet.gone() => return Err(Gone),
            };
            let Some(Answer::Done(page)) = asked.answer() else { return Ok(None) };
            let listed = page.get(items).and_then(Value::as_array).into_iter().flatten();
            let mut names = listed.filter_map(|item| item.get("name")?.as_str());
            if let Some(whole) = names.find(|name| names::prefixed(&alias, name) == called) {
                return Ok(Some(whole.to_owned()));
            }
            let Some(cursor) = page.get("nextCursor") else { return Ok(None) };
            params.insert("cursor".into(), raw(cursor));
        }
        Ok(None)
    }

    /// Listens to all servers.
    pub(super) fn listen(&self, text: &str, said: &mpsc::Sender<Heard>) {
        let Some(request) = request_in(text) else { return };
        let wanted = streams::wanted(&request);
        for (server, alias) in self.aliases().all() {
            let theirs: BTreeSet<String> = wanted
                .resources
                .iter()
                .filter_map(|uri| self.aliases().split_uri(uri))
                .filter(|(whose, _)| *whose == server)
                .map(|(_, uri)| uri.to_owned())
                .collect();
            let mut params = fields(request.params);
            params.insert("notifications".into(), raw(&wanted.with_resources(theirs)));
            let text = words::request(request.id().as_json(), "subscriptions/listen", &params);
            let (inner, mut heard) = mpsc::channel(WORDS_MAX);
            tokio::spawn(self.0.way(server).listen(text, inner));
            let (alias, said) = (alias.to_owned(), said.clone());
            tokio::spawn(async move {
                loop {
                    let word = tokio::select! {
                        word = heard.recv() => word,
                        () = said.closed() => return,
                    };
                    let Some(word) = word else { return };
                    if said.send(here(word, &alias)).await.is_err() {
                        return;
                    }
                }
            });
        }
    }
}

/// A server's word, with its resources under the addresses that they have here.
fn here(word: Heard, alias: &str) -> Heard {
    match word {
        Heard::Promised(filter) => {
            let resources = filter.resources.iter().map(|uri| names::prefixed_uri(alias, uri));
            Heard::Promised(filter.with_resources(resources.collect()))
        }
        Heard::Told(text) => {
            let mut message: Value = serde_json::from_str(&text).unwrap_or_default();
            if let Some(Value::String(uri)) = message.pointer_mut("/params/uri") {
                *uri = names::prefixed_uri(alias, uri);
                return Heard::Told(message.to_string());
            }
            Heard::Told(text)
        }
    }
}

/// One server's answer, if it comes in time.
async fn asked_alone(way: Way, text: &str, patience: Duration) -> Option<Said> {
    let mut deaf = Outlet::deaf();
    let asked =
        tokio::time::timeout(patience, way.modern(text, None, &mut deaf)).await.ok()?.ok()?;
    let answer = asked.answer().ok_or_else(|| "it gave no answer".to_owned());
    // What we say in its stead is no answer of its own.
    Some(match answer {
        Ok(Answer::Failed(error)) if asked.cleared.is_none() => {
            let words = error.get("message").and_then(Value::as_str).unwrap_or_default();
            Err(words.to_owned())
        }
        other => other,
    })
}
