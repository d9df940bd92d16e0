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

/// What the lists of all servers have said, by server and tool. What one server lists takes no room
/// from another's.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Mutex<HashMap<Arc<str>, HashMap<String, Mirrored>>>);

impl Parameters {
    /// Which parameters of a tool stand in headers.
    pub(crate) fn of(&self, server: &Arc<str>, tool: &str) -> Mirrored {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(server).and_then(|tools| tools.get(tool)).cloned().unwrap_or_default()
    }

    /// Learns it from a list of tools. What is too much to be remembered is not mirrored, and its
    /// server says so.
    pub(crate) fn learn(&self, server: &Arc<str>, list: &Value, limits: &Limits) {
        let tools = list.get("tools").and_then(Value::as_array);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(server.clone()).or_default();
        for tool in tools.into_iter().flatten() {
            let Some(name) = tool.get("name").and_then(Value::as_str) else { continue };
            let mirrored = tool.get("inputSchema").map(mirror::parameters).unwrap_or_default();
            match mirrored.is_empty() {
                true => drop(known.remove(name)),
                false if known.len() < limits.tools_max || known.contains_key(name) => {
                    known.insert(name.to_owned(), mirrored.into());
                }
                false => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_that_lists_too_much_takes_no_room_from_another() {
        let (parameters, limits) =
            (Parameters::default(), Limits { tools_max: 2, ..Limits::default() });
        let schema = json!({ "properties": { "a": { "x-mcp-header": "A" } } });
        let list = |names: &[&str]| {
            let tools = names.iter().map(|name| json!({ "name": name, "inputSchema": schema }));
            json!({ "tools": tools.collect::<Vec<_>>() })
        };
        let (one, other) = ("one".into(), "other".into());
        parameters.learn(&one, &list(&["a", "b", "c"]), &limits);
        parameters.learn(&other, &list(&["a"]), &limits);
        let known = [(&one, "a"), (&one, "b"), (&one, "c"), (&other, "a"), (&other, "b")];
        let known = known.map(|(server, tool)| !parameters.of(server, tool).is_empty());
        assert_eq!(known, [true, true, false, true, false]);
        let bare = json!({ "tools": [{ "name": "a", "inputSchema": {} }] });
        parameters.learn(&one, &bare, &limits);
        assert!(parameters.of(&one, "a").is_empty() && !parameters.of(&other, "a").is_empty());
    }
}
