//! What a server offers, as far as the policy lets it be seen: a tool that would be denied anyway
//! is not shown, so that its description cannot speak to a model either.

use bakerst_guard::Policy;
use bakerst_model::AgentId;
use serde_json::Value;

/// Takes out of a list what the policy does not know, and says whether anything went. Lists that
/// a policy has filtered are this caller's alone, so nobody may keep them for others.
pub(crate) fn keep_visible(
    policy: &Policy,
    (agent, server): (&AgentId, &str),
    method: &str,
    result: &mut Value,
) -> bool {
    if method != "tools/list" {
        return false;
    }
    let Some(list) = result.as_object_mut() else { return false };
    let mut changed = false;
    if let Some(Value::Array(tools)) = list.get_mut("tools") {
        let before = tools.len();
        tools.retain(|tool| {
            let name = tool.get("name").and_then(Value::as_str);
            let name = name.and_then(|name| policy.name_of(server, name));
            name.is_some_and(|name| policy.shows(agent, &name))
        });
        changed |= tools.len() < before;
    }
    if let Some(scope) = list.get_mut("cacheScope")
        && scope != "private"
    {
        *scope = "private".into();
        changed = true;
    }
    changed
}
