//! Where a client and its server turn out to speak different revisions.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::Map;

use super::super::core::Core;
use super::super::http::Way;
use super::super::message::{Kind, Message, Request};
use super::super::outlet::{Gone, Outlet};
use super::super::relay::{Cleared, is_stateless};
use super::super::upstream::Outgoing;
use super::asking::Made;
use super::downward::Declared;
use super::hearing::Hearing;
use super::knowledge::{Speaks, is_bewildered};
use super::mirror;
use super::old_client;
use super::upward::Stated;
use super::words::{Answer, answer as taken_apart};

/// What becomes of a request that its server has not taken.
pub(crate) enum Crossing {
    /// Nothing: the server has said what it has to say.
    None,
    /// It is asked in other words.
    Words,
    /// The session begins with us, by this answer.
    Hello(String),
}

impl Way {
    /// What becomes of a request that its server has not taken: whether the two speak different
    /// revisions is found out here, and known from here on.
    pub(crate) async fn crossing(
        &self,
        request: &Request<'_>,
        status: StatusCode,
        said: &str,
        outlet: &mut Outlet,
    ) -> Result<Crossing, Gone> {
        if is_stateless(request) {
            let bewildered = is_bewildered(status, said, &request.method(), &request.id());
            return Ok(match bewildered && self.turns_out_old(&Declared::by(request)).await {
                true => Crossing::Words,
                false => Crossing::None,
            });
        }
        let begins = request.method() == "initialize" && !status.is_server_error();
        if begins && !matches!(taken_apart(said), Some(Answer::Done(_))) {
            let answer = self.hello(request, outlet).await?;
            return Ok(answer.map_or(Crossing::None, Crossing::Hello));
        }
        Ok(Crossing::None)
    }

    /// Whether a server that has not understood a request of the newest revision speaks older ones
    /// alone. Only what it says to questions of our own counts: what a client wrote may be wrong under
    /// every revision, and a server that speaks both greets whoever asks.
    pub(crate) async fn turns_out_old(&self, declared: &Declared) -> bool {
        let patience = Duration::from_millis(self.relay.gateway.limits.upstream_millis_max);
        let knows_the_newest = tokio::time::timeout(patience, self.knows_the_newest()).await;
        if knows_the_newest.unwrap_or(false) || self.old_session(declared).await.is_err() {
            return false;
        }
        self.door.knowledge.learn(&self.relay.server, Speaks::Old);
        true
    }

    /// Whether a server answers a question of the newest revision that has nothing wrong with it.
    async fn knows_the_newest(&self) -> bool {
        let text = Stated::nothing().asks("\"bakerst\"", "server/discover", Map::new());
        let Some(cleared) = self.of_ours(&text).await else { return false };
        let headers = mirror::new(&self.headers, &text);
        let outgoing = Outgoing::Cleared(&cleared);
        let Ok(response) = self.send_as(Method::POST, &headers, None, outgoing).await else {
            return false;
        };
        let limits = &self.relay.gateway.limits;
        let mut hearing = Hearing::of(response, limits);
        while let Ok(Some(said)) = hearing.next(limits).await {
            match taken_apart(&said) {
                Some(Answer::Done(found)) => return found.get("supportedVersions").is_some(),
                Some(Answer::Failed(_)) => return false,
                _ => {}
            }
        }
        false
    }

    /// Brings a request to a server that speaks an older revision than its client.
    pub(crate) async fn carry_over(self, text: String, outlet: Outlet) {
        // Nobody is left to be told.
        let _ = self.carry_in_words(&text, None, outlet).await;
    }

    pub(crate) async fn carry_in_words(
        &self,
        text: &str,
        cleared: Option<Cleared>,
        outlet: Outlet,
    ) -> Result<(), Gone> {
        Core::One(Box::new(self.clone())).carry(text, cleared, outlet).await
    }

    /// Begins a session of ours for a client whose server has none.
    pub(crate) async fn carry_hello(self, text: String, mut outlet: Outlet) {
        let Ok(Message { kind: Kind::Request(request), .. }) = Message::read(&text) else { return };
        let answered = match self.hello(&request, &mut outlet).await {
            Ok(Some(answer)) => outlet.finish(StatusCode::OK, answer).await,
            // It may have learnt to speak as its client does.
            Ok(None) => return self.carry(text, outlet).await,
            Err(Gone) => Err(Gone),
        };
        let _ = answered;
    }

    /// The answer to `initialize` of a server that has only `server/discover`; none where it has
    /// not even that.
    async fn hello(
        &self,
        request: &Request<'_>,
        outlet: &mut Outlet,
    ) -> Result<Option<String>, Gone> {
        let (id, stated) = (request.id(), Stated::of(request));
        let text = stated.asks(id.as_json(), "server/discover", Map::new());
        let Ok(Message { kind: Kind::Request(discover), .. }) = Message::read(&text) else {
            return Ok(None);
        };
        let Some(cleared) = self.of_ours(&text).await else { return Ok(None) };
        let discovered = match self.ask_new(&discover, cleared, outlet).await? {
            Made::Answered(asked) => asked.answer(),
            Made::Bewildered(..) => None,
        };
        let Some(Answer::Done(discovered)) = discovered else {
            self.door.knowledge.learn(&self.relay.server, Speaks::AsAsked);
            return Ok(None);
        };
        self.door.knowledge.learn(&self.relay.server, Speaks::New);
        let begun = old_client::begun(&self.door, &self.owner, (&id, &stated), &discovered);
        Ok(begun.map(|(answer, name)| {
            outlet.name_session(&name);
            answer
        }))
    }
}
