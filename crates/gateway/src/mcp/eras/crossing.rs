//! Where a client and its server turn out to speak different revisions.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::Map;

use super::super::core::Core;
use super::super::http::Way;
use super::super::message::Request;
use super::super::outlet::{Gone, Outlet};
use super::super::relay::{Cleared, is_stateless};
use super::super::reply::status_for_client;
use super::super::upstream::Outgoing;
use super::asking::{Asked, Made};
use super::downward::Declared;
use super::hearing::Hearing;
use super::knowledge::{Speaks, is_bewildered, knows_the_newest};
use super::mirror;
use super::old_client;
use super::old_server::{NotBegun, end_old};
use super::upward::Stated;
use super::words::{Answer, answer as taken_apart, request_in};

/// What becomes of a request that its server has not taken.
pub(crate) enum Crossing {
    /// Nothing: the server has said what it has to say.
    None,
    /// It is asked in other words.
    Words,
    /// The session begins with us, by this answer.
    Hello(String),
}

/// What comes of greeting a server that has only `server/discover`.
enum Hello {
    /// A session of ours, by this answer.
    Begun(String),
    /// Nothing: that is not how it speaks, or not how alone.
    NotSo,
    /// Nothing for now: it has not said how it speaks.
    Failed(Asked),
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
        if !begins || matches!(taken_apart(said), Some(Answer::Done(_))) || self.is_told_old() {
            return Ok(Crossing::None);
        }
        match self.hello(request, outlet).await? {
            Hello::Begun(answer) => Ok(Crossing::Hello(answer)),
            // What the server has said itself stands.
            Hello::NotSo | Hello::Failed(_) => Ok(Crossing::None),
        }
    }

    /// Whether a server is known to speak older revisions alone, without anybody having asked it. One
    /// that was found to is asked again: it may have been replaced.
    fn is_told_old(&self) -> bool {
        let (known, server) = (&self.door.knowledge, &self.relay.server);
        known.is_stated(server) && known.of(server) == Speaks::Old
    }

    /// Whether a server that has not understood a request of the newest revision speaks older ones
    /// alone. Only what it says to questions of our own counts: what a client wrote may be wrong under
    /// every revision, and a server that speaks both greets whoever asks.
    pub(crate) async fn turns_out_old(&self, declared: &Declared) -> bool {
        let (known, server) = (&self.door.knowledge, &self.relay.server);
        if known.is_stated(server) {
            return known.of(server) == Speaks::Old;
        }
        if self.knows_the_newest().await != Some(false) || self.old_session(declared).await.is_err()
        {
            return false;
        }
        known.learn(server, Speaks::Old);
        true
    }

    /// Whether a server answers a question of the newest revision that has nothing wrong with it;
    /// nothing where it has not said.
    async fn knows_the_newest(&self) -> Option<bool> {
        let text = Stated::nothing().asks("\"bakerst\"", "server/discover", Map::new());
        let asked = async {
            let cleared = self.of_ours(&text).await?;
            let headers = mirror::new(&self.headers, &text);
            let outgoing = Outgoing::Cleared(&cleared);
            let response = self.send_as(Method::POST, &headers, None, outgoing).await.ok()?;
            let (status, limits) = (response.status(), &self.relay.gateway.limits);
            let mut hearing = Hearing::of(response, limits);
            loop {
                let said = hearing.next(limits).await.ok()?;
                if said.as_deref().is_none_or(|said| taken_apart(said).is_some()) {
                    let said = said.unwrap_or_default();
                    return knows_the_newest(status_for_client(status), &said);
                }
            }
        };
        tokio::time::timeout(self.patience(), asked).await.unwrap_or(None)
    }

    /// How long a question of ours may take.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.relay.gateway.limits.upstream_millis_max)
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
        let Some(request) = request_in(&text) else { return };
        let answered = match self.hello(&request, &mut outlet).await {
            Ok(Hello::Begun(answer)) => outlet.finish(StatusCode::OK, answer).await,
            Ok(Hello::Failed(asked)) => outlet.finish(asked.status, asked.text).await,
            // It may have learnt to speak as its client does.
            Ok(Hello::NotSo) => return self.carry(text, outlet).await,
            Err(Gone) => Err(Gone),
        };
        let _ = answered;
    }

    /// Greets a server that has only `server/discover`.
    async fn hello(&self, request: &Request<'_>, outlet: &mut Outlet) -> Result<Hello, Gone> {
        let (known, server) = (&self.door.knowledge, &self.relay.server);
        let (id, stated) = (request.id(), Stated::of(request));
        let text = stated.asks(id.as_json(), "server/discover", Map::new());
        let Some(discover) = request_in(&text) else { return Ok(Hello::NotSo) };
        let Some(cleared) = self.of_ours(&text).await else { return Ok(Hello::NotSo) };
        let asked = match self.ask_new(&discover, cleared, outlet).await? {
            Made::Answered(asked) => asked,
            Made::Bewildered(_, asked) if knows_the_newest(asked.status, &asked.text).is_none() => {
                asked
            }
            Made::Bewildered(..) => {
                // What one client got wrong unlearns nothing about how others are spoken for.
                if known.of(server) == Speaks::New {
                    known.learn(server, Speaks::AsAsked);
                }
                return Ok(Hello::NotSo);
            }
        };
        let Some(Answer::Done(discovered)) = asked.answer() else {
            return Ok(Hello::Failed(asked));
        };
        if known.of(server) != Speaks::New {
            // One that speaks both greets whoever has nothing wrong with them.
            match self.begin_old(&Declared::nothing()).await {
                Ok(old) => {
                    known.learn(server, Speaks::AsAsked);
                    end_old(&self.door.servers, &old).await;
                    return Ok(Hello::NotSo);
                }
                Err(NotBegun::Refused(_)) => known.learn(server, Speaks::New),
                Err(NotBegun::Unsaid(_)) => {}
            }
        }
        let begun = old_client::begun(&self.door, &self.owner, (&id, &stated), &discovered);
        Ok(begun.map_or(Hello::NotSo, |(answer, name)| {
            outlet.name_session(&name);
            Hello::Begun(answer)
        }))
    }
}
