//! Whose tokens are good, beside our own.

use std::path::PathBuf;

use bakerst_gateway::{Algorithm, Issuer};
use bakerst_guard::document::{Fault, Node};
use bakerst_model::Code;
use serde::{Deserialize, Serialize};

/// The longest difference between clocks that can be meant.
const SKEW_SECONDS_MAX: u64 = 300;

/// The section `identity`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Identity {
    /// An issuer of tokens that is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwt: Option<Jwt>,
}

/// An issuer of tokens, as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwt {
    /// Its name, exactly as its tokens say it.
    issuer: String,
    /// What tokens for us say that they are for: our own address, as clients know it.
    audience: String,
    /// Where its keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keys_url: Option<String>,
    /// The file with its keys, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keys_file: Option<PathBuf>,
    /// The authority that its certificate is by, where the system does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The ways of signing that are good.
    #[serde(default = "usual")]
    algorithms: Vec<Algorithm>,
    /// How far its clock and ours may be apart.
    #[serde(default = "a_minute")]
    clock_skew_seconds: u64,
    /// The claim that names the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent_claim: Option<String>,
}

fn usual() -> Vec<Algorithm> {
    Algorithm::USUAL.to_vec()
}

const fn a_minute() -> u64 {
    60
}

impl Identity {
    /// Refuses what no token could be checked by.
    pub(crate) fn check(&self, node: &Node) -> Result<(), Fault> {
        let Some(jwt) = &self.jwt else { return Ok(()) };
        let at = ["identity", "jwt"].iter().try_fold(node, |node, name| node.get(name));
        let at = at.unwrap_or(node).at();
        let fault = |message: &str| Err(Fault::new(Code::ConfigValue, message.to_owned()).at(at));
        match (&jwt.keys_url, &jwt.keys_file) {
            (Some(_), Some(_)) | (None, None) => {
                return fault("expected either `keys_url` or `keys_file`");
            }
            (Some(url), None) => {
                if let Err(error) = bakerst_sinks::Document::at(url, jwt.ca_file.as_deref()) {
                    return fault(&error.to_string().replace("`url`", "`keys_url`"));
                }
            }
            (None, Some(_)) => {}
        }
        if jwt.issuer.is_empty() || jwt.audience.is_empty() {
            return fault("`issuer` and `audience` must say something");
        }
        if jwt.algorithms.is_empty() {
            return fault("`algorithms` is empty, so no token would be good");
        }
        if jwt.clock_skew_seconds > SKEW_SECONDS_MAX {
            return fault(&format!("`clock_skew_seconds` is at most {SKEW_SECONDS_MAX}"));
        }
        Ok(())
    }
}

impl Jwt {
    /// The issuer.
    pub(crate) fn issuer(&self) -> Issuer {
        Issuer {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            algorithms: self.algorithms.clone(),
            clock_skew_seconds: self.clock_skew_seconds,
            agent_claim: self.agent_claim.clone(),
        }
    }
}
