//! The sinks of the section `audit`: where the log's records go.

use std::collections::BTreeSet;

use bakerst_guard::document::{Fault, Node};
use bakerst_model::Code;
use bakerst_sinks::{ConfigError, Settings, SinkEntry, SinkKind, SinkShape};

/// The most sinks: each has a task, a connection and a batch in memory.
const SINKS_MAX: usize = 16;

/// Reads the list of sinks.
pub(super) fn read(sinks: Option<&Node>) -> Result<Vec<SinkEntry>, Fault> {
    let Some(sinks) = sinks else { return Ok(Vec::new()) };
    let nodes = sinks.items()?;
    if nodes.len() > SINKS_MAX {
        let message = format!("{} sinks are more than {SINKS_MAX}", nodes.len());
        return Err(Fault::new(Code::ConfigValue, message).at(sinks.at()));
    }
    let sinks = nodes.iter().map(read_sink).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    for (sink, node) in sinks.iter().zip(nodes) {
        if !names.insert(sink.shape.name.clone()) {
            let message = format!("two sinks have the name `{}`", sink.shape.name);
            let at = node.get("name").unwrap_or(node).at();
            return Err(Fault::new(Code::ConfigValue, message).at(at));
        }
    }
    Ok(sinks)
}

fn read_sink(node: &Node) -> Result<SinkEntry, Fault> {
    let shape: SinkShape = node.read()?;
    let empty = Node::empty();
    let settings = node.get("config");
    let config = settings.unwrap_or(&empty);
    let config = match shape.kind {
        SinkKind::File => config.read().map(Settings::File),
        SinkKind::Webhook => config.read().map(Settings::Webhook),
        SinkKind::Loki => config.read().map(Settings::Loki),
        SinkKind::Splunk => config.read().map(Settings::Splunk),
        SinkKind::Datadog => config.read().map(Settings::Datadog),
        SinkKind::Elastic => config.read().map(Settings::Elastic),
        SinkKind::Otlp => config.read().map(Settings::Otlp),
        SinkKind::Syslog => config.read().map(Settings::Syslog),
        SinkKind::Nats => config.read().map(Settings::Nats),
    };
    let config = config.map_err(|fault| match settings {
        Some(_) => fault,
        // What is missing stands nowhere; the sink does.
        None => Fault { at: Some(node.at()), ..fault },
    })?;
    let entry = SinkEntry { shape, config };
    entry.check().map_err(|error| fault(&error, node))?;
    Ok(entry)
}

/// A wrong setting, where it stands.
fn fault(error: &ConfigError, node: &Node) -> Fault {
    let name = error.setting();
    let within = node.get("config").and_then(|config| config.get(name));
    let at = within.or_else(|| node.get(name)).or_else(|| node.get("config")).unwrap_or(node).at();
    Fault::new(Code::ConfigValue, error.to_string()).at(at)
}
