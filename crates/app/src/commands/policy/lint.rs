//! `bakerst policy lint`.

use bakerst_guard::lint::{Lint, lint};
use serde::Serialize;

use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Outcome, Place};
use crate::print::{self, Style};

pub(crate) fn run(global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    config.compile()?;
    let found = lint(&config.policy, &config.written.nodes());
    let found: Vec<Told> = found.into_iter().map(|lint| Told::new(lint, &config)).collect();
    if global.json {
        print::json(&found);
    } else {
        found.iter().for_each(Told::print);
        print::note(match found.len() {
            0 => "nothing found".to_owned(),
            many => format!("{many} found"),
        });
    }
    Ok(if found.is_empty() { Exit::Ok } else { Exit::Refused })
}

#[derive(Serialize)]
struct Told {
    code: &'static str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    fix: String,
}

impl Told {
    fn new(Lint { code, at, message, fix }: Lint, config: &Config) -> Self {
        let place = at.and_then(|spot| config.written.place(spot));
        let (line, column) = place.as_ref().map(|place| (place.line, place.column)).unzip();
        let file = place.map(|Place { file, .. }| file);
        Self { code: code.as_str(), file, line, column, message, fix }
    }

    fn print(&self) {
        let style = Style::for_stdout();
        let place = match (&self.file, self.line, self.column) {
            (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}: "),
            _ => String::new(),
        };
        let code = style.yellow(self.code);
        print::line(format!("{place}{code} {}", style.bold(&self.message)));
        print::line(format!("  = {} {}", style.bold("help:"), self.fix));
    }
}
