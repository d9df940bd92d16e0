//! Authorization by policies that a security team writes in Rego: embedded, or asked of a remote
//! OPA.
//!
//! Both get the same input document and give the same three kinds of word: `allow`, `deny` and
//! `ask`. What is not allowed is denied; `deny` and `ask` restrict what is allowed, and never widen
//! it.

mod calls;
mod cidr;
mod config;
mod input;
mod nesting;
mod opinion;
mod rego;
mod remote;
mod steps;

pub use config::{Authorization, Engine, Members, OpaAddress, OpaServer, RegoModule, RegoSource};
pub use input::{INPUT_VERSION, Input, RiskBook};
pub use opinion::Opinion;
pub use rego::{Rego, RegoError, RegoTest};
pub use remote::{Authority, AuthorizeNeed, Consulted, NoAnswer};

use std::path::PathBuf;

use crate::Sections;
use crate::document::{Fault, Node};

/// The files that a policy is spread over, as they are named in it.
///
/// # Errors
/// When a name cannot be read.
pub fn named_files(sections: &Sections<'_>) -> Result<Vec<PathBuf>, Fault> {
    let section = sections.authorization.and_then(|node| node.get("rego"));
    let chain = sections.guardrails.and_then(|node| node.get("chain"));
    let entries = chain.and_then(|chain| chain.items().ok()).unwrap_or_default();
    let rego = |entry: &&Node| entry.get("kind").and_then(Node::as_text) == Some("rego");
    let custom = entries.iter().filter(rego).filter_map(|entry| entry.get("config"));
    let mut files = Vec::new();
    for node in section.into_iter().chain(custom) {
        let lists = ["files", "tests"].into_iter().filter_map(|name| node.get(name));
        let listed = lists.filter_map(|list| list.items().ok()).flatten();
        for file in node.get("file").into_iter().chain(listed) {
            files.push(file.read()?);
        }
    }
    Ok(files)
}
