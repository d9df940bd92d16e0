//! The door for servers that a client starts itself: a wrapper runs beside the client, starts the
//! server, and hands every line of both sides to us over a Unix socket. It decides nothing.
//!
//! The wrapper says once whose lines they are; from then on each line carries one letter before
//! the message: where it comes from on the way to us, and where it goes on the way back.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bakerst_model::{AgentId, ConversationId, Principal, Role};
use serde::{Deserialize, Serialize};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite,
    AsyncWriteExt as _, BufReader,
};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::answer;
use super::message::{Id, Kind, Message, Request, read_id};
use super::relay::{Awaited, Cleared, Onward, Relay};
use super::waiting::Pulse;
use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::source::Source;

/// How many lines of calls that a person decided about wait to be sent.
const LINES_MAX: usize = 64;
/// How much waits for a wrapper that reads slowly, before nothing more is read from it.
const OUT_BYTES_MAX: usize = 1 << 20;
/// How much is read at once.
const BUFFER_BYTES: usize = 64 << 10;
/// The longest first line.
const HELLO_BYTES_MAX: u64 = 4 << 10;
/// How long a wrapper may take to read what is left for it.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);
/// How long a wrapper may take to say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// What a wrapper says first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkHello {
    /// The server, as policies may name it.
    pub server: String,
    /// The agent that the client is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The conversation that its calls belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
}

/// What a wrapper is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkWelcome {
    /// It may go on.
    Ready,
    /// It may not, for this reason.
    Refused(String),
}

/// One side of a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkSide {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl LinkSide {
    /// The letter before a message.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::Client => b'c',
            Self::Server => b's',
        }
    }

    /// The side of this letter.
    #[must_use]
    pub const fn of_letter(letter: u8) -> Option<Self> {
        match letter {
            b'c' => Some(Self::Client),
            b's' => Some(Self::Server),
            _ => None,
        }
    }
}

/// Serves one wrapper until it goes.
pub(crate) async fn serve<S>(
    stream: S,
    uid: u32,
    gateway: Arc<Gateway>,
    mut stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reading, writing) = tokio::io::split(stream);
    let (mut reading, mut writing) = (BufReader::with_capacity(BUFFER_BYTES, reading), writing);
    let greeted = tokio::time::timeout(HELLO_WITHIN, greet(&mut reading, &gateway, uid)).await;
    let (welcome, relay) = match greeted {
        Ok(Ok(relay)) => (LinkWelcome::Ready, Some(relay)),
        Ok(Err(why)) => (LinkWelcome::Refused(why), None),
        Err(_) => return,
    };
    let mut line = serde_json::to_string(&welcome).unwrap_or_default();
    line.push('\n');
    if writing.write_all(line.as_bytes()).await.is_err() {
        return;
    }
    let Some(relay) = relay else { return };
    let (lines, mut coming) = mpsc::channel(LINES_MAX);
    let (link, mut out) =
        (Arc::new(Link { relay, lines, asked: Mutex::default() }), Out::default());
    tokio::select! {
        () = link.run(reading, &mut writing, &mut coming, &mut out) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    // What was said last still goes out, unless nobody reads it.
    while let Ok(line) = coming.try_recv() {
        out.push(line);
    }
    tokio::time::timeout(LAST_WORDS_WITHIN, writing.write_all(&out.0)).await.ok();
}

async fn greet(
    reading: &mut (impl AsyncBufRead + Unpin),
    gateway: &Arc<Gateway>,
    uid: u32,
) -> Result<Relay, String> {
    let mut line = String::new();
    let read = reading.take(HELLO_BYTES_MAX).read_line(&mut line).await;
    read.map_err(|error| error.to_string())?;
    let hello: LinkHello = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    let agent = hello.agent.as_deref().map(AgentId::parse).transpose();
    let agent = agent.map_err(|error| error.to_string())?;
    let named = agent.as_ref().map_or("", AgentId::as_str);
    let conversation = hello.conversation.unwrap_or_else(|| format!("mcp {uid} {named}"));
    let conversation = ConversationId::parse(&conversation).map_err(|error| error.to_string())?;
    // The system vouches for the account, and the socket is for that account alone. It speaks for
    // whichever agent it says: whoever can start a server can do what the server does.
    let principal = Principal {
        name: format!("wrapper (uid {uid})").into(),
        roles: [Role::Agent].into(),
        agent,
    };
    let caller = Caller::of_account(principal, Source::Link { uid });
    gateway.welcome(&caller).await.map_err(|problem| problem.message().to_owned())?;
    let server = hello.server.as_str().into();
    let (gateway, shown) = (gateway.clone(), Arc::default());
    Ok(Relay { gateway, caller, server, conversation, path: "mcp link", shown, in_rounds: true })
}

/// One client, one server, and what passes between them.
struct Link {
    relay: Relay,
    lines: mpsc::Sender<(LinkSide, String)>,
    /// The client's requests that have not been answered.
    asked: Mutex<HashMap<Id, Stage>>,
}

/// Which sides have said their last.
#[derive(Default)]
struct Done {
    client: bool,
    told: bool,
}

/// How far a client's request has come.
enum Stage {
    /// It is being judged; the server has not heard of it.
    Judged(AbortHandle),
    /// The server has it.
    Sent(Box<Awaited>),
}

impl Link {
    /// One task reads, writes, and judges what is decided at once: a line that went from task to
    /// task would be on its way for longer than all that is done with it.
    async fn run(
        self: &Arc<Self>,
        mut reading: impl AsyncBufRead + Unpin,
        writing: &mut (impl AsyncWrite + Unpin),
        coming: &mut mpsc::Receiver<(LinkSide, String)>,
        out: &mut Out,
    ) {
        let max = self.relay.gateway.limits.result_bytes_max;
        let mut judging = JoinSet::new();
        let (mut line, mut done) = (Vec::new(), Done::default());
        loop {
            while let Ok(said) = coming.try_recv() {
                out.push(said);
            }
            // The server learns that the client is done once it has all that the client asked.
            if done.client && !done.told && judging.is_empty() {
                done.told = true;
                out.push((LinkSide::Server, String::new()));
            }
            tokio::select! {
                biased;
                written = writing.write(&out.0), if !out.0.is_empty() => match written {
                    Ok(bytes @ 1..) => drop(out.0.drain(..bytes)),
                    Ok(0) | Err(_) => return,
                },
                // Taken out as they end, so that the set holds only what is still being judged.
                Some(_) = judging.join_next() => {}
                Some(said) = coming.recv() => out.push(said),
                read = read_line(&mut reading, &mut line, max), if out.0.len() < OUT_BYTES_MAX => {
                    let (Ok(true), Some((side, text))) = (read, side_and_text(&line)) else { return };
                    self.take_in(side, text, (&mut done, &mut judging), (coming, out)).await;
                    line.clear();
                }
            }
        }
    }

    /// Hears a line. What is said on the way goes out, so that nobody waits for room that only we
    /// can make.
    async fn take_in(
        self: &Arc<Self>,
        side: LinkSide,
        text: &str,
        (done, judging): (&mut Done, &mut JoinSet<()>),
        (coming, out): (&mut mpsc::Receiver<(LinkSide, String)>, &mut Out),
    ) {
        let heard = self.hear(side, text, done, judging);
        tokio::pin!(heard);
        loop {
            tokio::select! {
                biased;
                () = &mut heard => return,
                Some(said) = coming.recv() => out.push(said),
            }
        }
    }

    async fn hear(
        self: &Arc<Self>,
        side: LinkSide,
        text: &str,
        done: &mut Done,
        judging: &mut JoinSet<()>,
    ) {
        match side {
            LinkSide::Client if text.trim_ascii().is_empty() => done.client = true,
            LinkSide::Client => self.from_client(text, judging).await,
            LinkSide::Server => self.from_server(text, judging).await,
        }
    }

    async fn from_client(self: &Arc<Self>, text: &str, judging: &mut JoinSet<()>) {
        let message = match Message::read(text) {
            Ok(message) => message,
            Err(why) => {
                let words = why.to_string();
                let error = answer::error(None, answer::INVALID_REQUEST, &words, None);
                return self.say(LinkSide::Client, error).await;
            }
        };
        match message.kind {
            Kind::Request(request) => {
                let id = request.id();
                let full = self.asked().len() >= self.relay.gateway.limits.requests_max;
                if full || self.asked().contains_key(&id) {
                    let words = match full {
                        true => "more requests are open than `requests_max` allows",
                        false => "a request of this id is open already",
                    };
                    let error = answer::error(Some(&id), answer::INVALID_REQUEST, words, None);
                    return self.say(LinkSide::Client, error).await;
                }
                let (link, text) = (self.clone(), message.text.to_owned());
                let mut judged = Box::pin(async move { link.judge(text).await });
                let is_done =
                    poll_fn(|context| Poll::Ready(judged.as_mut().poll(context).is_ready()));
                if !is_done.await {
                    // The lock is held until the stage is in, so the task cannot end before.
                    let mut asked = self.asked();
                    let task = judging.spawn(judged);
                    asked.entry(id).or_insert(Stage::Judged(task));
                }
            }
            Kind::Notification { .. } if self.cancels(&message) => {}
            Kind::Notification { .. } | Kind::Response { .. } => {
                self.say(LinkSide::Server, message.text.to_owned()).await;
            }
        }
    }

    /// Has a client's request judged, and passes it on or answers it.
    async fn judge(&self, text: String) {
        let Ok(Message { kind: Kind::Request(request), .. }) = Message::read(&text) else { return };
        let wait = Duration::from_secs(self.relay.gateway.limits.wait_seconds_max);
        match self.heard(&request, wait).await {
            Onward::Pass(cleared) => {
                let (text, awaited) = cleared.into_parts();
                self.asked().insert(awaited.id.clone(), Stage::Sent(Box::new(awaited)));
                self.say(LinkSide::Server, text).await;
            }
            Onward::Answer(answer) | Onward::Later(answer, _) => {
                self.asked().remove(&request.id());
                self.say(LinkSide::Client, answer).await;
            }
        }
    }

    /// The word on a request. While a person thinks, a client that asked to hear of progress does.
    async fn heard(&self, request: &Request<'_>, wait: Duration) -> Onward<Cleared> {
        let asked = self.relay.ask(request, wait);
        tokio::pin!(asked);
        let mut pulse = Pulse::of(request);
        loop {
            tokio::select! {
                biased;
                onward = &mut asked => return onward,
                () = pulse.due(), if pulse.is_heard() => {}
            }
            if let Some(word) = pulse.word() {
                self.say(LinkSide::Client, word).await;
            }
        }
    }

    /// Whether a message takes back a request that the server has not heard of.
    fn cancels(&self, message: &Message<'_>) -> bool {
        let Some(id) = message.cancelled_id() else { return false };
        let mut asked = self.asked();
        let Some(Stage::Judged(task)) = asked.get(&id) else { return false };
        task.abort();
        asked.remove(&id);
        true
    }

    async fn from_server(self: &Arc<Self>, text: &str, judging: &mut JoinSet<()>) {
        // What a server prints beside its messages is passed on to nobody.
        let Ok(message) = Message::read(text) else { return };
        match message.kind {
            Kind::Notification { .. } => {
                if let Some(told) = self.relay.told(&message) {
                    self.say(LinkSide::Client, told).await;
                }
            }
            Kind::Response { id, .. } => {
                // An answer that nobody waits for is dropped, and so is a second one.
                let Some(id) = id.and_then(read_id) else { return };
                let asked = self.asked().remove(&id);
                let awaited = match asked {
                    Some(Stage::Sent(awaited)) => awaited,
                    Some(judged @ Stage::Judged(_)) => {
                        // An answer before the question was asked is none.
                        self.asked().insert(id, judged);
                        return;
                    }
                    None => return,
                };
                let answer = self.relay.answered(&awaited, &message).await;
                self.say(LinkSide::Client, answer).await;
            }
            Kind::Request(_) => {
                let (link, text) = (self.clone(), message.text.to_owned());
                judging.spawn(async move { link.judge_servers(text).await });
            }
        }
    }

    async fn judge_servers(&self, text: String) {
        let Ok(Message { kind: Kind::Request(request), .. }) = Message::read(&text) else { return };
        let wait = Duration::from_secs(self.relay.gateway.limits.wait_seconds_max);
        match self.relay.ask_client(&request, wait).await {
            Onward::Pass(()) => self.say(LinkSide::Client, text).await,
            Onward::Answer(answer) | Onward::Later(answer, _) => {
                self.say(LinkSide::Server, answer).await;
            }
        }
    }

    async fn say(&self, to: LinkSide, text: String) {
        // A wrapper that is gone hears nothing, and its connection ends soon.
        let _ = self.lines.send((to, text)).await;
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Stage>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn side_and_text(line: &[u8]) -> Option<(LinkSide, &str)> {
    let (letter, text) = line.split_first()?;
    Some((LinkSide::of_letter(*letter)?, std::str::from_utf8(text).ok()?))
}

/// Reads one line of at most so many bytes; `false` at the end.
async fn read_line(
    reading: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    max: usize,
) -> io::Result<bool> {
    let room = (max + 2).saturating_sub(line.len()) as u64;
    // Called again after it was cancelled, it goes on where it was: what was read is in `line`.
    reading.take(room).read_until(b'\n', line).await?;
    match line.last() {
        Some(b'\n') => Ok(true),
        _ if line.len() > max => Err(io::ErrorKind::InvalidData.into()),
        _ => Ok(false),
    }
}

/// Lines on their way to a wrapper.
#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn push(&mut self, (to, text): (LinkSide, String)) {
        self.0.push(to.letter());
        // A message that was read over several lines is still one line here.
        self.0.extend(text.bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
        self.0.push(b'\n');
    }
}
