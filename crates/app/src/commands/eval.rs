//! `bakerst eval`: many texts or calls, one JSON object a line, answers in the same order.

mod flows;
mod forms;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read as _, Write};
use std::path::Path;

use bakerst_model::{Code, Escaped};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::cli::{Eval, EvalForm, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use forms::Evaluator;

pub(crate) fn run(eval: &Eval, global: &Global) -> Outcome {
    let mut config = Config::load(global.config.as_deref())?;
    switch_off(eval, &mut config)?;
    let evaluator = Evaluator::new(eval.form, &config)?;
    let (mut input, bytes) = open_input(eval.input.as_deref())?;
    let mut output = open_output(eval.output.as_deref())?;
    let progress = progress(bytes);
    let mut number = 0;
    while let Some(line) = next_line(&mut *input, config.limits.body_bytes_max)? {
        number += 1;
        progress.inc(line.len() as u64);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row = read_row(&line, number, &config)?;
        let id = row.get("id").cloned().unwrap_or_else(|| json!(number));
        let mut answer = evaluator.answer(&row).map_err(|why| bad_row(number, &why))?;
        answer.insert("id".to_owned(), id);
        write_row(&mut output, &answer)?;
    }
    progress.finish_and_clear();
    output.flush().map_err(|e| unwritable(&e))?;
    Ok(Exit::Ok)
}

/// Takes guardrails out of the chain that somebody does not want to be heard.
fn switch_off(eval: &Eval, config: &mut Config) -> Result<(), Failure> {
    if !eval.without.is_empty() && !matches!(eval.form, EvalForm::Calls | EvalForm::Flows) {
        let message = "`--without` is for `calls` and `flows`, which are judged by a chain";
        return Err(Failure::usage(Code::ConfigValue, message));
    }
    for name in &eval.without {
        let Some(without) = config.policy.without(name) else {
            let chain = config.policy.guardrails.chain.iter();
            let known: Vec<_> = chain.map(|entry| format!("`{}`", entry.name)).collect();
            let name = Escaped(name);
            let message =
                format!("the chain has no guardrail `{name}`; it has {}", known.join(", "));
            return Err(Failure::usage(Code::ConfigValue, message));
        };
        config.policy = without;
    }
    Ok(())
}

/// The next line with its end. One that is longer than `max` is cut a little behind that, so that an
/// endless one takes no memory, and is refused for its length.
fn next_line(input: &mut dyn BufRead, max: usize) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let read = input.take(max as u64 + 2).read_until(b'\n', &mut line);
    let read = read.map_err(|e| unreadable(&e.to_string()))?;
    Ok((read > 0).then_some(line))
}

fn read_row(line: &[u8], number: usize, config: &Config) -> Result<Map<String, Value>, Failure> {
    let limits = &config.limits;
    let line = line.trim_ascii_end();
    match bakerst_model::json::parse(line, limits.body_bytes_max, limits.json_depth_max) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) => Err(bad_row(number, "it is not a JSON object")),
        Err(why) => Err(bad_row(number, &why.to_string())),
    }
}

fn bad_row(number: usize, why: &str) -> Failure {
    Failure::usage(Code::BodyNotJson, format!("line {number} cannot be judged: {why}"))
}

fn open_input(path: Option<&Path>) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    let Some(path) = path else { return Ok((Box::new(io::stdin().lock()), None)) };
    let fail = |e: io::Error| unreadable(&format!("`{}`: {e}", path.display()));
    let file = File::open(path).map_err(fail)?;
    let bytes = file.metadata().map_err(fail)?.len();
    Ok((Box::new(BufReader::new(file)), Some(bytes)))
}

fn open_output(path: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
    Ok(match path {
        None => Box::new(BufWriter::new(io::stdout().lock())),
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(|e| unwritable(&e))?)),
    })
}

fn write_row(output: &mut dyn Write, row: &Map<String, Value>) -> Result<(), Failure> {
    let written = serde_json::to_writer(&mut *output, row).map_err(io::Error::from);
    written.and_then(|()| output.write_all(b"\n")).map_err(|e| unwritable(&e))
}

fn unreadable(why: &str) -> Failure {
    Failure::environment(Code::ConfigUnreadable, format!("the input cannot be read: {why}"))
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::environment(Code::StateUnwritable, format!("the output cannot be written: {error}"))
}

/// A bar for a person at a terminal who waits on a file; nothing anywhere else.
fn progress(bytes: Option<u64>) -> ProgressBar {
    let (Some(bytes), true) = (bytes, io::stderr().is_terminal()) else {
        return ProgressBar::hidden();
    };
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
