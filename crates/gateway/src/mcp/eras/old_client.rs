//! A client of an older revision before something that speaks the newest alone: its session is a
//! name of ours that holds what it said when it began, and what is wanted of it in a result comes
//! to it as a request.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use bakerst_model::Digest;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::super::answer;
use super::super::core::Core;
use super::super::door::Door;
use super::super::message::{Id, Kind, Message, Request, read_id};
use super::super::outlet::{Gone, Outlet};
use super::super::reply::{carried, whole};
use super::super::session::Owner;
use super::super::sse::Event;
use super::super::waiting::PULSE;
use super::asking::Asked;
use super::listening::Filter;
use super::sessions::Key;
use super::standing::TooMany;
use super::streams::Heard;
use super::upward::{self, Stated, Wanted};
use super::words::{Answer, answer as taken_apart, fields, request_in};

/// How often a server may want something of its client before a call ends.
const ROUNDS_MAX: usize = 16;
/// How long to wait where a server wants nothing but to be asked again.
const SOON: Duration = Duration::from_millis(500);
/// How long after a client has changed what it watches its server is told: most change more than
/// one thing.
const SETTLED: Duration = Duration::from_millis(100);

/// A client in its session.
#[derive(Clone)]
pub(crate) struct OldClient {
    /// What it speaks to.
    pub(crate) core: Core,
    /// What it said when it began.
    pub(crate) stated: Stated,
    /// Whose session it is.
    pub(crate) owner: Owner,
    /// The name of the session.
    pub(crate) session: String,
}

/// What we have asked clients, and wait to be answered.
#[derive(Default)]
pub(crate) struct Questions {
    waiting: Mutex<HashMap<(Key, Id), oneshot::Sender<Answer>>>,
    asked: AtomicU64,
}

impl Questions {
    fn waiting(&self) -> MutexGuard<'_, HashMap<(Key, Id), oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, session: Key) -> (Id, oneshot::Receiver<Answer>) {
        let id = Id::of_text(&format!("bakerst-{}", self.asked.fetch_add(1, Ordering::Relaxed)));
        let (answer, answered) = oneshot::channel();
        self.waiting().insert((session, id.clone()), answer);
        (id, answered)
    }

    fn answer(&self, session: Key, id: Id, answer: Answer) {
        if let Some(waiting) = self.waiting().remove(&(session, id)) {
            // Whoever asked may have gone.
            let _ = waiting.send(answer);
        }
    }

    fn forget(&self, session: Key, id: &Id) {
        self.waiting().remove(&(session, id.clone()));
    }
}

/// The answer to `initialize` of a client whose server knows none, by what that told of itself; and
/// the name of the session.
pub(crate) fn begun(
    door: &Door,
    owner: &Owner,
    (id, stated): (&Id, &Stated),
    discovered: &Value,
) -> Option<(String, String)> {
    let name = door.seal.name(&stated.sealed(), &owner.of_ours()).ok()?;
    Some((answer::result(id, &upward::initialized(discovered, stated)), name))
}

impl OldClient {
    fn door(&self) -> &Arc<Door> {
        self.core.door()
    }

    fn key(&self) -> Key {
        *Digest::of(self.session.as_bytes()).as_bytes()
    }

    /// Answers what the client does in its session.
    pub(crate) async fn serve(self, method: &Method, body: &[u8]) -> Response<Body> {
        match *method {
            Method::POST => self.post(body).await,
            Method::DELETE => {
                self.door().standing.forget(&self.key());
                whole(StatusCode::OK, String::new())
            }
            _ => self.listen().await,
        }
    }

    async fn post(self, body: &[u8]) -> Response<Body> {
        let bad = |words: &str| {
            let error = answer::error(None, answer::INVALID_REQUEST, words, None);
            whole(StatusCode::BAD_REQUEST, error)
        };
        let Ok(text) = std::str::from_utf8(body) else { return bad("the body is not UTF-8") };
        let message = match Message::read(text) {
            Ok(message) => message,
            Err(why) => return bad(&why.to_string()),
        };
        match message.kind {
            Kind::Request(_) => {
                let (outlet, answer) = Outlet::new();
                carried(self.carry(message.text.to_owned(), outlet), answer).await
            }
            Kind::Response { id, .. } => {
                if let (Some(id), Some(answer)) = (id.and_then(read_id), taken_apart(message.text))
                {
                    self.door().questions.answer(self.key(), id, answer);
                }
                whole(StatusCode::ACCEPTED, String::new())
            }
            Kind::Notification { .. } => {
                // The others tell of a session that the server does not have.
                if let Some(id) = message.cancelled_id() {
                    let call = (self.owner, Some(self.session.clone()), id);
                    let under_way = self.door().waiting().get(&call).cloned();
                    under_way.inspect(|call| call.notify_one());
                }
                whole(StatusCode::ACCEPTED, String::new())
            }
        }
    }

    async fn carry(self, text: String, mut outlet: Outlet) {
        let Some(request) = request_in(&text) else { return };
        let call = (self.owner, Some(self.session.clone()), request.id());
        let taken_back = Arc::new(Notify::new());
        outlet.ends_with(taken_back.clone());
        self.door().waiting().insert(call.clone(), taken_back);
        let answered = self.answer(&request, &mut outlet).await;
        self.door().waiting().remove(&call);
        if let Ok(asked) = answered {
            if let Some(seconds) = asked.retry_after {
                outlet.retry_after(seconds);
            }
            // Under older revisions other statuses speak of the session.
            let status = match asked.status {
                StatusCode::TOO_MANY_REQUESTS => asked.status,
                _ => StatusCode::OK,
            };
            // Nobody may be left to be told.
            let _ = outlet.finish(status, asked.text).await;
        }
    }

    /// The answer to a request: from us where it is about the session, else from the server.
    async fn answer(&self, request: &Request<'_>, outlet: &mut Outlet) -> Result<Asked, Gone> {
        let (id, door, limits) = (request.id(), self.door(), &self.core.gateway().limits);
        let field = |name: &str| -> Option<String> {
            let raw = fields(request.params).remove(name)?;
            serde_json::from_str(raw.get()).ok()
        };
        let done = || Ok(Asked::to(&id, &Answer::Done(json!({}))));
        let wrong = |words: &str| {
            let error = answer::error(Some(&id), answer::INVALID_PARAMS, words, None);
            Ok(Asked::ours(StatusCode::OK, error))
        };
        match &*request.method() {
            "ping" => done(),
            "initialize" => wrong("this session has begun already"),
            "logging/setLevel" => match field("level") {
                Some(level) if level.len() <= 16 => {
                    door.standing.log_from(self.key(), &self.owner, level, limits);
                    done()
                }
                _ => wrong("`level` is no level"),
            },
            method @ ("resources/subscribe" | "resources/unsubscribe") => {
                let Some(uri) = field("uri") else { return wrong("`uri` is missing or no text") };
                let watches = method == "resources/subscribe";
                match door.standing.watch(self.key(), &self.owner, (&uri, watches), limits) {
                    Ok(()) => done(),
                    Err(TooMany) => wrong(
                        "more resources are watched than `mcp_subscriptions_max` allows, or longer addresses",
                    ),
                }
            }
            _ => self.ask(request, outlet).await,
        }
    }

    /// Asks the server, as often as it wants something first.
    async fn ask(&self, request: &Request<'_>, outlet: &mut Outlet) -> Result<Asked, Gone> {
        let id = request.id();
        let level = self.door().standing.of(&self.key()).and_then(|stands| stands.level);
        let first = upward::request(request, &self.stated, level.as_deref());
        let (mut text, mut again) = (first.clone(), None);
        for round in 1..=ROUNDS_MAX {
            let asked = self.core.ask(&text, again, outlet).await?;
            let Some(answer) = asked.answer() else { return Ok(asked) };
            let Some(wanted) = upward::wanted(&answer) else {
                if !upward::is_known(&answer) {
                    let words = "the server answered with a kind of result that no client of an older revision knows";
                    return Ok(Asked::failed(&id, words));
                }
                let text = upward::answered(answer).write(id.as_json());
                return Ok(Asked { text, ..asked });
            };
            let responses = match self.gather(&wanted, outlet).await? {
                Ok(responses) => responses,
                Err(words) => {
                    let error = answer::error(Some(&id), answer::DECLINED, &words, None);
                    return Ok(Asked::ours(StatusCode::OK, error));
                }
            };
            let Some(first) = request_in(&first) else { break };
            let name = Id::of_text(&format!("bakerst-{round}-{}", id.as_json()));
            text = upward::retry(&first, name.as_json(), wanted.state.as_deref(), &responses);
            again = asked.cleared;
        }
        Ok(Asked::failed(
            &id,
            &format!("the server wanted something {ROUNDS_MAX} times and came to no end"),
        ))
    }

    /// Has the client answer what the server wants; or why it cannot.
    async fn gather(
        &self,
        wanted: &Wanted,
        outlet: &mut Outlet,
    ) -> Result<Result<BTreeMap<String, Value>, String>, Gone> {
        if wanted.requests.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(SOON) => {}
                () = outlet.gone() => return Err(Gone),
            }
        }
        let mut responses = BTreeMap::new();
        for (key, request) in &wanted.requests {
            let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
            if !self.stated.can(request) {
                return Ok(Err(format!(
                    "the server asks for `{method}`, and this client has not said that it can do that; use one that can"
                )));
            }
            match self.question(request, outlet).await? {
                Some(Answer::Done(result)) => drop(responses.insert(key.clone(), result)),
                Some(Answer::Failed(error)) => {
                    let why = error.get("message").and_then(Value::as_str).unwrap_or_default();
                    return Ok(Err(format!(
                        "the client did not do `{method}` for the server: {why}"
                    )));
                }
                None => {
                    return Ok(Err(format!(
                        "the client has not answered `{method}` within `wait_seconds_max`"
                    )));
                }
            }
        }
        Ok(Ok(responses))
    }

    /// Asks the client one thing, and waits for its answer.
    async fn question(&self, wanted: &Value, outlet: &mut Outlet) -> Result<Option<Answer>, Gone> {
        let (id, mut answered) = self.door().questions.ask(self.key());
        let text = upward::wanted_request(id.as_json(), wanted, &self.stated.revision);
        let patience = Duration::from_secs(self.core.gateway().limits.wait_seconds_max);
        let answer = async {
            outlet.event(&Event::of(text)).await?;
            let late = tokio::time::sleep(patience);
            tokio::pin!(late);
            loop {
                tokio::select! {
                    answer = &mut answered => return Ok(answer.ok()),
                    () = &mut late => return Ok(None),
                    () = outlet.gone() => return Err(Gone),
                    () = tokio::time::sleep(PULSE) => {}
                }
                outlet.keep_alive().await?;
            }
        };
        let answer = answer.await;
        self.door().questions.forget(self.key(), &id);
        answer
    }

    /// Opens a stream for what the server says of itself.
    async fn listen(self) -> Response<Body> {
        let (outlet, answer) = Outlet::new();
        tokio::spawn(async move {
            // The client may go whenever it likes.
            let _ = self.hear_all(outlet).await;
        });
        answer.await.unwrap_or_else(|_| whole(StatusCode::BAD_GATEWAY, String::new()))
    }

    async fn hear_all(&self, mut outlet: Outlet) -> Result<(), Gone> {
        outlet.stream()?;
        let limits = &self.core.gateway().limits;
        let keep = || self.door().standing.keep(self.key(), &self.owner, limits);
        loop {
            let changed = keep().changed;
            let changed = changed.notified();
            tokio::pin!(changed);
            let watched = keep().watched;
            let filter = json!({ "notifications": Filter::all(watched) });
            let Value::Object(params) = filter else { return Ok(()) };
            let text = self.stated.asks("\"bakerst-listen\"", "subscriptions/listen", params);
            let (mut heard, mut is_over) = (self.core.listen(text), false);
            loop {
                tokio::select! {
                    said = heard.recv(), if !is_over => match said {
                        Some(Heard::Told(said)) => {
                            if let Some(told) = upward::told(&said) {
                                outlet.event(&Event::of(told)).await?;
                            }
                        }
                        Some(Heard::Promised(_)) => {}
                        None => is_over = true,
                    },
                    // Another filter is another request, once it is all there.
                    () = &mut changed => break tokio::time::sleep(SETTLED).await,
                    () = outlet.gone() => return Err(Gone),
                    () = self.core.gateway().closing() => return Ok(()),
                    () = tokio::time::sleep(PULSE) => outlet.keep_alive().await?,
                }
            }
        }
    }
}
