//! Who is asking.
//!
//! Over TCP and the hook socket that is whoever holds a bearer token; over the control socket it
//! is the account that the system vouches for. Refusals are recorded, but not without end: a
//! flood is counted, and the count recorded.

mod issued;
mod jwt;
mod metadata;
mod watch;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use bakerst_model::{
    Action, Actor, Code, Detail, Digest, Escaped, Event, Journal as _, Principal, Role, TokenId,
    UnixMillis, UserId, present_token,
};
use serde::Serialize;

use crate::gateway::{Enforcement, Gateway};
use crate::problem::Problem;
use crate::source::Source;

pub(crate) use issued::Issued;
pub use jwt::{Algorithm, Issuer};
pub(crate) use metadata::serve as metadata;
pub(crate) use watch::AuthWatch;
use watch::Credential;

/// Somebody who was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Who it is, and what they may do.
    pub(crate) principal: Principal,
    /// Where they came in.
    pub(crate) source: Source,
    token: Option<TokenId>,
    issued: Option<IssuedTo>,
}

/// What an issuer's token says of its holder.
#[derive(Clone, Debug)]
struct IssuedTo {
    user: UserId,
    until: UnixMillis,
}

impl Caller {
    /// Somebody whom the system vouches for.
    pub(crate) fn of_account(principal: Principal, source: Source) -> Self {
        Self { principal, source, token: None, issued: None }
    }

    /// The person behind them, where their credential says so.
    pub(crate) fn user(&self) -> Option<&UserId> {
        self.issued.as_ref().map(|issued| &issued.user)
    }

    /// The caller as the log names them.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            name: self.principal.name.clone(),
            agent: self.principal.agent.clone(),
            user: self.user().cloned(),
            ip: self.source.ip(),
        }
    }
}

/// What the log keeps of somebody who was let in or turned away.
#[derive(Serialize)]
struct AuthDetail<'d> {
    method: &'static str,
    door: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'d str>,
}

/// What was asked for, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) path: &'a str,
    pub(crate) source: Source,
}

impl Gateway {
    /// Recognises whoever asks, and checks that they may do what `role` does.
    pub(crate) async fn identify(&self, asked: Asked<'_>, role: Role) -> Result<Caller, Problem> {
        let caller = match asked.source {
            Source::Control { uid } => operator(uid),
            // Wrappers do not speak HTTP, so nothing of theirs comes by here.
            Source::Tcp { .. } | Source::Socket | Source::Link { .. } => self.holder(asked).await?,
        };
        if !caller.principal.has(role) {
            let message = format!("this needs the role `{role}`");
            let problem = Problem::new(Code::RoleMissing, message);
            Box::pin(self.reject(Some(&caller), None, asked.path, asked.source, &problem)).await;
            return Err(problem);
        }
        self.welcome(&caller).await?;
        Ok(caller)
    }

    /// Turns away whoever would do with a token what is for the account that runs us.
    pub(crate) async fn not_by_token(&self, caller: &Caller, path: &str) -> Problem {
        let message = "this is for the account that runs Baker Street, over its control socket";
        let problem = Problem::new(Code::RoleMissing, message);
        self.reject(Some(caller), None, path, caller.source, &problem).await;
        problem
    }

    /// Whether the caller would still be recognised: a token can be withdrawn while its holder
    /// waits.
    pub(crate) async fn recheck(&self, caller: &Caller, path: &str) -> Result<(), Problem> {
        let now = self.clock.now();
        let issued = caller.issued.as_ref().is_none_or(|issued| now < issued.until);
        if issued && caller.token.is_none_or(|id| self.tokens.still_good(id)) {
            return Ok(());
        }
        let problem = Problem::from(Code::TokenWrong);
        self.reject(Some(caller), None, path, caller.source, &problem).await;
        Err(problem)
    }

    async fn holder(&self, asked: Asked<'_>) -> Result<Caller, Problem> {
        let bearer = bearer(asked.headers);
        if let (Some(issued), Some(token)) =
            (self.issued(), bearer.filter(|text| jwt::is_one(text)))
        {
            return Box::pin(self.issued_to(&issued, token, asked)).await;
        }
        let presented = bearer.map(present_token);
        let (code, token) = match presented {
            None => (Code::TokenMissing, None),
            Some(None) => (Code::TokenWrong, None),
            Some(Some((id, digest))) => match self.tokens.principal(id, digest) {
                Some(principal) => {
                    let (source, token) = (asked.source, Some(id));
                    return Ok(Caller { principal, source, token, issued: None });
                }
                None => (Code::TokenWrong, Some(id)),
            },
        };
        let problem = Problem::from(code);
        Box::pin(self.reject(None, token, asked.path, asked.source, &problem)).await;
        Err(problem)
    }

    /// Whoever holds an issuer's token: an agent, and nothing else.
    async fn issued_to(
        &self,
        issued: &Issued,
        token: &str,
        asked: Asked<'_>,
    ) -> Result<Caller, Problem> {
        match issued.holder(token).await {
            Ok(jwt::Holder { subject, agent, until }) => {
                // No token of ours has a name with a blank in it.
                let name = format!("issued to {}", Escaped(subject.as_str())).into();
                let principal = Principal { name, roles: [Role::Agent].into(), agent };
                let issued = Some(IssuedTo { user: subject, until });
                Ok(Caller { principal, source: asked.source, token: None, issued })
            }
            Err(unfit) => {
                let problem = Problem::new(Code::IssuedTokenUnfit, unfit.to_string());
                self.reject(None, None, asked.path, asked.source, &problem).await;
                Err(problem)
            }
        }
    }

    /// Records that somebody was turned away. Whether that succeeds or not, they are.
    pub(crate) async fn reject(
        &self,
        caller: Option<&Caller>,
        token: Option<TokenId>,
        path: &str,
        source: Source,
        problem: &Problem,
    ) {
        if !self.auth.may_record_rejection(self.clock.now()) {
            return;
        }
        let unknown = || Actor { name: "unknown".into(), ip: source.ip(), ..Actor::default() };
        let token = token.or_else(|| caller.and_then(|caller| caller.token));
        let path = Escaped(path.get(..200).unwrap_or(path)).to_string();
        let detail = AuthDetail {
            method: method(source),
            door: source.as_str(),
            token: token.map(|id| id.to_string()),
            path: Some(&path),
            code: Some(problem.code()),
            reason: Some(problem.message()),
        };
        let actor = caller.map_or_else(unknown, Caller::actor);
        self.record_auth(Action::AuthRejected, actor, &detail).await.ok();
    }

    /// Records a credential's first use from where it is used, and then now and again.
    pub(crate) async fn welcome(&self, caller: &Caller) -> Result<(), Problem> {
        let credential = match (caller.token, caller.source) {
            (Some(id), _) => Credential::Token(id),
            (None, Source::Link { uid } | Source::Control { uid }) => Credential::Account(uid),
            (None, Source::Tcp { .. } | Source::Socket) => match &caller.issued {
                Some(issued) => {
                    Credential::Issued(*Digest::of(issued.user.as_str().as_bytes()).as_bytes())
                }
                None => return Ok(()),
            },
        };
        let ip = caller.source.ip();
        if !self.auth.is_due(credential, ip, self.clock.now()) {
            return Ok(());
        }
        let detail = AuthDetail {
            method: method(caller.source),
            door: caller.source.as_str(),
            token: caller.token.map(|id| id.to_string()),
            path: None,
            code: None,
            reason: None,
        };
        let recorded = self.record_auth(Action::AuthSuccess, caller.actor(), &detail);
        let recorded = Box::pin(recorded).await;
        if recorded.is_err() {
            self.auth.forget(credential, ip);
        }
        match self.enforcement {
            Enforcement::On => recorded,
            // Consumer mode promises hooks that never stand in the way.
            Enforcement::Off => Ok(()),
        }
    }

    /// Records how many refusals were not recorded one by one.
    pub(crate) async fn report_suppressed(&self, at_once: bool) {
        #[derive(Serialize)]
        struct Suppressed {
            suppressed: u64,
        }
        let Some(suppressed) = self.auth.suppressed(self.clock.now(), at_once) else { return };
        let Ok(detail) = Detail::of(&Suppressed { suppressed }) else { return };
        let actor = Actor::system();
        let event = Event { action: Action::AuthRejected, actor, conversation: None, detail };
        if self.ledger.append(event).await.is_err() {
            self.auth.put_back(suppressed);
        }
    }

    async fn record_auth(
        &self,
        action: Action,
        actor: Actor,
        detail: &AuthDetail<'_>,
    ) -> Result<(), Problem> {
        let detail = Detail::of(detail)?;
        self.ledger.append(Event { action, actor, conversation: None, detail }).await?;
        Ok(())
    }
}

const fn method(source: Source) -> &'static str {
    match source {
        Source::Tcp { .. } | Source::Socket => "bearer token",
        Source::Link { .. } | Source::Control { .. } => "account",
    }
}

/// Whoever holds the control socket: everything that people do, and nothing that agents do.
fn operator(uid: u32) -> Caller {
    let principal = Principal {
        name: format!("operator (uid {uid})").into(),
        roles: [Role::Approver, Role::Admin, Role::Auditor].into(),
        agent: None,
    };
    Caller::of_account(principal, Source::Control { uid })
}

/// The one bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
