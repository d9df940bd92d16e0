//! `bakerst audit dlq`: what log systems refused. It works on the state folder, whether or not a
//! server runs: a server only ever adds letters, and only these commands take any away.

use std::time::Duration;

use bakerst_audit::delivery::Outcome;
use bakerst_model::{Clock as _, Code, Escaped};
use bakerst_sinks::{DeadLetter, FolderError, Sink, SinkFolder, SinkName};
use serde_json::{Value, json};

use crate::cli::{Dlq, Global};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome as Done};
use crate::print::{self, Style};
use crate::shipping;
use crate::station::{self, Places};

pub(super) fn run(dlq: &Dlq, places: &Places, global: &Global) -> Done {
    match dlq {
        Dlq::List { sink } => list(sink.as_deref(), places, global.json),
        Dlq::Show { sink, letter } => show(sink, letter, places, global.json),
        Dlq::Retry { sink, letters, apply } => retry(sink, letters, *apply, places, global),
        Dlq::Drop { sink, letters, all: _, apply } => {
            drop_letters(sink, letters, *apply, places, global.json)
        }
    }
}

fn list(sink: Option<&str>, places: &Places, json: bool) -> Done {
    let sinks = match sink {
        Some(name) => vec![folder(places, name)?],
        None => SinkFolder::all(places.state()).map_err(unusable)?,
    };
    let mut letters = Vec::new();
    for (name, folder) in sinks {
        for letter in folder.letter_names().map_err(unusable)? {
            let letter = folder.read_letter(&letter).map_err(unusable)?;
            letters.push((name.to_string(), letter));
        }
    }
    if json {
        let row = |(sink, letter): &(String, DeadLetter)| as_json(sink, letter);
        print::json(&letters.iter().map(row).collect::<Vec<_>>());
        return Ok(Exit::Ok);
    }
    if letters.is_empty() {
        print::line("nothing was refused");
        return Ok(Exit::Ok);
    }
    let rows = letters.into_iter().map(|(sink, letter)| {
        let why: String = letter.why.chars().take(100).collect();
        vec![sink, letter.name, letter.at, Escaped(&why).to_string()]
    });
    print::table(&["sink", "letter", "refused", "why"], &rows.collect::<Vec<_>>());
    Ok(Exit::Ok)
}

fn show(sink: &str, letter: &str, places: &Places, json: bool) -> Done {
    let (name, folder) = folder(places, sink)?;
    let letter = only_known(&folder, &name, &[letter.to_owned()])?.remove(0);
    let letter = folder.read_letter(&letter).map_err(unusable)?;
    if json {
        let mut shown = as_json(name.as_str(), &letter);
        let record = serde_json::from_str::<Value>(&letter.record.line).unwrap_or_default();
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("record".to_owned(), record);
        }
        print::json(&shown);
        return Ok(Exit::Ok);
    }
    let style = Style::for_stdout();
    let rows =
        [("event", letter.record.id.to_string()), ("refused", letter.at), ("why", letter.why)];
    for (name, text) in rows {
        print::line(format!("{} {}", style.dim(&format!("{name:8}")), Escaped(&text)));
    }
    print::line(Escaped(&letter.record.line).to_string());
    Ok(Exit::Ok)
}

fn retry(sink: &str, letters: &[String], apply: bool, places: &Places, global: &Global) -> Done {
    let (name, folder) = folder(places, sink)?;
    let letters = only_known(&folder, &name, letters)?;
    if !apply {
        return plan("would send", &name, &letters, global.json);
    }
    let config = Config::load(global.config.as_deref())?;
    let entry = config.audit.sinks.iter().find(|entry| entry.shape.name == name);
    let entry = entry.ok_or_else(|| {
        let message =
            format!("the configuration has no sink `{name}`, so nothing can be sent to it");
        Failure::usage(Code::ConfigValue, message)
    })?;
    let mut open = shipping::open(entry, &places.secrets()?, &station::about().host)?;
    let sent = station::runtime()?.block_on(send_all(&mut *open, &folder, &letters))?;
    let Sent { accepted, refused } = sent;
    if global.json {
        print::json(&json!({ "sink": name, "accepted": accepted, "refused": refused }));
    } else {
        print::line(format!("{accepted} accepted, {refused} refused again"));
    }
    Ok(if refused == 0 { Exit::Ok } else { Exit::Refused })
}

#[derive(Default)]
struct Sent {
    accepted: u64,
    refused: u64,
}

/// One by one, so that each has an answer of its own. A sink that is away ends it.
async fn send_all(
    sink: &mut dyn Sink,
    folder: &SinkFolder,
    letters: &[String],
) -> Result<Sent, Failure> {
    let mut sent = Sent::default();
    for name in letters {
        let letter = folder.read_letter(name).map_err(unusable)?;
        let patience = sink.patience() + Duration::from_secs(1);
        let records = [letter.record];
        let sending = tokio::time::timeout(patience, sink.send(&records, SystemClock.now()));
        match sending.await {
            Ok(Outcome::Accepted) => {
                folder.drop_letter(name).map_err(unusable)?;
                sent.accepted += 1;
            }
            Ok(Outcome::AcceptedExcept(_) | Outcome::Refused(_)) => sent.refused += 1,
            Ok(Outcome::Failed { why, .. } | Outcome::Denied(why)) => {
                return Err(away(why.as_str()));
            }
            Err(_) => return Err(away("no answer")),
        }
    }
    Ok(sent)
}

fn drop_letters(sink: &str, letters: &[String], apply: bool, places: &Places, json: bool) -> Done {
    let (name, folder) = folder(places, sink)?;
    let letters = only_known(&folder, &name, letters)?;
    if !apply {
        return plan("would drop", &name, &letters, json);
    }
    letters.iter().try_for_each(|letter| folder.drop_letter(letter)).map_err(unusable)?;
    if json {
        print::json(&json!({ "sink": name, "dropped": letters }));
    } else {
        print::line(format!("dropped {}; the records stay in the log", letters.len()));
    }
    Ok(Exit::Ok)
}

/// Says what would be done, and does nothing.
fn plan(what: &str, sink: &SinkName, letters: &[String], json: bool) -> Done {
    if json {
        print::json(&json!({ "sink": sink, "plan": what, "letters": letters }));
        return Ok(Exit::Ok);
    }
    letters.iter().for_each(|letter| print::line(format!("{what} {letter}")));
    print::note(format!("{} letters; nothing is done without `--apply`", letters.len()));
    Ok(Exit::Ok)
}

/// The letters that are named, or all where none is; each must be there.
fn only_known(
    folder: &SinkFolder,
    sink: &SinkName,
    named: &[String],
) -> Result<Vec<String>, Failure> {
    let known = folder.letter_names().map_err(unusable)?;
    if named.is_empty() {
        return Ok(known);
    }
    match named.iter().find(|letter| !known.contains(letter)) {
        None => Ok(named.to_vec()),
        Some(letter) => {
            let letter = Escaped(letter);
            let message = format!("the sink `{sink}` has no dead letter `{letter}`");
            let mut failure = Failure::usage(Code::BadField, message);
            failure.hint = Some("`bakerst audit dlq list` shows those there are".to_owned());
            Err(failure)
        }
    }
}

fn folder(places: &Places, sink: &str) -> Result<(SinkName, SinkFolder), Failure> {
    let name = SinkName::parse(sink).ok_or_else(|| {
        Failure::usage(Code::BadField, format!("`{}` is no name of a sink", Escaped(sink)))
    })?;
    let folder = SinkFolder::of(places.state(), &name);
    Ok((name, folder))
}

fn as_json(sink: &str, letter: &DeadLetter) -> Value {
    json!({
        "sink": sink,
        "letter": letter.name,
        "eventId": letter.record.id.to_string(),
        "seq": letter.record.id.seq,
        "at": letter.at,
        "why": letter.why,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn unusable(error: FolderError) -> Failure {
    Failure::environment(Code::StateUnwritable, error.to_string())
}

fn away(why: &str) -> Failure {
    let message = format!("the sink does not take records now: {why}");
    let mut failure = Failure::new(Exit::Refused, Code::SinkAway, message);
    failure.hint = Some("what was not accepted stays in the dead letters".to_owned());
    failure
}
