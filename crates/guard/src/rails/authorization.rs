//! What the security team's own policy says: Rego, here or in a remote OPA.

use std::sync::Arc;

use bakerst_model::{Code, Limits, Reason};
use serde::{Deserialize, Serialize};

use crate::authorization::{
    Authority, AuthorizeNeed, Consulted, Engine, Input, OpaServer, Rego, RegoError, RegoSource,
    RiskBook,
};
use crate::chain::{Consults, Judge};
use crate::document::Fault;
use crate::{Check, Guardrail, OnError, PolicySource, Subject, Undecided};

/// Nothing to set: the policy stands under `authorization`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The guardrail of a policy.
pub(crate) fn compile(
    source: &PolicySource,
    on_error: OnError,
    book: &Arc<RiskBook>,
    limits: &Limits,
) -> Result<Judge, Fault> {
    match source.authorization.as_ref().map(|section| &section.engine) {
        Some(Engine::Rego(rego)) => {
            Ok(Judge::Own(Arc::new(Embedded::new(rego, on_error, book, limits)?)))
        }
        Some(Engine::Opa(server)) => {
            Ok(Judge::World(Arc::new(Remote { server: server.clone(), book: book.clone() })))
        }
        None => {
            let message =
                "`authorization` is in the chain, but there is no section `authorization`";
            Err(Fault::new(Code::ConfigValue, message))
        }
    }
}

/// Rego in this process.
#[derive(Debug)]
pub(crate) struct Embedded {
    rego: Rego,
    book: Arc<RiskBook>,
    on_error: OnError,
}

impl Guardrail for Embedded {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        Ok(match self.rego.decide(&Input::of(subject, &self.book)) {
            Ok(opinion) => opinion.check(),
            Err(error) => self.fail(&error),
        })
    }
}

impl Embedded {
    pub(crate) fn new(
        source: &RegoSource,
        on_error: OnError,
        book: &Arc<RiskBook>,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        Ok(Self { rego: Rego::compile(source, limits)?, book: book.clone(), on_error })
    }

    /// A policy that fails has a code of its own, so that somebody finds the rule.
    fn fail(&self, error: &RegoError) -> Check {
        let reason = Reason::new(error.code(), error.to_string());
        match self.on_error {
            OnError::Deny => Check::Reject(reason),
            OnError::Ask => Check::Escalate(reason),
        }
    }
}

/// A remote OPA.
#[derive(Debug)]
struct Remote {
    server: Arc<OpaServer>,
    book: Arc<RiskBook>,
}

impl Consults for Remote {
    fn question(&self, subject: &Subject<'_>) -> Result<AuthorizeNeed, Undecided> {
        let input = Input::of_minute(subject, &self.book).to_json().map_err(Undecided)?;
        Ok(AuthorizeNeed { server: self.server.clone(), input: input.into() })
    }

    fn conclude(&self, subject: &Subject<'_>, answer: &Consulted) -> (Check, Authority) {
        answer.word(self.book.risk(subject.call.tool.as_str()))
    }
}
