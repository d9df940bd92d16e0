//! Rules that contradict each other, with both places.

use std::collections::HashMap;

use bakerst_model::Code;
use serde_json::Value;

use super::PolicySource;
use crate::agents::place;
use crate::document::{Fault, Node, Position};

/// The lists of examples, each with the others that an example cannot stand in as well.
const LISTS: [&str; 3] = ["must_allow", "must_ask", "must_deny"];

/// Refuses two thresholds for one amount, and an example that must be judged in two ways.
pub(super) fn refuse_in_lists(node: &Node) -> Result<(), Fault> {
    let mut thresholds = HashMap::new();
    for item in items(node, "thresholds") {
        let text = |name: &str| item.get(name).and_then(Node::as_text).map(str::to_owned);
        let (Some(tool), Some(arg)) = (text("tool"), text("arg")) else { continue };
        let what = format!("the threshold for `{arg}` of `{tool}`");
        if let Some(first) = thresholds.insert((tool, arg), item.at()) {
            return Err(twice(&what, first, item.at()));
        }
    }
    let mut examples: HashMap<String, (&str, Position)> = HashMap::new();
    for list in LISTS {
        for item in items(node, list) {
            let Ok(example) = item.read::<Value>() else { continue };
            match examples.insert(example.to_string(), (list, item.at())) {
                Some((other, first)) if other != list => {
                    let what = format!("the same example, in `{other}` and `{list}`,");
                    return Err(twice(&what, first, item.at()));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Refuses rules about one argument, of a tool and of an agent, that no value could keep at once.
pub(crate) fn refuse_between_tools_and_agents(
    source: &PolicySource,
    tools: &Node,
    agents: Option<&Node>,
) -> Result<(), Fault> {
    let (Some(agents), Some(node)) = (&source.agents, agents) else { return Ok(()) };
    for (agent, entry) in agents.iter() {
        for (glob, rules) in &entry.args {
            for (name, tool) in source.tools.iter().filter(|(name, _)| glob.matches(name)) {
                let Some((pointer, why)) = tool.args.contradiction(rules) else { continue };
                let at = |holder: Option<&Node>| holder?.place_of(pointer.as_str());
                let of_tool = at(tools.get(name).and_then(|tool| tool.get("args")));
                let of_agent = node.get(agent.as_str()).and_then(|entry| entry.get("args"));
                let of_agent = at(of_agent.and_then(|args| args.get(glob.as_str())));
                let message = format!(
                    "`{pointer}` of the tool `{name}`{} and of the agent `{agent}`{} contradict each other: {why}",
                    place(of_tool),
                    place(of_agent)
                );
                let fault = Fault::new(Code::ConfigConflict, message);
                return Err(fault.at(of_agent.unwrap_or(node.at())));
            }
        }
    }
    Ok(())
}

fn items<'n>(node: &'n Node, list: &str) -> &'n [Node] {
    node.get(list).and_then(|node| node.items().ok()).unwrap_or_default()
}

fn twice(what: &str, first: Position, second: Position) -> Fault {
    let message = format!("{what} stands twice,{} and{}", place(Some(first)), place(Some(second)));
    Fault::new(Code::ConfigConflict, message).at(second)
}
