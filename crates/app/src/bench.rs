//! `bakerst bench`: measurements that anybody can repeat, each beside its baseline.

mod audit;
mod chain;
mod detect;
mod hook;
mod load;
mod mcp;
mod policy;
mod server;

use serde::Serialize;

use crate::cli::{Bench, BenchName, Global};
use crate::failure::{Exit, Outcome};
use crate::print;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    metric: &'static str,
    value: f64,
    unit: &'static str,
}

impl Figure {
    /// A figure, rounded to a hundredth of its unit.
    pub(crate) fn new(metric: &'static str, value: f64, unit: &'static str) -> Self {
        Self { metric, value: (value * 100.0).round() / 100.0, unit }
    }
}

pub(crate) fn run(bench: &Bench, global: &Global) -> Outcome {
    if let Some(socket) = &bench.serve_baseline {
        return server::serve_baseline(socket);
    }
    if let Some(upstream) = bench.serve_upstream {
        return mcp::serve_upstream(upstream);
    }
    let figures = match bench.name {
        BenchName::Audit => audit::measure(bench.full)?,
        BenchName::Chain => chain::measure(bench.full)?,
        BenchName::Detect => detect::measure(bench.full)?,
        BenchName::Hook => hook::measure(bench.full)?,
        BenchName::Mcp => mcp::measure(bench.full)?,
        BenchName::Policy => policy::measure(bench.full)?,
    };
    if global.json {
        print::json(&figures);
        return Ok(Exit::Ok);
    }
    let rows = figures.iter().map(|Figure { metric, value, unit }| {
        vec![(*metric).to_owned(), format!("{value:>12.2}"), (*unit).to_owned()]
    });
    print::table(&["metric", "       value", "unit"], &rows.collect::<Vec<_>>());
    Ok(Exit::Ok)
}
