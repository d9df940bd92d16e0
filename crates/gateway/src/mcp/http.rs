//! The door over HTTP: `/mcp/{server}`, for every revision that has it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ALLOW, HeaderName};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use bakerst_model::{Code, ConversationId, Escaped};
use http_body_util::BodyExt as _;
use tokio::sync::Notify;

use super::aggregate;
use super::answer;
use super::core::Core;
use super::door::{Door, Session};
use super::eras::crossing::Crossing;
use super::eras::knowledge::Speaks;
use super::eras::old_client::OldClient;
use super::message::{Id, Kind, Message, Request, read_id};
use super::outlet::{Gone, Outlet};
use super::relay::{Awaited, Cleared, Onward, Relay, stated_revision};
use super::reply::{carried, collected, is_answer_to, is_stream, status_for_client, whole};
use super::revision::Revision;
use super::session::Owner;
use super::sse::{Event, Events};
use super::upstream::{FromServer, Outgoing, SESSION, check_mirrored};
use super::visitor::Visitor;
use super::waiting::{PULSE, Pulse};
use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::problem::Problem;

/// A client may say which conversation its calls belong to; otherwise all calls under one
/// credential are one conversation, so that what one server told is remembered when another is
/// called.
const CONVERSATION: HeaderName = HeaderName::from_static("bakerst-conversation");

/// A request at the door, read.
pub(crate) struct Visit {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) caller: Caller,
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The name of the server; none for all of them.
    pub(crate) server: String,
    pub(crate) body: Bytes,
}

/// Everything that is known of a visit.
#[derive(Clone)]
pub(crate) struct Way {
    pub(super) door: Arc<Door>,
    pub(super) relay: Relay,
    pub(super) owner: Owner,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// The server's own name of the session.
    pub(super) session: Option<String>,
}

/// Which answers may come on a stream.
enum Expected<'a> {
    /// The one to this request.
    One(&'a Awaited),
    /// No more: it has come.
    None,
    /// Those to requests that were made on other streams.
    Any,
}

/// Answers a visit.
pub(crate) async fn serve(visit: Visit) -> Result<Response<Body>, Problem> {
    let Visit { gateway, caller, path, method, headers, server, body } = visit;
    let Some(door) = gateway.mcp() else {
        return Err(turned_away(&gateway, &caller, path, &server).await);
    };
    if server.is_empty() {
        let conversation = conversation(&headers, &caller)?;
        let visitor =
            Visitor { door, gateway, caller, conversation, path, headers, in_rounds: true };
        return Ok(Box::pin(aggregate::serve(visitor, method, &body)).await);
    }
    let Some(server) = door.servers.name(&server) else {
        return Err(turned_away(&gateway, &caller, path, &server).await);
    };
    let principal = &caller.principal;
    let agent = principal.agent.as_ref().map_or("", |agent| agent.as_str());
    let owner = Owner::new(&principal.name, agent, &server);
    let session = match headers.get(SESSION) {
        None => None,
        Some(name) => {
            let name = name.to_str().unwrap_or_default();
            let Some(opened) = door.session(name, &owner) else { return Ok(no_such_session()) };
            Some((name.to_owned(), opened))
        }
    };
    let conversation = conversation(&headers, &caller)?;
    let shown = door.shown(&owner);
    let relay = Relay { gateway, caller, server, conversation, path, shown, in_rounds: true };
    let mut way = Way { door, relay, owner, method, headers, session: None };
    match session {
        None => {}
        Some((_, Session::Servers(name))) => way.session = Some(name),
        Some((session, Session::Ours(stated))) => {
            way.relay.in_rounds = false;
            let method = way.method.clone();
            let core = Core::One(Box::new(way));
            let client = OldClient { core, stated, owner, session };
            return Ok(Box::pin(client.serve(&method, &body)).await);
        }
    }
    match way.method {
        Method::POST => {
            let (outlet, answer) = Outlet::new();
            Ok(carried(way.take(body, outlet), answer).await)
        }
        _ => Ok(Box::pin(way.open()).await),
    }
}

impl Way {
    /// Takes a message of the client's, which is read once, where it lies.
    async fn take(self, body: Bytes, outlet: Outlet) {
        let read = match std::str::from_utf8(&body) {
            Ok(text) => Message::read(text).map_err(|why| why.to_string()),
            Err(_) => Err("the body is not UTF-8".to_owned()),
        };
        // Where nobody is left to be told, nothing is to be done about it.
        let _ = match read {
            Ok(Message { kind: Kind::Request(request), .. }) => {
                self.take_request(&request, outlet).await
            }
            Ok(message) => {
                let told = Box::pin(self.tell(&message)).await;
                outlet.answer(told)
            }
            Err(words) => {
                let error = answer::error(None, answer::INVALID_REQUEST, &words, None);
                outlet.answer(whole(StatusCode::BAD_REQUEST, error))
            }
        };
    }

    async fn take_request(&self, request: &Request<'_>, outlet: Outlet) -> Result<(), Gone> {
        let revision = stated_revision(request);
        let revision =
            revision.filter(|stated| Revision::parse(stated).is_some_and(Revision::is_stateless));
        if let Some(revision) = &revision
            && let Err(words) = check_mirrored(&self.headers, request, revision)
        {
            let id = request.id();
            let error = answer::error(Some(&id), answer::HEADER_MISMATCH, &words, None);
            return outlet.answer(whole(StatusCode::BAD_REQUEST, error));
        }
        match self.door.knowledge.of(&self.relay.server) {
            Speaks::Old if revision.is_some() => {
                Box::pin(self.clone().carry_over(request.text.to_owned(), outlet)).await;
                Ok(())
            }
            Speaks::New if request.method() == "initialize" => {
                Box::pin(self.clone().carry_hello(request.text.to_owned(), outlet)).await;
                Ok(())
            }
            _ => self.bring(request, outlet).await,
        }
    }

    /// Brings a request to the server and its answer back, however long that takes.
    pub(super) async fn carry(self, text: String, outlet: Outlet) {
        if let Ok(Message { kind: Kind::Request(request), .. }) = Message::read(&text) {
            // Nobody is left to be told.
            let _ = self.bring(&request, outlet).await;
        }
    }

    async fn bring(&self, request: &Request<'_>, mut outlet: Outlet) -> Result<(), Gone> {
        match self.clear(request, &mut outlet).await? {
            Onward::Pass(cleared) => self.forward(request, cleared, outlet).await,
            Onward::Answer(answer) => outlet.finish(StatusCode::OK, answer).await,
            Onward::Later(answer, seconds) => {
                outlet.retry_after(seconds);
                outlet.finish(StatusCode::TOO_MANY_REQUESTS, answer).await
            }
        }
    }

    /// Has a request judged. While a person thinks, the client hears that we are there; once it
    /// cancels or goes away, nothing is done any more.
    pub(super) async fn clear(
        &self,
        request: &Request<'_>,
        outlet: &mut Outlet,
    ) -> Result<Onward<Cleared>, Gone> {
        let wait = Duration::from_secs(self.relay.gateway.limits.wait_seconds_max);
        let mut asked = std::pin::pin!(self.relay.ask(request, wait));
        // What is decided at once is not cancelled any more, so nobody needs to know of it.
        if let Poll::Ready(onward) =
            poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await
        {
            return Ok(onward);
        }
        let key = (self.owner, self.session.clone(), request.id());
        let cancelled = Arc::new(Notify::new());
        self.door.waiting().insert(key.clone(), cancelled.clone());
        let onward = self.heard(request, asked, &cancelled, outlet).await;
        self.door.waiting().remove(&key);
        onward
    }

    async fn heard(
        &self,
        request: &Request<'_>,
        mut asked: Pin<&mut (impl Future<Output = Onward<Cleared>> + Send)>,
        cancelled: &Notify,
        outlet: &mut Outlet,
    ) -> Result<Onward<Cleared>, Gone> {
        let mut pulse = Pulse::of(request);
        loop {
            tokio::select! {
                // What is decided at once is not cancelled any more.
                biased;
                onward = &mut asked => return Ok(onward),
                () = cancelled.notified() => return Err(Gone),
                () = outlet.gone() => return Err(Gone),
                () = pulse.due() => {}
            }
            match pulse.word() {
                Some(word) => outlet.event(&Event::of(word)).await?,
                None => outlet.keep_alive().await?,
            }
        }
    }

    /// Whether a message takes back a request that is still waiting for a person. Its server has
    /// never heard of it.
    fn cancels(&self, message: &Message<'_>) -> bool {
        let Some(id) = message.cancelled_id() else { return false };
        let waiting = self.door.waiting().remove(&(self.owner, self.session.clone(), id));
        waiting.inspect(|waiting| waiting.notify_one()).is_some()
    }

    /// Sends a request that was cleared, and hands over what comes back.
    async fn forward(
        &self,
        request: &Request<'_>,
        cleared: Cleared,
        mut outlet: Outlet,
    ) -> Result<(), Gone> {
        let awaited = cleared.awaited();
        let sent = self.send(Outgoing::Cleared(&cleared));
        let response = tokio::select! {
            biased;
            response = sent => response,
            () = outlet.gone() => return Err(Gone),
        };
        let response = match response {
            Ok(response) => response,
            Err(silent) => {
                return outlet.finish(StatusCode::OK, silent_error(awaited, &silent)).await;
            }
        };
        if let Some(name) = self.new_session(&response) {
            outlet.name_session(&name);
        }
        let status = status_for_client(response.status());
        if is_stream(&response) {
            let passed = self.pass_events(response.into_body(), Some(awaited), &mut outlet);
            return Box::pin(passed).await;
        }
        let is_well = status.is_success();
        let body = tokio::select! {
            biased;
            body = collected(response.into_body(), &self.relay.gateway.limits) => body,
            () = outlet.gone() => return Err(Gone),
        };
        let said = body.as_deref().unwrap_or_default();
        let is_first = matches!(awaited.method(), "initialize" | "server/discover");
        if !is_well || is_first {
            // Rare, and so kept out of what every request carries with it.
            match Box::pin(self.crossing(request, status, said, &mut outlet)).await? {
                Crossing::None => {}
                Crossing::Words => {
                    let asked = self.carry_in_words(request.text, Some(cleared), outlet);
                    return Box::pin(asked).await;
                }
                Crossing::Hello(answer) => return outlet.finish(StatusCode::OK, answer).await,
            }
        }
        let message = match &body {
            Ok(text) => Message::read(text).ok(),
            Err(_) => None,
        };
        let answered = match message {
            Some(message) if is_answer_to(&message, &awaited.id) => {
                self.relay.answered(awaited, &message).await
            }
            // An error about a request whose id the server did not read.
            Some(message @ Message { kind: Kind::Response { id: None, .. }, .. }) => {
                self.relay.answered(awaited, &message).await
            }
            _ => {
                let words = match body {
                    Err(words) => words,
                    Ok(_) => {
                        format!("the server answered with status {status} and no answer to this")
                    }
                };
                answer::error(Some(&awaited.id), answer::INTERNAL, &words, None)
            }
        };
        outlet.finish(status, answered).await
    }

    /// Hands over a stream of events, each message in it guarded like any other.
    async fn pass_events(
        &self,
        mut body: FromServer,
        awaited: Option<&Awaited>,
        outlet: &mut Outlet,
    ) -> Result<(), Gone> {
        outlet.stream()?;
        let mut events = Events::new(self.relay.gateway.limits.result_bytes_max);
        let mut awaited = awaited.map_or(Expected::Any, Expected::One);
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = outlet.gone() => return Err(Gone),
                () = self.relay.gateway.closing() => return Ok(()),
            };
            let Some(Ok(frame)) = frame else { return Ok(()) };
            let Some(piece) = frame.data_ref() else { continue };
            let Ok(complete) = events.push(piece) else { return Ok(()) };
            for event in complete {
                if let Some(event) = self.guarded(event, &mut awaited, outlet).await? {
                    outlet.event(&event).await?;
                }
            }
        }
    }

    /// One event of a server's, as the client may have it.
    async fn guarded(
        &self,
        event: Event,
        awaited: &mut Expected<'_>,
        outlet: &mut Outlet,
    ) -> Result<Option<Event>, Gone> {
        let Some(text) = event.data.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(Some(event));
        };
        let Ok(message) = Message::read(text) else { return Ok(None) };
        let said = match message.kind {
            Kind::Notification { .. } => self.relay.told(&message),
            Kind::Response { id, .. } => match awaited {
                Expected::One(asked) if is_answer_to(&message, &asked.id) => {
                    let answer = self.relay.answered(asked, &message).await;
                    // Whatever answers the same once more is made up.
                    *awaited = Expected::None;
                    Some(answer)
                }
                // An answer that nobody here waits for is another client's, or made up.
                Expected::One(_) | Expected::None => None,
                Expected::Any => match id.and_then(read_id) {
                    Some(id) => Some(self.relay.answered(&Awaited::resumed(id), &message).await),
                    None => None,
                },
            },
            Kind::Request(request) => match self.clear_for_client(&request, outlet).await? {
                Onward::Pass(()) => Some(message.text.to_owned()),
                Onward::Answer(refused) | Onward::Later(refused, _) => {
                    // The server learns that it was refused; whether it does is its affair.
                    let _ = self.send(Outgoing::Told(&refused)).await;
                    None
                }
            },
        };
        Ok(said.map(|data| Event { data: Some(data), ..event }))
    }

    pub(super) async fn clear_for_client(
        &self,
        request: &Request<'_>,
        outlet: &mut Outlet,
    ) -> Result<Onward<()>, Gone> {
        let wait = Duration::from_secs(self.relay.gateway.limits.wait_seconds_max);
        let asked = self.relay.ask_client(request, wait);
        tokio::pin!(asked);
        loop {
            tokio::select! {
                onward = &mut asked => return Ok(onward),
                () = outlet.gone() => return Err(Gone),
                () = tokio::time::sleep(PULSE) => {}
            }
            outlet.keep_alive().await?;
        }
    }

    /// Passes on what wants no answer.
    async fn tell(&self, message: &Message<'_>) -> Response<Body> {
        if self.cancels(message) {
            return whole(StatusCode::ACCEPTED, String::new());
        }
        match self.send(Outgoing::Told(message.text)).await {
            Ok(response) => {
                let status = status_for_client(response.status());
                whole(status, self.collected_error(response).await)
            }
            Err(silent) => {
                let error = answer::error(None, answer::INTERNAL, &silent.to_string(), None);
                whole(StatusCode::BAD_GATEWAY, error)
            }
        }
    }

    /// Opens a stream for what the server says of itself, or ends a session.
    async fn open(self) -> Response<Body> {
        let response = match self.send(Outgoing::Plain).await {
            Ok(response) => response,
            Err(silent) => {
                let error = answer::error(None, answer::INTERNAL, &silent.to_string(), None);
                return whole(StatusCode::BAD_GATEWAY, error);
            }
        };
        if !is_stream(&response) {
            let status = status_for_client(response.status());
            let mut answer = whole(status, self.collected_error(response).await);
            if status == StatusCode::METHOD_NOT_ALLOWED {
                answer.headers_mut().insert(ALLOW, axum::http::HeaderValue::from_static("POST"));
            }
            return answer;
        }
        let (mut outlet, answer) = Outlet::new();
        tokio::spawn(async move {
            let _ = self.pass_events(response.into_body(), None, &mut outlet).await;
        });
        answer.await.unwrap_or_else(|_| whole(StatusCode::BAD_GATEWAY, String::new()))
    }

    async fn send(
        &self,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<FromServer>, super::upstream::Silent> {
        let method = match outgoing {
            // A refusal goes back to the server as a message, whatever brought its request here.
            Outgoing::Told(_) => Method::POST,
            Outgoing::Cleared(_) | Outgoing::Plain => self.method.clone(),
        };
        let (server, session) = (&self.relay.server, self.session.as_deref());
        let servers = &self.door.servers;
        servers.send(server, method, &self.headers, session, &self.owner, outgoing).await
    }

    /// Our name for a session that the server has just opened.
    fn new_session(&self, response: &Response<FromServer>) -> Option<String> {
        let name = response.headers().get(SESSION)?.to_str().ok()?;
        if self.session.as_deref() == Some(name) {
            return None;
        }
        self.door.seal.name(name, &self.owner).ok()
    }

    /// What a server says about a message that it did not take, if that is an error of the
    /// protocol's.
    async fn collected_error(&self, response: Response<FromServer>) -> String {
        let limits = &self.relay.gateway.limits;
        let Ok(text) = collected(response.into_body(), limits).await else { return String::new() };
        match Message::read(&text) {
            Ok(message @ Message { kind: Kind::Response { id, .. }, .. }) => {
                let id = id.and_then(read_id);
                let awaited = Awaited::resumed(id.unwrap_or_else(Id::none));
                self.relay.answered(&awaited, &message).await
            }
            _ => String::new(),
        }
    }
}

fn conversation(headers: &HeaderMap, caller: &Caller) -> Result<ConversationId, Problem> {
    match headers.get(CONVERSATION) {
        Some(named) => {
            let named =
                named.to_str().map_err(|_| Problem::field("`bakerst-conversation` is no text"))?;
            Ok(ConversationId::parse(named)?)
        }
        None => Ok(ConversationId::parse(&format!("mcp {}", caller.principal.name))?),
    }
}

fn silent_error(awaited: &Awaited, silent: &super::upstream::Silent) -> String {
    answer::error(Some(&awaited.id), answer::INTERNAL, &silent.to_string(), silent.code())
}

pub(super) fn no_such_session() -> Response<Body> {
    let words = "there is no such session, begin a new one";
    let error = answer::error(None, answer::INVALID_REQUEST, words, None);
    whole(StatusCode::NOT_FOUND, error)
}

/// Turns away whoever asks for a server that there is not. That is recorded: who tries names is
/// to be seen.
async fn turned_away(
    gateway: &Gateway,
    caller: &Caller,
    path: &'static str,
    server: &str,
) -> Problem {
    let server = Escaped(server).to_string();
    let server = server.get(..100).unwrap_or(&server);
    let words = format!("no server of the name `{server}` is configured");
    let problem = Problem::new(Code::NoSuchServer, words);
    gateway.reject(Some(caller), None, path, caller.source, &problem).await;
    problem
}
