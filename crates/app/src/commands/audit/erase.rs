//! `bakerst audit erase`: the key of a person's records is destroyed.

use bakerst_model::{Action, Actor, Code, Detail, Escaped, Event, Journal as _};
use bakerst_store::query::{Order, find, threads};
use serde_json::json;
use std::ops::ControlFlow;

use super::args::{Erase, Which};
use super::select::{log_of, query_of, unreadable};
use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use crate::station::{self, Places, Station};

pub(super) fn run(args: &Erase, places: &Places, global: &Global) -> Outcome {
    let segments = log_of(places)?;
    let subjects = places.subjects()?;
    let Some(name) = subjects.as_ref().and_then(|subjects| subjects.name_of(&args.subject)) else {
        let message = format!("no key is kept for `{}`", Escaped(&args.subject));
        let mut failure = Failure::new(Exit::Refused, Code::NoSuchSubject, message);
        failure.hint = Some(
            "it was erased before, or nothing was recorded for them with `erasure: on`".into(),
        );
        return Err(failure);
    };
    let which = Which { users: vec![name.clone()], ..Which::default() };
    let query = query_of(&which, None)?;
    let order = Order::OldestFirst;
    let found =
        find(&segments, &query, order, None, threads(), &mut |_| {}, |_| ControlFlow::Continue(()));
    let records = found.map_err(|e| unreadable(&e))?.records;
    if args.apply {
        erase(args, places, global, &name)?;
    }
    if global.json {
        print::json(&json!({ "name": name, "records": records, "applied": args.apply }));
    } else if args.apply {
        print::line(format!(
            "the key of `{name}` is gone, and with it what {records} records tell"
        ));
    } else {
        print::line(format!("{records} records of `{name}` would be unreadable for ever"));
        print::note("`--apply` destroys the key; copies of it in backups are yours to destroy");
    }
    Ok(Exit::Ok)
}

/// First the record, then the deed: a key that goes without a word would be a gap in the account.
fn erase(args: &Erase, places: &Places, global: &Global, name: &str) -> Result<(), Failure> {
    let config = Config::load(global.config.as_deref())?;
    station::runtime()?.block_on(async {
        let station = Station::open(places, &config)?;
        let broken = |message: String| Failure::environment(Code::LogUnwritable, message);
        let detail = Detail::of(&json!({ "subject": name })).map_err(|e| broken(e.to_string()))?;
        let (action, actor) = (Action::SubjectErased, Actor::system());
        let event = Event { action, actor, conversation: None, detail };
        let recorded = station.journal.append(event).await;
        recorded.map_err(|e| Failure::environment(e.code(), e.to_string()))?;
        let Some(mut subjects) = places.subjects()? else { return Ok(()) };
        let erased = subjects.erase(&args.subject);
        erased.map_err(|e| Failure::environment(e.code(), station::with_causes(&e)))?;
        Ok(())
    })
}
