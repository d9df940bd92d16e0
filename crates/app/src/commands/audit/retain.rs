//! `bakerst audit retain`: which old segments are to go, and letting go of them.

use bakerst_audit::retention::{Cause, Kept, Plan, Retention, Tombstone};
use bakerst_model::Code;
use bakerst_store::retention::survey;
use serde_json::json;

use super::args::Retain;
use super::select::{log_of, unreadable};
use crate::cli::Global;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;
use crate::retention;
use crate::station::{self, Places, Station};

pub(super) fn run(args: &Retain, places: &Places, global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    let wanted = {
        let mut kept = config.audit.retention;
        kept.age_days_max = args.age_days_max.or(kept.age_days_max);
        kept.bytes_max = args.bytes_max.or(kept.bytes_max);
        kept.limits()
    };
    log_of(places)?;
    if args.apply {
        return apply(wanted, places, &config, global.json);
    }
    let Some(surveyed) = survey(&places.log()).map_err(|e| unreadable(&e))? else {
        return Ok(Exit::Ok);
    };
    tell(&retention::plan(wanted, &surveyed, &SystemClock), global.json);
    Ok(Exit::Ok)
}

fn tell(plan: &Plan, json: bool) {
    let word = |cause: &Cause| match cause {
        Cause::Age => "age",
        Cause::Size => "size",
    };
    let bytes: u64 = plan.expire.iter().map(|(kept, _)| kept.bytes).sum();
    if json {
        let expire = plan.expire.iter().map(|(Kept { first, bytes, last_at }, cause)| {
            json!({ "first": first, "bytes": bytes, "lastAt": last_at, "cause": cause })
        });
        print::json(
            &json!({ "expire": expire.collect::<Vec<_>>(), "bytes": bytes, "applied": false }),
        );
        return;
    }
    if plan.expire.is_empty() {
        print::line("nothing is to go");
        return;
    }
    let rows = plan.expire.iter().map(|(kept, cause)| {
        let Kept { first, bytes, last_at } = kept;
        vec![first.to_string(), bytes.to_string(), last_at.to_string(), word(cause).to_owned()]
    });
    print::table(&["first record", "bytes", "last written", "goes by"], &rows.collect::<Vec<_>>());
    let count = plan.expire.len();
    print::note(format!("{count} segments, {bytes} bytes: `--apply` lets go of them"));
}

fn apply(wanted: Retention, places: &Places, config: &Config, json: bool) -> Outcome {
    let done = station::runtime()?.block_on(async {
        let station = Station::open(places, config)?;
        let turn = retention::turn(wanted, &places.log(), &station.journal, &SystemClock).await;
        turn.map_err(|e| Failure::environment(Code::LogUnwritable, station::with_causes(&e)))
    })?;
    match done {
        _ if json => print::json(&json!({ "tombstone": done, "applied": true })),
        None => print::line("nothing was to go"),
        Some(Tombstone { next, segments, bytes, .. }) => print::line(format!(
            "{segments} segments, {bytes} bytes are gone; the log begins with record {next} now"
        )),
    }
    Ok(Exit::Ok)
}
