//! Addresses in a call's input, held against the hosts that an agent may reach.

use bakerst_model::{Code, Reason};
use serde_json::Value;

use super::AgentEntry;
use crate::args::host::{Host, HostPattern};

impl AgentEntry {
    /// The first address in `input` that reaches a host which the agent was not given.
    ///
    /// Only a text that begins as an address counts: what is merely mentioned in a longer one is not
    /// reached by the call itself.
    pub(crate) fn reaches_out(&self, input: &Value) -> Option<Reason> {
        let hosts = self.egress.as_ref()?;
        match input {
            Value::String(text) => refused(hosts, text),
            Value::Array(items) => items.iter().find_map(|item| self.reaches_out(item)),
            Value::Object(fields) => fields.values().find_map(|field| self.reaches_out(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}

fn refused(hosts: &[HostPattern], text: &str) -> Option<Reason> {
    // Clients drop these wherever they stand, and any control character around an address.
    let text = text.replace(['\t', '\n', '\r'], "");
    let text = text.trim_matches(|c: char| c.is_control() || c.is_whitespace());
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    // They forgive backslashes, and one slash too few or too many.
    let slashes =
        rest.starts_with("//") || (rest.starts_with(['/', '\\']) && is_of_the_web(scheme));
    if !is_scheme || !slashes {
        return None;
    }
    // What follows the host may hold anything.
    let host = rest.strip_prefix("//").unwrap_or(rest);
    let end = host.find(['/', '?', '#']).unwrap_or(host.len());
    let address = text.get(..text.len() - host.len() + end).unwrap_or(text);
    let why = match Host::parse(address) {
        Ok(host) if hosts.iter().any(|pattern| pattern.matches(&host)) => return None,
        Ok(_) => "is not among the hosts that this agent may reach",
        Err(why) => why,
    };
    let message = format!("an address in the input {why}");
    Some(Reason::new(Code::EgressNotAllowed, message))
}

fn is_of_the_web(scheme: &str) -> bool {
    let known = ["http", "https", "ws", "wss", "ftp", "file"];
    known.iter().any(|known| known.eq_ignore_ascii_case(scheme))
}
