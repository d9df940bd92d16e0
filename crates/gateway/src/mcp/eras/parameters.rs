//! Which parameters of their tools servers want to see in headers: clients of older revisions do not
//! know of that, so it is done for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::HeaderName;
use bakerst_model::Limits;
use serde_json::Value;

use super::mirror;

/// Where a parameter stands, and how its header is called.
pub(crate) type Mirrored = Arc<[(HeaderName, Vec<String>)]>;

/// What the lists of all servers have said.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Mutex<HashMap<(Arc<str>, String), Mirrored>>);

impl Parameters {
    /// Which parameters of a tool stand in headers.
    pub(crate) fn of(&self, server: &Arc<str>, tool: &str) -> Mirrored {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(server.clone(), tool.to_owned())).cloned().unwrap_or_default()
    }

    /// Learns it from a list of tools. What is too much to be remembered is not mirrored, and its
    /// server says so.
    pub(crate) fn learn(&self, server: &Arc<str>, list: &Value, limits: &Limits) {
        let tools = list.get("tools").and_then(Value::as_array);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for tool in tools.into_iter().flatten() {
            let Some(name) = tool.get("name").and_then(Value::as_str) else { continue };
            let mirrored = tool.get("inputSchema").map(mirror::parameters).unwrap_or_default();
            let key = (server.clone(), name.to_owned());
            match mirrored.is_empty() {
                true => drop(known.remove(&key)),
                false if known.len() < limits.tools_max || known.contains_key(&key) => {
                    known.insert(key, mirrored.into());
                }
                false => {}
            }
        }
    }
}
