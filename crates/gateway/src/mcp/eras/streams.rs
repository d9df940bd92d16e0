//! What servers say on their own account, brought to whoever listens: a request that stays open in
//! the newest revision, a stream and subscriptions of a session in older ones.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::answer;
use super::super::core::Core;
use super::super::http::Way;
use super::super::message::{Kind, Message, Request, read_text};
use super::super::outlet::{Gone, Outlet};
use super::super::reply::{answers, is_stream};
use super::super::sse::Event;
use super::super::upstream::Outgoing;
use super::super::waiting::PULSE;
use super::downward::{self, Declared};
use super::hearing::Hearing;
use super::knowledge::{Speaks, is_bewildered};
use super::listening::{self, Filter};
use super::mirror;
use super::old_server::end_old;
use super::sessions::Old;
use super::words::{Answer, fields, request_in};

/// How many words wait for a client that reads slowly.
pub(crate) const WORDS_MAX: usize = 64;
/// How long after a stream broke it is opened again, at first and at most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What listeners hear.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// What they will be told.
    Promised(Filter),
    /// A word, without the name of a subscription.
    Told(String),
}

/// How a stream ended.
enum Ended {
    /// Nobody listens any more.
    Unheard,
    /// The server ended it.
    Broken,
    /// The server has nothing to tell, now or later.
    Silent,
}

/// What a request to listen is for.
pub(crate) fn wanted(request: &Request<'_>) -> Filter {
    let wanted = fields(request.params).remove("notifications");
    wanted.and_then(|wanted| serde_json::from_str(wanted.get()).ok()).unwrap_or_default()
}

impl Way {
    /// Listens for as long as somebody hears it. A stream that breaks is opened again.
    pub(crate) async fn listen(self, text: String, said: mpsc::Sender<Heard>) {
        let Some(request) = request_in(&text) else { return };
        let mut pause = PAUSE;
        loop {
            let ended = match self.door.knowledge.of(&self.relay.server) {
                Speaks::Old => self.listen_old(&request, &said).await,
                Speaks::AsAsked | Speaks::New => self.listen_new(&request, &said).await,
            };
            match ended {
                Ended::Unheard => return,
                Ended::Silent => return said.closed().await,
                Ended::Broken => {}
            }
            tokio::select! {
                () = said.closed() => return,
                () = self.relay.gateway.closing() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    async fn listen_new(&self, request: &Request<'_>, said: &mpsc::Sender<Heard>) -> Ended {
        let (id, filter) = (request.id(), wanted(request));
        let Some(cleared) = self.of_ours(request.text).await else { return Ended::Broken };
        let headers = mirror::new(&self.headers, request.text);
        let outgoing = Outgoing::Cleared(&cleared);
        let Ok(response) = self.send_as(Method::POST, &headers, None, outgoing).await else {
            return Ended::Broken;
        };
        let status = response.status();
        let mut hearing = Hearing::of(response, &self.relay.gateway.limits);
        loop {
            let text = match self.overhear(&mut hearing, said).await {
                Ok(text) => text,
                Err(ended) => return ended,
            };
            let told = match Message::read(&text) {
                Ok(message @ Message { kind: Kind::Notification { method, .. }, .. }) => {
                    match read_text(method).as_deref() {
                        Some("notifications/subscriptions/acknowledged") => promised(&message),
                        _ => self.told(&message, &filter),
                    }
                }
                _ if is_bewildered(status, &text, &request.method(), &id) => {
                    // It is listened to in other words if it is, and in the same ones otherwise.
                    self.turns_out_old(&Declared::by(request)).await;
                    return Ended::Broken;
                }
                Ok(_) if answers(&text, &id) => {
                    let is_refused = matches!(super::words::answer(&text), Some(Answer::Failed(_)));
                    return if is_refused {
                        self.promise_nothing(said).await
                    } else {
                        Ended::Broken
                    };
                }
                _ => None,
            };
            if let Some(told) = told
                && said.send(told).await.is_err()
            {
                return Ended::Unheard;
            }
        }
    }

    /// A session of its own for every listener: what one watches is no affair of another's.
    async fn listen_old(&self, request: &Request<'_>, said: &mpsc::Sender<Heard>) -> Ended {
        let old = match self.begin_old(&Declared::by(request)).await {
            Ok(old) => old,
            Err(why) => {
                self.unlearn_old(&why);
                return Ended::Broken;
            }
        };
        let ended = self.hear_old(&old, &wanted(request), said).await;
        end_old(&self.door.servers, &old).await;
        ended
    }

    async fn hear_old(&self, old: &Old, filter: &Filter, said: &mpsc::Sender<Heard>) -> Ended {
        let promised = filter.within(old.offers());
        if promised.is_empty() {
            return self.promise_nothing(said).await;
        }
        let mut headers = mirror::old(&self.headers, Some(old.revision()));
        headers.remove(CONTENT_TYPE);
        let sent = self.send_as(Method::GET, &headers, old.name.as_deref(), Outgoing::Plain);
        let Ok(response) = sent.await else { return Ended::Broken };
        if !is_stream(&response) {
            return self.promise_nothing(said).await;
        }
        let mut watched = BTreeSet::new();
        for uri in &promised.resources {
            if self.ask_aside(old, "resources/subscribe", &json!({ "uri": uri })).await {
                watched.insert(uri.clone());
            }
        }
        let promised = promised.with_resources(watched);
        if said.send(Heard::Promised(promised.clone())).await.is_err() {
            return Ended::Unheard;
        }
        let mut hearing = Hearing::of(response, &self.relay.gateway.limits);
        loop {
            let text = match self.overhear(&mut hearing, said).await {
                Ok(text) => text,
                Err(ended) => return ended,
            };
            let Ok(message) = Message::read(&text) else { continue };
            match message.kind {
                Kind::Notification { .. } => {
                    if let Some(told) = self.told(&message, &promised)
                        && said.send(told).await.is_err()
                    {
                        return Ended::Unheard;
                    }
                }
                Kind::Request(request) => {
                    let id = request.id();
                    let answer = match &*request.method() {
                        "ping" => answer::result(&id, &json!({})),
                        _ => {
                            let words = "nobody can be asked here: ask in the middle of a call";
                            answer::error(Some(&id), downward::NO_SUCH_METHOD, words, None)
                        }
                    };
                    self.tell_old(old, &answer).await;
                }
                Kind::Response { .. } => {}
            }
        }
    }

    /// The next thing that a server says to whoever listens.
    async fn overhear(
        &self,
        hearing: &mut Hearing,
        said: &mpsc::Sender<Heard>,
    ) -> Result<String, Ended> {
        tokio::select! {
            next = hearing.next(&self.relay.gateway.limits) => match next {
                Ok(Some(text)) => Ok(text),
                Ok(None) | Err(_) => Err(Ended::Broken),
            },
            () = said.closed() => Err(Ended::Unheard),
            () = self.relay.gateway.closing() => Err(Ended::Unheard),
        }
    }

    async fn promise_nothing(&self, said: &mpsc::Sender<Heard>) -> Ended {
        match said.send(Heard::Promised(Filter::default())).await {
            Ok(()) => Ended::Silent,
            Err(_) => Ended::Unheard,
        }
    }

    fn told(&self, message: &Message<'_>, filter: &Filter) -> Option<Heard> {
        filter.wants(message).then(|| self.relay.told(message).map(Heard::Told)).flatten()
    }
}

fn promised(message: &Message<'_>) -> Option<Heard> {
    let Kind::Notification { params, .. } = message.kind else { return None };
    let filter = fields(params).remove("notifications");
    let filter = filter.and_then(|filter| serde_json::from_str(filter.get()).ok());
    Some(Heard::Promised(filter.unwrap_or_default()))
}

/// Answers a client of the newest revision that listens.
pub(crate) async fn serve(core: &Core, text: &str, mut outlet: Outlet) -> Result<(), Gone> {
    let Some(request) = request_in(text) else { return Ok(()) };
    let (id, limits) = (request.id(), &core.gateway().limits);
    let wanted = wanted(&request);
    if wanted.resources.len() > limits.mcp_subscriptions_max {
        let words = "more resources are watched than `mcp_subscriptions_max` allows";
        let error = answer::error(Some(&id), answer::INVALID_PARAMS, words, None);
        return outlet.finish(axum::http::StatusCode::BAD_REQUEST, error).await;
    }
    let subscription: Value = serde_json::from_str(id.as_json()).unwrap_or_default();
    let mut heard = core.listen(text.to_owned());
    outlet.stream()?;
    // What will be told is said first, once all servers have said it or have had time to.
    let late = tokio::time::sleep(Duration::from_millis(limits.mcp_list_millis_max));
    tokio::pin!(late);
    let (mut missing, mut promised, mut early) = (core.servers(), Filter::default(), Vec::new());
    while missing > 0 {
        tokio::select! {
            heard = heard.recv() => match heard {
                Some(Heard::Promised(filter)) => {
                    promised = promised.or(filter);
                    missing -= 1;
                }
                Some(Heard::Told(word)) if early.len() < WORDS_MAX => early.push(word),
                Some(Heard::Told(_)) => {}
                None => break,
            },
            () = &mut late => break,
            () = outlet.gone() => return Err(Gone),
        }
    }
    outlet.event(&Event::of(listening::acknowledged(&promised, &subscription))).await?;
    let mut is_over = false;
    loop {
        for word in early.drain(..) {
            if let Some(word) = listening::tagged(&word, &subscription) {
                outlet.event(&Event::of(word)).await?;
            }
        }
        tokio::select! {
            said = heard.recv(), if !is_over => match said {
                Some(Heard::Told(word)) => early.push(word),
                Some(Heard::Promised(_)) => {}
                None => is_over = true,
            },
            () = outlet.gone() => return Err(Gone),
            () = core.gateway().closing() => {
                let last = answer::result(&id, &listening::ended(&subscription));
                return outlet.finish(axum::http::StatusCode::OK, last).await;
            }
            () = tokio::time::sleep(PULSE) => outlet.keep_alive().await?,
        }
    }
}
