//! Rules about agents of which nobody could tell which one counts.

use bakerst_model::Code;

use super::{AgentEntry, Agents, place};
use crate::document::{Fault, Node, Position};
use crate::glob::Glob;

/// Refuses two patterns that overlap and of which neither is more specific, two spellings of one,
/// and a tool that is given and denied in the same words.
pub(super) fn refuse(agents: &Agents, node: &Node) -> Result<(), Fault> {
    let globs: Vec<&Glob> = agents.0.keys().collect();
    let open: Vec<&&Glob> = globs.iter().filter(|glob| !glob.is_exact()).collect();
    for (count, a) in open.iter().enumerate() {
        for b in open.iter().skip(count + 1) {
            let (within, around) = (a.covers(b), b.covers(a));
            let wrong = match (within, around) {
                (true, true) => "match the same agents",
                (false, false) if a.overlaps(b) => {
                    "both match some agents, and neither is the more specific"
                }
                _ => continue,
            };
            let [first, second] = in_order(node, a.as_str(), b.as_str());
            let message = format!(
                "the agents `{}`{} and `{}`{} {wrong}",
                first.0,
                place(first.1),
                second.0,
                place(second.1)
            );
            let fault = Fault::new(Code::ConfigConflict, message).hint("make one of them narrower");
            return Err(fault.at(second.1.unwrap_or(node.at())));
        }
    }
    agents.0.iter().try_for_each(|(name, entry)| refuse_given_and_denied(name, entry, node))
}

fn in_order<'a>(node: &Node, a: &'a str, b: &'a str) -> [(&'a str, Option<Position>); 2] {
    let mut two = [a, b].map(|name| (name, node.place_of(name)));
    two.sort_by_key(|(_, at)| *at);
    two
}

fn refuse_given_and_denied(name: &Glob, entry: &AgentEntry, node: &Node) -> Result<(), Fault> {
    let Some(tool) = entry.tools.iter().find(|glob| entry.deny.contains(glob)) else {
        return Ok(());
    };
    let agent = node.get(name.as_str());
    let at = |list: &str| {
        let items = agent?.get(list)?.items().ok()?;
        items.iter().find(|item| item.as_text() == Some(tool.as_str())).map(Node::at)
    };
    let (given, denied) = (at("tools"), at("deny"));
    let message = format!(
        "`{tool}` is both in `tools`{} and in `deny`{} of the agent `{name}`",
        place(given),
        place(denied)
    );
    Err(Fault::new(Code::ConfigConflict, message).at(denied.unwrap_or(node.at())))
}
