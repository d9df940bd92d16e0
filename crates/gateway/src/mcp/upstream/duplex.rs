//! Servers that are not asked over HTTP but spoken with, in two directions that know nothing of
//! each other: the pipes of a program that we start, or the two addresses of the first revision.
//!
//! Here they are made to look like a server of streamable HTTP, so that nobody above has to know.
//! Each session has a conversation of its own with the server, and so have the requests of one
//! owner that stand for themselves; nothing is shared between owners.

mod ends;
mod heard;
mod mentions;
mod seats;
mod session;
mod switch;

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use bakerst_model::Limits;
use tokio::io::{AsyncRead, AsyncWrite};

use super::address::Address;
use super::{FromServer, Outgoing, SESSION, Silent};
use crate::mcp::answer;
use crate::mcp::message::{Kind, Message, Request};
use crate::mcp::relay::is_stateless;
use crate::mcp::revision::Revision;
use crate::mcp::session::Owner;
use ends::Ends;
pub(crate) use heard::Heard;
pub(super) use seats::Seats;
use seats::Starts;
use session::Session;
use switch::{Names, Said};

/// A program that speaks the protocol over its pipes, one line a message.
///
/// Whoever fills this port starts the program, gives it its environment and its limits, and ends
/// it with all that it has started.
pub trait McpProgram: Send + Sync {
    /// Starts the program once more.
    fn start(&self) -> Pin<Box<dyn Future<Output = io::Result<McpProcess>> + Send + '_>>;
}

/// A program that runs.
pub struct McpProcess {
    /// Where it listens.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// Where it speaks.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// What ends it. Where this is dropped, it ends too.
    pub running: Box<dyn McpRunning>,
}

/// What ends a program.
pub trait McpRunning: Send {
    /// Waits until the program has ended by itself, its input being closed; asks it to; ends it,
    /// and all that it has started.
    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// How the server is reached.
enum Reach {
    Program(Arc<dyn McpProgram>),
    Sse(Arc<Address>),
}

/// A server that is spoken with.
pub(super) struct Duplex {
    reach: Reach,
    sessions: Arc<Sessions>,
    seats: Seats,
    bounds: Bounds,
}

/// What a conversation may take.
#[derive(Clone, Copy)]
struct Bounds {
    /// The longest message.
    bytes_max: usize,
    /// How many requests may be open in one.
    requests_max: usize,
    /// How many conversations an owner may have.
    per_caller_max: usize,
    /// How long the server may take to begin an answer.
    patience: Duration,
    /// How long one is kept that nobody uses.
    idle_max: Duration,
}

/// What a conversation is known by.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Key {
    /// The session of this name.
    Named(Owner, String),
    /// This owner's requests that stand for themselves.
    Of(Owner),
}

impl Key {
    const fn owner(&self) -> &Owner {
        match self {
            Self::Named(owner, _) | Self::Of(owner) => owner,
        }
    }
}

/// The conversations with one server.
#[derive(Default)]
struct Sessions {
    known: Mutex<HashMap<Key, Arc<Session>>>,
    starts: Mutex<Starts>,
}

impl Sessions {
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn starts(&self) -> std::sync::MutexGuard<'_, Starts> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &Key) -> Option<Arc<Session>> {
        self.known().get(key).filter(|session| !session.is_over()).cloned()
    }

    /// Makes room for one more conversation of an owner's: where there are as many as there may
    /// be, the one goes that nobody used for longest.
    fn make_room(&self, owner: &Owner, max: usize) -> Result<(), Silent> {
        let mut known = self.known();
        known.retain(|_, session| !session.is_over());
        let own = || known.iter().filter(|(key, _)| key.owner() == owner);
        if own().count() < max {
            return Ok(());
        }
        let idle = own().filter_map(|(key, session)| Some((session.idle()?, key)));
        let longest = idle.max_by_key(|(idle, _)| *idle).map(|(_, key)| key.clone());
        let gone = longest.and_then(|key| known.remove(&key)).ok_or(Silent::FullForCaller)?;
        gone.end();
        Ok(())
    }
}

impl Duplex {
    pub(super) fn program(program: Arc<dyn McpProgram>, seats: Seats, limits: &Limits) -> Self {
        Self::new(Reach::Program(program), seats, limits)
    }

    pub(super) fn sse(address: Address, seats: Seats, limits: &Limits) -> Self {
        Self::new(Reach::Sse(Arc::new(address)), seats, limits)
    }

    fn new(reach: Reach, seats: Seats, limits: &Limits) -> Self {
        let bounds = Bounds {
            bytes_max: limits.result_bytes_max,
            requests_max: limits.requests_max,
            per_caller_max: limits.server_sessions_per_caller_max,
            patience: Duration::from_millis(limits.upstream_millis_max),
            idle_max: Duration::from_secs(limits.server_idle_seconds_max),
        };
        Self { reach, sessions: Arc::default(), seats, bounds }
    }

    /// What a server that is reached like this speaks, where that is known.
    pub(super) const fn speaks(&self) -> Option<Revision> {
        match &self.reach {
            Reach::Program(_) => None,
            Reach::Sse(_) => Some(Revision::V2024_11_05),
        }
    }

    /// Ends every conversation.
    pub(super) fn end(&self) {
        self.sessions.known().drain().for_each(|(_, session)| session.end());
    }

    /// What a server of streamable HTTP would do with this.
    pub(super) async fn send(
        &self,
        method: Method,
        client: &HeaderMap,
        named: Option<&str>,
        owner: &Owner,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<FromServer>, Silent> {
        let key = named.map(|name| Key::Named(*owner, name.to_owned()));
        let session = match &key {
            None => None,
            Some(key) => match self.sessions.get(key) {
                None => return Ok(no_such_session()),
                session => session,
            },
        };
        match (outgoing, session) {
            (Outgoing::Cleared(cleared), session) => {
                let Ok(Message { kind: Kind::Request(request), .. }) =
                    Message::read(cleared.text())
                else {
                    return Err(Silent::Away);
                };
                self.ask(&request, session, owner, takes_events(client)).await
            }
            (Outgoing::Told(text), Some(session)) => {
                session.tell(text).await?;
                Ok(bare(StatusCode::ACCEPTED))
            }
            (Outgoing::Told(_), None) => Ok(needs_session()),
            (Outgoing::Plain, Some(session)) if method == Method::GET => {
                Ok(events(session.stand()))
            }
            (Outgoing::Plain, Some(session)) if method == Method::DELETE => {
                key.and_then(|key| self.sessions.known().remove(&key));
                session.end();
                Ok(bare(StatusCode::NO_CONTENT))
            }
            (Outgoing::Plain, _) => Ok(bare(StatusCode::METHOD_NOT_ALLOWED)),
        }
    }

    async fn ask(
        &self,
        request: &Request<'_>,
        session: Option<Arc<Session>>,
        owner: &Owner,
        takes_events: bool,
    ) -> Result<Response<FromServer>, Silent> {
        if let Some(session) = session {
            return session.ask(request, takes_events).await;
        }
        if is_stateless(request) {
            return self.shared(owner).await?.ask(request, takes_events).await;
        }
        match &*request.method() {
            "initialize" => self.initialize(request, owner, takes_events).await,
            _ => Ok(needs_session()),
        }
    }

    /// Begins a session, and names it where the server agrees to begin one.
    async fn initialize(
        &self,
        request: &Request<'_>,
        owner: &Owner,
        takes_events: bool,
    ) -> Result<Response<FromServer>, Silent> {
        let name = session::drawn_name().ok_or(Silent::NotStarted)?;
        let key = Key::Named(*owner, name);
        let session = self.start(key.clone(), Names::Theirs).await?;
        let begun = Begun { sessions: &self.sessions, key: Some(key) };
        let mut waiting = session.begin(request, takes_events).await?;
        let first = waiting.first(self.bounds.patience).await?;
        if let Said::Last(text) = &first
            && !is_result(text)
        {
            return Ok(json(text.clone()));
        }
        let mut response = match first {
            Said::Last(text) => json(text),
            said @ Said::Aside(_) => events(Heard::after(said, waiting)),
        };
        if let Some(Key::Named(_, name)) = begun.keep()
            && let Ok(name) = HeaderValue::try_from(name)
        {
            response.headers_mut().insert(SESSION, name);
        }
        Ok(response)
    }

    /// The conversation for an owner's requests that stand for themselves.
    async fn shared(&self, owner: &Owner) -> Result<Arc<Session>, Silent> {
        let key = Key::Of(*owner);
        match self.sessions.get(&key) {
            Some(session) => Ok(session),
            None => self.start(key, Names::Ours).await,
        }
    }

    async fn start(&self, key: Key, names: Names) -> Result<Arc<Session>, Silent> {
        self.sessions.starts().may(key.owner())?;
        self.sessions.make_room(key.owner(), self.bounds.per_caller_max)?;
        let seat = self.seats.take()?;
        let ends = match &self.reach {
            Reach::Program(program) => Ends::of_program(&**program, self.bounds.bytes_max).await,
            Reach::Sse(address) => {
                let listened = Ends::listen(address, self.bounds);
                tokio::time::timeout(self.bounds.patience, listened)
                    .await
                    .unwrap_or(Err(Silent::Slow))
            }
        };
        let ends = ends.inspect_err(|_| self.sessions.starts().failed(key.owner()))?;
        // Somebody may have been quicker; what was begun for nothing ends again.
        let mut known = self.sessions.known();
        if let Some(session) = known.get(&key).filter(|session| !session.is_over()) {
            return Ok(session.clone());
        }
        let sessions = Arc::downgrade(&self.sessions);
        let session = Session::start(ends, names, self.bounds, seat, (sessions, key.clone()));
        known.insert(key, session.clone());
        Ok(session)
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        self.end();
    }
}

/// A session that has begun. Where nobody keeps it, it ends.
struct Begun<'s> {
    sessions: &'s Sessions,
    key: Option<Key>,
}

impl Begun<'_> {
    fn keep(mut self) -> Option<Key> {
        self.key.take()
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let session = self.key.take().and_then(|key| self.sessions.known().remove(&key));
        session.inspect(|session| session.end());
    }
}

/// Whether a client can hear more than one message as an answer.
fn takes_events(client: &HeaderMap) -> bool {
    let accepted = client.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        ["text/event-stream", "text/*", "*/*"]
            .iter()
            .any(|events| kind.eq_ignore_ascii_case(events))
    })
}

fn is_result(text: &str) -> bool {
    use crate::mcp::message::Outcome;
    let read = Message::read(text).map(|message| message.kind);
    matches!(read, Ok(Kind::Response { outcome: Outcome::Result(_), .. }))
}

fn no_such_session() -> Response<FromServer> {
    refused(StatusCode::NOT_FOUND, "there is no such session, begin a new one")
}

fn needs_session() -> Response<FromServer> {
    refused(StatusCode::BAD_REQUEST, "this server wants a session, begin one with `initialize`")
}

fn refused(status: StatusCode, words: &str) -> Response<FromServer> {
    let mut response = json(answer::error(None, answer::INVALID_REQUEST, words, None));
    *response.status_mut() = status;
    response
}

fn bare(status: StatusCode) -> Response<FromServer> {
    let mut response = Response::new(FromServer::whole(""));
    *response.status_mut() = status;
    response
}

fn json(text: String) -> Response<FromServer> {
    of_kind("application/json", FromServer::whole(text))
}

fn events(heard: Heard) -> Response<FromServer> {
    of_kind("text/event-stream", FromServer::Events(Box::new(heard)))
}

fn of_kind(kind: &'static str, body: FromServer) -> Response<FromServer> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
