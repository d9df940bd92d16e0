//! A server of an older revision, asked in the words of the newest: in a session that we keep with
//! it, and with its own questions handed on as results.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use bakerst_model::Digest;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::answer;
use super::super::door::Door;
use super::super::http::Way;
use super::super::message::{Id, Kind, Message, Request, read_text};
use super::super::outlet::{Gone, Outlet};
use super::super::relay::{Cleared, Onward};
use super::super::reply::{answers, collected, status_for_client};
use super::super::revision::Revision;
use super::super::upstream::{McpServers, Outgoing, SESSION, Silent};
use super::asking::Asked;
use super::downward::{self, Declared};
use super::hearing::Hearing;
use super::knowledge::{Speaks, is_word_of_revisions};
use super::mirror;
use super::parked::{KEY, Talk, Waits};
use super::sessions::{Key, Old, Slot};
use super::words::{
    self, Answer, IN_ROUNDS, RESPONSES, act_alike, answer as taken_apart, fields, request_in,
};

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum NotBegun {
    /// The server begins none.
    Refused(String),
    /// It has not said whether it would: it is away, busy or fails.
    Unsaid(String),
}

impl NotBegun {
    /// Why, in words.
    fn into_words(self) -> String {
        match self {
            Self::Refused(words) | Self::Unsaid(words) => words,
        }
    }
}

/// What became of a message in the middle of a call.
enum Turn {
    /// The call goes on.
    On,
    /// It is answered.
    Answered(Answer),
    /// The server wants this of its client first.
    Wants(String),
}

impl Way {
    /// Asks a server of an older revision what was cleared.
    pub(crate) async fn ask_old(
        &self,
        request: &Request<'_>,
        mut cleared: Cleared,
        outlet: &mut Outlet,
    ) -> Result<Asked, Gone> {
        let (id, declared) = (request.id(), Declared::by(request));
        let mut is_fresh = false;
        loop {
            let old = match self.old_session(&declared).await {
                Ok(old) => old,
                Err(why) => {
                    self.unlearn_old(&why);
                    return Ok(Asked::failed(&id, &why.into_words()));
                }
            };
            if request.method() == "server/discover" {
                return Ok(Asked::to(&id, &Answer::Done(downward::discovered(&old.hello))));
            }
            if let Some(level) =
                declared.log_level.as_deref().filter(|level| old.wants_level(level))
            {
                self.set_level(&old, level).await;
            }
            let known_by = old.next_id();
            let Some(reworded) = cleared.reworded(downward::request(request, known_by)) else {
                return Ok(Asked::failed(&id, "the request is another one than was judged"));
            };
            let headers = mirror::old(&self.headers, Some(old.revision()));
            let outgoing = Outgoing::Cleared(&reworded);
            let sent = self.send_as(Method::POST, &headers, old.name.as_deref(), outgoing);
            let response = tokio::select! {
                response = sent => response,
                () = outlet.gone() => return Err(Gone),
            };
            let response = match response {
                Ok(response) => response,
                Err(silent) => return Ok(Asked::silent(&id, silent)),
            };
            let limits = &self.relay.gateway.limits;
            let hearing = match response.status() {
                StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {
                    let body = collected(response.into_body(), limits).await.unwrap_or_default();
                    // A server that has lost the session has not looked at the request.
                    if !is_fresh && !answers(&body, &Id::number(known_by)) {
                        self.lose(&declared, &old).await;
                        (cleared, is_fresh) = (reworded, true);
                        continue;
                    }
                    Hearing::said(body)
                }
                _ => Hearing::of(response, limits),
            };
            let talk = Talk { hearing, cleared: reworded, old, declared, id: known_by };
            return self.talk(talk, &id, outlet).await;
        }
    }

    /// Follows a call until it is answered, or wants something of its client.
    async fn talk(&self, mut talk: Talk, id: &Id, outlet: &mut Outlet) -> Result<Asked, Gone> {
        loop {
            let said = match self.hear(&mut talk.hearing, outlet).await {
                Ok(Some(Ok(said))) => said,
                Ok(Some(Err(why))) => return Ok(Asked::failed(id, &why)),
                Ok(None) => return Ok(Asked::failed(id, "the server ended without an answer")),
                Err(Gone) => {
                    self.take_back(&talk).await;
                    return Err(Gone);
                }
            };
            match self.turn(&talk, &said, outlet).await {
                Ok(Turn::On) => {}
                Ok(Turn::Answered(answer)) => {
                    let asked = Asked::to(id, &answer);
                    return Ok(Asked { cleared: Some(talk.cleared), ..asked });
                }
                Ok(Turn::Wants(wanted)) => {
                    let seconds = self.relay.gateway.limits.wait_seconds_max;
                    let until = Instant::now() + Duration::from_secs(seconds);
                    return Ok(self.park(talk, &wanted, until, id).await);
                }
                Err(Gone) => {
                    self.take_back(&talk).await;
                    return Err(Gone);
                }
            }
        }
    }

    /// One message in the middle of a call.
    async fn turn(&self, talk: &Talk, said: &str, outlet: &mut Outlet) -> Result<Turn, Gone> {
        let Ok(message) = Message::read(said) else { return Ok(Turn::On) };
        let awaited = talk.cleared.awaited();
        match message.kind {
            Kind::Notification { method, .. } => {
                let is_wanted = match read_text(method).as_deref() {
                    Some("notifications/progress") => true,
                    // Who does not ask for the log does not get it.
                    Some("notifications/message") => talk.declared.log_level.is_some(),
                    _ => false,
                };
                if is_wanted {
                    self.pass_on(&message, outlet).await?;
                }
                Ok(Turn::On)
            }
            Kind::Response { id, .. } => {
                // An error without an id is about the one request that it answers.
                if id.is_some() && !answers(said, &Id::number(talk.id)) {
                    return Ok(Turn::On);
                }
                let text = self.relay.answered(awaited, &message).await;
                let Some(answer) = taken_apart(&text) else { return Ok(Turn::On) };
                let method = awaited.method();
                Ok(Turn::Answered(downward::answered(method, answer, talk.old.info())))
            }
            Kind::Request(request) => self.wanted(talk, &request, outlet).await,
        }
    }

    /// What becomes of a server's request in the middle of a call.
    async fn wanted(
        &self,
        talk: &Talk,
        request: &Request<'_>,
        outlet: &mut Outlet,
    ) -> Result<Turn, Gone> {
        let (id, method) = (request.id(), request.method());
        let no = |words: &str| answer::error(Some(&id), downward::NO_SUCH_METHOD, words, None);
        let answer = match &*method {
            "ping" => answer::result(&id, &json!({})),
            _ if !talk.declared.can(&method) => no("the client has not said that it can do this"),
            _ if !IN_ROUNDS.contains(&talk.cleared.awaited().method()) => {
                no("the client cannot be asked anything in the middle of this request")
            }
            _ if !self.door.parked.has_room(&self.owner, &self.relay.gateway.limits) => {
                no("more calls wait for their clients than `mcp_parked_max` allows")
            }
            _ => match self.clear_for_client(request, outlet).await? {
                Onward::Pass(()) => return Ok(Turn::Wants(request.text.to_owned())),
                Onward::Answer(refused) | Onward::Later(refused, _) => refused,
            },
        };
        self.tell_old(&talk.old, &answer).await;
        Ok(Turn::On)
    }

    /// Ends the request, and has its call wait for the client to come back, until then.
    async fn park(&self, talk: Talk, wanted: &str, until: Instant, id: &Id) -> Asked {
        let Some(request) = request_in(wanted) else {
            return Asked::failed(id, "what the server asks for cannot be read");
        };
        let expire = |name: String| {
            let way = self.clone();
            let expire = async move {
                tokio::time::sleep_until(until).await;
                if let Some(parked) = way.door.parked.expired(&name) {
                    way.take_back(&parked.talk).await;
                }
            };
            tokio::spawn(expire).abort_handle()
        };
        let parked = Waits { talk, wanted: wanted.to_owned(), until };
        let bounds = (&self.door.seal, &self.owner, &self.relay.gateway.limits);
        let (state, made_room) = match self.door.parked.park(parked, bounds, expire) {
            Ok(parked) => parked,
            Err(talk) => {
                self.take_back(&talk).await;
                let words = "more calls wait for their clients than `mcp_parked_max` allows";
                return Asked::failed(id, words);
            }
        };
        if let Some(gone) = made_room {
            self.take_back(&gone.talk).await;
        }
        Asked::to(id, &downward::input_required(KEY, &request, &state))
    }

    /// Goes on with a call whose client has come back.
    pub(crate) async fn come_back(
        &self,
        request: &Request<'_>,
        name: &str,
        outlet: &mut Outlet,
    ) -> Result<Asked, Gone> {
        let id = request.id();
        let refuse = |words: &str| {
            let error = answer::error(Some(&id), answer::INVALID_PARAMS, words, None);
            Asked::ours(StatusCode::BAD_REQUEST, error)
        };
        let Some(parked) = self.door.parked.take(name, &self.owner) else {
            return Ok(refuse("the call waits no longer: make it anew, without `requestState`"));
        };
        // Whoever comes back for one call cannot make another of it.
        if !act_alike(parked.talk.cleared.text(), request.text) {
            self.take_back(&parked.talk).await;
            return Ok(refuse("`requestState` belongs to another request"));
        }
        let responses = fields(request.params).remove(RESPONSES);
        let Some(response) = fields(responses.as_deref()).remove(KEY) else {
            // Without the answer the question stands, for as long as it would have.
            return Ok(self.park(parked.talk, &parked.wanted, parked.until, &id).await);
        };
        if let Ok(Message { kind: Kind::Request(wanted), .. }) = Message::read(&parked.wanted) {
            let asked_as = wanted.id();
            let result =
                format!(r#"{{"jsonrpc":"2.0","id":{},"result":{response}}}"#, asked_as.as_json());
            self.tell_old(&parked.talk.old, &result).await;
        }
        self.talk(parked.talk, &id, outlet).await
    }

    /// The session with the server for those who can do this, begun if there is none.
    pub(crate) async fn old_session(&self, declared: &Declared) -> Result<Arc<Old>, NotBegun> {
        let limits = &self.relay.gateway.limits;
        let key = self.session_key(declared);
        let (slot, made_room, sweep) = self.door.sessions.slot(key, &self.owner, limits);
        for slot in made_room {
            tokio::spawn(end(self.door.servers.clone(), slot));
        }
        if sweep {
            let idle = Duration::from_secs(limits.mcp_session_idle_seconds_max.max(1));
            tokio::spawn(end_idle(self.door.clone(), idle));
        }
        if let Some(old) = slot.try_lock().ok().and_then(|held| held.clone()) {
            return Ok(old);
        }
        // It begins even if whoever asked for it has gone by then: its server would keep a session
        // that nobody knows, and the next who asks would begin another.
        let (way, declared) = (self.clone(), declared.clone());
        let begun = tokio::spawn(async move { way.begun_in(&slot, &declared).await });
        begun.await.unwrap_or_else(|_| Err(too_slow()))
    }

    /// The session that is kept here, begun if there is none.
    async fn begun_in(&self, slot: &Slot, declared: &Declared) -> Result<Arc<Old>, NotBegun> {
        let held = tokio::time::timeout(self.patience(), slot.lock()).await;
        let mut held = held.map_err(|_| too_slow())?;
        if let Some(old) = held.as_ref() {
            return Ok(old.clone());
        }
        let old = Arc::new(self.begin_old(declared).await?);
        *held = Some(old.clone());
        Ok(old)
    }

    /// Takes note that a server begins no session any more, if it has said so.
    pub(crate) fn unlearn_old(&self, why: &NotBegun) {
        if matches!(why, NotBegun::Refused(_)) {
            self.door.knowledge.learn(&self.relay.server, Speaks::AsAsked);
        }
    }

    fn session_key(&self, declared: &Declared) -> Key {
        let capabilities = declared.capabilities.to_string();
        let conversation = self.relay.conversation.as_str();
        let parts = [&self.owner.as_bytes()[..], conversation.as_bytes(), capabilities.as_bytes()];
        *Digest::of_parts(&parts).as_bytes()
    }

    /// Begins a session.
    pub(crate) async fn begin_old(&self, declared: &Declared) -> Result<Old, NotBegun> {
        let begun = tokio::time::timeout(self.patience(), self.greet(declared)).await;
        let old = begun.unwrap_or_else(|_| Err(too_slow()))?;
        let done = words::notification("notifications/initialized", &json!({}));
        self.tell_old(&old, &done).await;
        Ok(old)
    }

    async fn greet(&self, declared: &Declared) -> Result<Old, NotBegun> {
        let unsaid = |why: String| NotBegun::Unsaid(why);
        let text = declared.initialize();
        let cleared = self.of_ours(&text).await;
        let cleared = cleared.ok_or_else(|| unsaid("a session cannot be begun now".to_owned()))?;
        let headers = mirror::old(&self.headers, None);
        let sent = self.send_as(Method::POST, &headers, None, Outgoing::Cleared(&cleared));
        let response = sent.await.map_err(|silent| unsaid(silent.to_string()))?;
        let status = status_for_client(response.status());
        let name = response.headers().get(SESSION).and_then(|name| name.to_str().ok());
        let name = name.map(str::to_owned);
        let mut hearing = Hearing::of(response, &self.relay.gateway.limits);
        let none = |said: &str| {
            let words = format!("the server begins no session: it answered with status {status}");
            match is_word_of_revisions(status, said) {
                true => NotBegun::Refused(words),
                false => NotBegun::Unsaid(words),
            }
        };
        while let Some(said) = hearing.next(&self.relay.gateway.limits).await.map_err(unsaid)? {
            let Ok(message) = Message::read(&said) else { continue };
            if !matches!(message.kind, Kind::Response { .. }) {
                continue;
            }
            let guarded = self.relay.answered(cleared.awaited(), &message).await;
            let Some(Answer::Done(hello)) = taken_apart(&guarded) else { return Err(none(&said)) };
            let spoken = hello.get("protocolVersion").and_then(Value::as_str);
            if spoken.and_then(Revision::parse).is_none_or(Revision::is_stateless) {
                let words = "the server speaks no revision that we know";
                return Err(NotBegun::Refused(words.to_owned()));
            }
            return Ok(Old::new((self.relay.server.clone(), self.owner), name, hello));
        }
        Err(none(""))
    }

    /// Says something in a session that wants no answer.
    pub(crate) async fn tell_old(&self, old: &Old, text: &str) {
        let headers = mirror::old(&self.headers, Some(old.revision()));
        // Whether a server hears it is its affair.
        let _ =
            self.send_as(Method::POST, &headers, old.name.as_deref(), Outgoing::Told(text)).await;
    }

    /// Asks something small in a session, whose answer says nothing.
    pub(crate) async fn ask_aside(&self, old: &Old, method: &str, params: &Value) -> bool {
        let text = words::request(&old.next_id().to_string(), method, params);
        let asked = async {
            let cleared = self.of_ours(&text).await?;
            let headers = mirror::old(&self.headers, Some(old.revision()));
            let outgoing = Outgoing::Cleared(&cleared);
            let sent = self.send_as(Method::POST, &headers, old.name.as_deref(), outgoing).await;
            let mut hearing = Hearing::of(sent.ok()?, &self.relay.gateway.limits);
            while let Ok(Some(said)) = hearing.next(&self.relay.gateway.limits).await {
                if let Some(answer) = taken_apart(&said) {
                    return Some(matches!(answer, Answer::Done(_)));
                }
            }
            None
        };
        tokio::time::timeout(self.patience(), asked).await.ok().flatten().unwrap_or(false)
    }

    async fn set_level(&self, old: &Old, level: &str) {
        self.ask_aside(old, "logging/setLevel", &json!({ "level": level })).await;
    }

    /// Tells a server that nobody waits for a call any more.
    async fn take_back(&self, talk: &Talk) {
        let params = json!({ "requestId": talk.id, "reason": "the client is gone" });
        let text = words::notification("notifications/cancelled", &params);
        self.tell_old(&talk.old, &text).await;
    }

    /// Forgets a session that its server has lost.
    async fn lose(&self, declared: &Declared, lost: &Arc<Old>) {
        let limits = &self.relay.gateway.limits;
        let (slot, ..) = self.door.sessions.slot(self.session_key(declared), &self.owner, limits);
        let mut held = slot.lock().await;
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, lost)) {
            *held = None;
        }
    }
}

fn too_slow() -> NotBegun {
    NotBegun::Unsaid(Silent::Slow.to_string())
}

/// Ends sessions that nobody uses, as long as there are any.
async fn end_idle(door: Arc<Door>, idle: Duration) {
    loop {
        tokio::time::sleep(idle).await;
        let (gone, is_left) = door.sessions.sweep(idle);
        for slot in gone {
            end(door.servers.clone(), slot).await;
        }
        if !is_left {
            return;
        }
    }
}

/// Ends a session that we keep no longer.
async fn end(servers: Arc<McpServers>, slot: Slot) {
    let held = slot.lock().await.take();
    if let Some(old) = held {
        end_old(&servers, &old).await;
    }
}

/// Ends a session.
pub(crate) async fn end_old(servers: &McpServers, old: &Old) {
    if let Some(name) = &old.name {
        let headers = mirror::old(&axum::http::HeaderMap::new(), Some(old.revision()));
        // A server that does not hear it forgets the session by itself.
        let (server, plain) = (&old.server, Outgoing::Plain);
        let _ = servers.send(server, Method::DELETE, &headers, Some(name), &old.owner, plain).await;
    }
}
