//! `bakerst policy graph`.

use bakerst_guard::graph::Graph;

use crate::cli::{Global, GraphForm};
use crate::config::Config;
use crate::failure::{Exit, Outcome};
use crate::print;

pub(crate) fn run(form: GraphForm, global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    config.compile()?;
    let graph = Graph::of(&config.policy);
    if global.json {
        print::json(&graph);
        return Ok(Exit::Ok);
    }
    let text = match form {
        GraphForm::Text => graph.to_text(),
        GraphForm::Dot => graph.to_dot(),
        GraphForm::Mermaid => graph.to_mermaid(),
    };
    print::line(text.trim_end());
    Ok(Exit::Ok)
}
