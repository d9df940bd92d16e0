//! `bakerst audit erase`: the key of a person's records is destroyed.

use std::ops::ControlFlow;

use bakerst_model::{Code, Escaped};
use bakerst_store::query::{Order, find, threads};
use serde_json::json;

use super::args::{Erase, Which};
use super::select::{log_of, query_of, unreadable};
use crate::cli::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::operator;
use crate::print;
use crate::station::Places;

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
        let body = json!({ "subject": args.subject });
        operator::call(global, "POST", "/api/audit/erase", Some(&body))?;
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
