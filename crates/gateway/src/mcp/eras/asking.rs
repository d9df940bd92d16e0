//! Asking one server in the words of the newest revision, whichever it speaks.

use axum::http::{HeaderMap, Method, Response, StatusCode};

use super::super::answer;
use super::super::http::Way;
use super::super::message::{Id, Kind, Message, Request};
use super::super::outlet::{Gone, Outlet};
use super::super::relay::{Cleared, Onward};
use super::super::reply::{answers, collected, status_for_client};
use super::super::sse::Event;
use super::super::upstream::{FromServer, Outgoing, Silent};
use super::downward::{self, Declared};
use super::hearing::Hearing;
use super::knowledge::{Speaks, is_bewildered};
use super::parked::{self, Brought};
use super::words::{Answer, answer as taken_apart, request_in};
use super::{mirror, words};

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Under which status the answer goes to a client of the newest revision.
    pub(crate) status: StatusCode,
    /// The answer, in the words of the newest revision.
    pub(crate) text: String,
    /// When the client may try again.
    pub(crate) retry_after: Option<u64>,
    /// What the request was, if it went to its server: it may have to go there again.
    pub(crate) cleared: Option<Cleared>,
}

impl Asked {
    /// An answer of ours.
    pub(crate) fn ours(status: StatusCode, text: String) -> Self {
        Self { status, text, retry_after: None, cleared: None }
    }

    /// An answer to a request of this id.
    pub(crate) fn to(id: &Id, answer: &Answer) -> Self {
        Self::ours(downward::status(answer), answer.write(id.as_json()))
    }

    /// That something went wrong on the way.
    pub(crate) fn failed(id: &Id, words: &str) -> Self {
        Self::ours(StatusCode::OK, answer::error(Some(id), answer::INTERNAL, words, None))
    }

    /// That the server said nothing.
    pub(crate) fn silent(id: &Id, silent: Silent) -> Self {
        let error = answer::error(Some(id), answer::INTERNAL, &silent.to_string(), silent.code());
        Self::ours(StatusCode::OK, error)
    }

    /// The answer, taken apart.
    pub(crate) fn answer(&self) -> Option<Answer> {
        taken_apart(&self.text)
    }
}

/// What a server of the newest revision made of a request.
pub(crate) enum Made {
    /// An answer.
    Answered(Asked),
    /// Nothing: it does not know the revision.
    Bewildered(Cleared, Asked),
}

impl Way {
    /// Asks the server something in the words of the newest revision. What was asked before, and
    /// goes once more, has its leave already.
    pub(crate) async fn modern(
        &self,
        text: &str,
        again: Option<Cleared>,
        outlet: &mut Outlet,
    ) -> Result<Asked, Gone> {
        let Some(request) = request_in(text) else {
            return Ok(Asked::failed(&Id::none(), "not a request"));
        };
        let id = request.id();
        match parked::brought(&request, &self.door.seal, &self.owner) {
            Brought::Nothing => {}
            Brought::Call(name) => return self.come_back(&request, &name, outlet).await,
            Brought::Forged => {
                let words = "`requestState` is none that you were given, or of a call that is over";
                let error = answer::error(Some(&id), answer::INVALID_PARAMS, words, None);
                return Ok(Asked::ours(StatusCode::BAD_REQUEST, error));
            }
        }
        let speaks = self.door.knowledge.of(&self.relay.server);
        if speaks == Speaks::Old && !downward::can_be_asked(&request.method()) {
            return Ok(Asked::to(&id, &no_such(&request.method())));
        }
        let cleared = match again {
            Some(cleared) => cleared,
            None => match self.clear(&request, outlet).await? {
                Onward::Pass(cleared) => cleared,
                Onward::Answer(text) => return Ok(Asked::ours(StatusCode::OK, text)),
                Onward::Later(text, seconds) => {
                    let asked = Asked::ours(StatusCode::TOO_MANY_REQUESTS, text);
                    return Ok(Asked { retry_after: Some(seconds), ..asked });
                }
            },
        };
        if speaks == Speaks::Old {
            return self.ask_old(&request, cleared, outlet).await;
        }
        // A second time there is more in it than was judged, which acts on nothing.
        let Some(cleared) = cleared.reworded(text.to_owned()) else {
            return Ok(Asked::failed(&id, "the request is another one than was judged"));
        };
        match self.ask_new(&request, cleared, outlet).await? {
            Made::Answered(asked) => Ok(asked),
            Made::Bewildered(cleared, asked) => {
                Ok(self.turn_to_old(&request, cleared, outlet).await?.unwrap_or(asked))
            }
        }
    }

    /// Asks a server of an older revision that has not understood a newer one; nothing comes of it
    /// where it is none.
    pub(crate) async fn turn_to_old(
        &self,
        request: &Request<'_>,
        cleared: Cleared,
        outlet: &mut Outlet,
    ) -> Result<Option<Asked>, Gone> {
        if !self.turns_out_old(&Declared::by(request)).await {
            return Ok(None);
        }
        if !downward::can_be_asked(&request.method()) {
            return Ok(Some(Asked::to(&request.id(), &no_such(&request.method()))));
        }
        self.ask_old(request, cleared, outlet).await.map(Some)
    }

    /// Asks a server as one of the newest revision.
    pub(crate) async fn ask_new(
        &self,
        request: &Request<'_>,
        cleared: Cleared,
        outlet: &mut Outlet,
    ) -> Result<Made, Gone> {
        let id = request.id();
        let mut headers = mirror::new(&self.headers, cleared.text());
        self.add_parameters(request, &mut headers);
        let sent = self.send_as(Method::POST, &headers, None, Outgoing::Cleared(&cleared));
        let response = tokio::select! {
            response = sent => response,
            () = outlet.gone() => return Err(Gone),
        };
        let response = match response {
            Ok(response) => response,
            Err(silent) => return Ok(Made::Answered(Asked::silent(&id, silent))),
        };
        let limits = &self.relay.gateway.limits;
        let status = status_for_client(response.status());
        if response.status().is_client_error() {
            let body = tokio::select! {
                body = collected(response.into_body(), limits) => body.unwrap_or_default(),
                () = outlet.gone() => return Err(Gone),
            };
            let bewildered = is_bewildered(status, &body, &request.method(), &id);
            let text = self.guarded_error(&cleared, &body, status).await;
            let asked = Asked::ours(status, text);
            return Ok(match bewildered {
                true => Made::Bewildered(cleared, asked),
                false => Made::Answered(Asked { cleared: Some(cleared), ..asked }),
            });
        }
        let mut hearing = Hearing::of(response, limits);
        while let Some(said) = self.hear(&mut hearing, outlet).await? {
            let Ok(said) = said else { break };
            let Ok(message) = Message::read(&said) else { continue };
            match message.kind {
                Kind::Notification { .. } => self.pass_on(&message, outlet).await?,
                Kind::Response { .. } if answers(&said, &id) => {
                    let text = self.relay.answered(cleared.awaited(), &message).await;
                    self.learn_parameters(request, &text);
                    if is_bewildered(status, &text, &request.method(), &id) {
                        return Ok(Made::Bewildered(cleared, Asked::ours(status, text)));
                    }
                    let asked = Asked::ours(status, text);
                    return Ok(Made::Answered(Asked { cleared: Some(cleared), ..asked }));
                }
                // Requests have no place here, and other answers are nobody's.
                Kind::Response { .. } | Kind::Request(_) => {}
            }
        }
        let words = format!("the server answered with status {status} and no answer to this");
        Ok(Made::Answered(Asked::failed(&id, &words)))
    }

    /// The next thing that a server says, while its client is there.
    pub(crate) async fn hear(
        &self,
        hearing: &mut Hearing,
        outlet: &mut Outlet,
    ) -> Result<Option<Result<String, String>>, Gone> {
        tokio::select! {
            said = hearing.next(&self.relay.gateway.limits) => Ok(said.transpose()),
            () = outlet.gone() => Err(Gone),
            () = self.relay.gateway.closing() => Ok(None),
        }
    }

    /// Passes on what a server says on the way to its answer.
    pub(crate) async fn pass_on(
        &self,
        message: &Message<'_>,
        outlet: &mut Outlet,
    ) -> Result<(), Gone> {
        match self.relay.told(message) {
            Some(told) => outlet.event(&Event::of(told)).await,
            None => Ok(()),
        }
    }

    /// An error of the server's as its client may have it; one of ours where it made none.
    async fn guarded_error(&self, cleared: &Cleared, body: &str, status: StatusCode) -> String {
        let awaited = cleared.awaited();
        match Message::read(body) {
            Ok(message @ Message { kind: Kind::Response { .. }, .. }) => {
                let text = self.relay.answered(awaited, &message).await;
                let error = taken_apart(&text);
                error.map_or(text, |error| error.write(awaited.id.as_json()))
            }
            _ => {
                let words =
                    format!("the server answered with status {status} and no answer to this");
                answer::error(Some(&awaited.id), answer::INTERNAL, &words, None)
            }
        }
    }

    /// Sends something with these headers.
    pub(crate) async fn send_as(
        &self,
        method: Method,
        headers: &HeaderMap,
        session: Option<&str>,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<FromServer>, Silent> {
        let servers = &self.door.servers;
        servers.send(&self.relay.server, method, headers, session, &self.owner, outgoing).await
    }

    /// A request of ours that acts on nothing.
    pub(crate) async fn of_ours(&self, text: &str) -> Option<Cleared> {
        let request = request_in(text)?;
        match self.relay.ask(&request, std::time::Duration::ZERO).await {
            Onward::Pass(cleared) => Some(cleared),
            Onward::Answer(_) | Onward::Later(..) => None,
        }
    }

    fn add_parameters(&self, request: &Request<'_>, headers: &mut HeaderMap) {
        if request.method() != "tools/call" {
            return;
        }
        let Some(name) = request.mirrored_name() else { return };
        let mirrored = self.door.parameters.of(&self.relay.server, &name);
        if mirrored.is_empty() {
            return;
        }
        let arguments = words::fields(request.params).remove("arguments");
        let arguments = arguments.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let arguments: serde_json::Value = arguments.unwrap_or_default();
        for (header, at) in mirrored.iter() {
            if let Some(value) = mirror::parameter(&arguments, at) {
                headers.insert(header, value);
            }
        }
    }

    fn learn_parameters(&self, request: &Request<'_>, text: &str) {
        // Most lists say nothing of the kind.
        if request.method() == "tools/list"
            && text.contains("x-mcp-header")
            && let Some(Answer::Done(list)) = taken_apart(text)
        {
            self.door.parameters.learn(&self.relay.server, &list, &self.relay.gateway.limits);
        }
    }
}

fn no_such(method: &str) -> Answer {
    let method = bakerst_model::Escaped(method).to_string();
    let method = method.get(..100).unwrap_or(&method);
    downward::no_such_method(&format!(
        "`{method}` cannot be asked of this server: it speaks an older revision, where this belongs to a session or means another thing"
    ))
}
