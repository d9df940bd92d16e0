//! One client, one server, and what passes between them.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::LinkNews;
use super::ends::{LinkEnds, reading, writing};
use super::lines::{Lines, Out, TooLong};
use super::moment::Moment;
use crate::mcp::answer;
use crate::mcp::eras::words::request_in;
use crate::mcp::message::{Id, Kind, Message, Request, read_id};
use crate::mcp::relay::{Awaited, Cleared, Onward, Relay};
use crate::mcp::waiting::Pulse;

/// How many lines of calls that a person decided about wait to be sent.
const LINES_MAX: usize = 64;
/// How much waits for a side that reads slowly, before nothing more is read that could be for it.
const OUT_BYTES_MAX: usize = 1 << 20;
/// How long the two may take to read what is left for them.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// A client or a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Client,
    Server,
}

impl Side {
    /// A line that this side is to hear.
    fn hears(self, text: String) -> Option<Said> {
        Some(Said { to: self, text })
    }
}

/// A line, and who is to hear it.
struct Said {
    to: Side,
    text: String,
}

/// Both sides, and what lies between.
pub(super) struct Talk {
    link: Arc<Link>,
    /// What calls that are judged beside come to.
    coming: mpsc::Receiver<Said>,
    client: Lines,
    server: Lines,
    out: Outs,
}

/// What both sides are to hear.
struct Outs {
    client: Out,
    server: Out,
}

impl Outs {
    fn push(&mut self, Said { to, text }: Said) {
        match to {
            Side::Client => self.client.push(&text),
            Side::Server => self.server.push(&text),
        }
    }

    fn push_all(&mut self, coming: &mut mpsc::Receiver<Said>) {
        while let Ok(said) = coming.try_recv() {
            self.push(said);
        }
    }

    /// Whether a side may be listened to. A server that does not listen is still heard, so that it
    /// gets round to listening; what it is refused is short.
    fn has_room(&self, from: Side) -> bool {
        let server_max = match from {
            Side::Client => OUT_BYTES_MAX,
            Side::Server => 2 * OUT_BYTES_MAX,
        };
        self.client.bytes() < OUT_BYTES_MAX && self.server.bytes() < server_max
    }
}

impl Talk {
    /// A talk between those who hold the other ends.
    pub(super) fn between(ends: LinkEnds, relay: Relay) -> io::Result<Self> {
        let LinkEnds { from_client, to_client, from_server, to_server } = ends;
        let bytes_max = relay.gateway.limits.result_bytes_max;
        let (lines, coming) = mpsc::channel(LINES_MAX);
        Ok(Self {
            link: Arc::new(Link { relay, lines, asked: Mutex::default() }),
            coming,
            client: Lines::new(reading(from_client)?, bytes_max),
            server: Lines::new(reading(from_server)?, bytes_max),
            out: Outs {
                client: Out::new(writing(to_client)?),
                server: Out::new(writing(to_server)?),
            },
        })
    }

    /// Carries lines to and fro until one side or the wrapper is gone.
    ///
    /// One task reads, writes, and judges what is decided at once: a line that went from task to
    /// task would be on its way for longer than all that is done with it.
    pub(super) async fn run(&mut self, wrapper: &mut UnixStream) {
        let Self { link, coming, client, server, out } = self;
        let (mut judging, mut done, mut told) = (JoinSet::new(), false, false);
        let mut moment = Moment::new();
        while !out.client.is_closed() {
            out.push_all(coming);
            // The server learns that the client is done once it has all that the client asked.
            if done && !told && judging.is_empty() && out.server.bytes() == 0 {
                told = true;
                out.server.close().await;
                wrapper.write_all(&[LinkNews::ClientDone.letter()]).await.ok();
            }
            let (from, read) = tokio::select! {
                biased;
                () = out.client.write(), if out.client.bytes() > 0 => continue,
                () = out.server.write(), if out.server.bytes() > 0 => continue,
                // Taken out as they end, so that the set holds only what is still being judged.
                Some(_) = judging.join_next() => continue,
                Some(said) = coming.recv() => {
                    out.push(said);
                    continue;
                }
                // A wrapper says nothing more until it goes.
                _ = wrapper.read_u8() => return,
                read = server.advance(), if out.has_room(Side::Server) => (Side::Server, read),
                read = client.advance(), if !done && out.has_room(Side::Client) => (Side::Client, read),
                () = moment.pass(), if moment.lasts() => continue,
            };
            let line = match (from, read) {
                (Side::Client, Ok(true)) => client.line(),
                (Side::Server, Ok(true)) => server.line(),
                (Side::Client, Ok(false)) => {
                    done = true;
                    continue;
                }
                (Side::Server, Ok(false)) => return self.end(wrapper).await,
                (_, Err(TooLong)) => {
                    wrapper.write_all(&[LinkNews::TooLong.letter()]).await.ok();
                    return;
                }
            };
            let said = {
                let mut heard = pin!(link.hear(from, line, &mut judging));
                loop {
                    tokio::select! {
                        biased;
                        said = &mut heard => break said,
                        // Who says something on the way may hold what is waited for here.
                        Some(said) = coming.recv() => out.push(said),
                    }
                }
            };
            // A call that was judged beside reaches the server before what came later.
            out.push_all(coming);
            if let Some(said) = said {
                out.push(said);
                moment.begin();
            }
        }
    }

    /// The server has said its last; the client gets all of it, in its own time.
    async fn end(&mut self, wrapper: &mut UnixStream) {
        wrapper.write_all(&[LinkNews::ServerDone.letter()]).await.ok();
        self.out.push_all(&mut self.coming);
        tokio::select! {
            () = self.out.client.write_all() => {}
            _ = wrapper.read_u8() => {}
        }
    }

    /// What was said last still goes out, unless nobody reads it.
    pub(super) async fn say_last_words(&mut self) {
        self.out.push_all(&mut self.coming);
        let said = async {
            self.out.client.write_all().await;
            self.out.server.write_all().await;
        };
        tokio::time::timeout(LAST_WORDS_WITHIN, said).await.ok();
    }
}

/// What is decided about lines.
struct Link {
    relay: Relay,
    lines: mpsc::Sender<Said>,
    /// The client's requests that have not been answered.
    asked: Mutex<HashMap<Id, Stage>>,
}

/// How far a client's request has come.
enum Stage {
    /// It is being judged; the server has not heard of it.
    Judged(AbortHandle),
    /// The server has it.
    Sent(Box<Awaited>),
}

impl Link {
    /// Takes a line, and says what comes of it, unless that is judged beside and comes later.
    async fn hear(
        self: &Arc<Self>,
        from: Side,
        line: &[u8],
        judging: &mut JoinSet<()>,
    ) -> Option<Said> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        match (from, std::str::from_utf8(line)) {
            (Side::Client, Ok(text)) => self.from_client(text, judging).await,
            (Side::Server, Ok(text)) => self.from_server(text, judging).await,
            (Side::Client, Err(_)) => {
                let words = "a line is not UTF-8";
                let error = answer::error(None, answer::INVALID_REQUEST, words, None);
                Side::Client.hears(error)
            }
            // What a server prints beside its messages is passed on to nobody.
            (Side::Server, Err(_)) => None,
        }
    }

    async fn from_client(self: &Arc<Self>, text: &str, judging: &mut JoinSet<()>) -> Option<Said> {
        let message = match Message::read(text) {
            Ok(message) => message,
            Err(why) => {
                let words = why.to_string();
                let error = answer::error(None, answer::INVALID_REQUEST, &words, None);
                return Side::Client.hears(error);
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
                    return Side::Client.hears(error);
                }
                let (link, text) = (self.clone(), message.text.to_owned());
                let mut judged = Box::pin(async move { link.judge(text).await });
                let at_once = poll_fn(|context| Poll::Ready(judged.as_mut().poll(context)));
                if let Poll::Ready(said) = at_once.await {
                    return said;
                }
                let link = self.clone();
                // The lock is held until the stage is in, so the task cannot end before.
                let mut asked = self.asked();
                let task = judging.spawn(async move { link.say(judged.await).await });
                asked.entry(id).or_insert(Stage::Judged(task));
                None
            }
            Kind::Notification { .. } if self.cancels(&message) => None,
            Kind::Notification { .. } | Kind::Response { .. } => {
                Side::Server.hears(message.text.to_owned())
            }
        }
    }

    /// Has a client's request judged, so that it is passed on or answered.
    async fn judge(&self, text: String) -> Option<Said> {
        let request = request_in(&text)?;
        let wait = Duration::from_secs(self.relay.gateway.limits.wait_seconds_max);
        match self.heard(&request, wait).await {
            Onward::Pass(cleared) => {
                let (text, awaited) = cleared.into_parts();
                self.asked().insert(awaited.id.clone(), Stage::Sent(Box::new(awaited)));
                Side::Server.hears(text)
            }
            Onward::Answer(answer) | Onward::Later(answer, _) => {
                self.asked().remove(&request.id());
                Side::Client.hears(answer)
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
                self.say(Side::Client.hears(word)).await;
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

    async fn from_server(self: &Arc<Self>, text: &str, judging: &mut JoinSet<()>) -> Option<Said> {
        // What a server prints beside its messages is passed on to nobody.
        let message = Message::read(text).ok()?;
        match message.kind {
            Kind::Notification { .. } => {
                self.relay.told(&message).and_then(|told| Side::Client.hears(told))
            }
            Kind::Response { id, .. } => {
                // An answer that nobody waits for is dropped, and so is a second one.
                let id = id.and_then(read_id)?;
                let asked = self.asked().remove(&id);
                let awaited = match asked {
                    Some(Stage::Sent(awaited)) => awaited,
                    Some(judged @ Stage::Judged(_)) => {
                        // An answer before the question was asked is none.
                        self.asked().insert(id, judged);
                        return None;
                    }
                    None => return None,
                };
                Side::Client.hears(self.relay.answered(&awaited, &message).await)
            }
            Kind::Request(request) if judging.len() >= self.relay.gateway.limits.requests_max => {
                let words = "more requests are open than `requests_max` allows";
                let error =
                    answer::error(Some(&request.id()), answer::INVALID_REQUEST, words, None);
                Side::Server.hears(error)
            }
            Kind::Request(_) => {
                let (link, text) = (self.clone(), message.text.to_owned());
                judging.spawn(async move { link.say(link.judge_servers(text).await).await });
                None
            }
        }
    }

    async fn judge_servers(&self, text: String) -> Option<Said> {
        let request = request_in(&text)?;
        let wait = Duration::from_secs(self.relay.gateway.limits.wait_seconds_max);
        match self.relay.ask_client(&request, wait).await {
            Onward::Pass(()) => Side::Client.hears(text),
            Onward::Answer(answer) | Onward::Later(answer, _) => Side::Server.hears(answer),
        }
    }

    /// Says what was not said at once.
    async fn say(&self, said: Option<Said>) {
        if let Some(said) = said {
            // A wrapper that is gone hears nothing, and its connection ends soon.
            let _ = self.lines.send(said).await;
        }
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Stage>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
