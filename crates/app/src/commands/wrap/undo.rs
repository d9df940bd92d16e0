//! `bakerst unwrap CLIENT`: gives a client's configuration back as it was. Where nobody has changed
//! it since, that is byte for byte; otherwise what is new in it stays.

use super::edit::{self, Edit, Rewritten};
use super::{Plan, copies, files, report};
use crate::cli::{Global, Unwrap};
use crate::clients::{self, Form};
use crate::failure::{Exit, Outcome};
use crate::print;

pub(in crate::commands) fn run(unwrap: &Unwrap, global: &Global) -> Outcome {
    let copies = copies(global);
    let mut plans = Vec::new();
    for file in files(unwrap.client, &unwrap.client_config)? {
        let text = clients::text_of(&file)?;
        let copy = copies.find(&file, &text);
        let before = copy.as_ref().map(|copy| copy.text.as_str());
        let rewritten = edit::unwrap(&text, Form::of(&file), before);
        let whole = copy.as_ref().filter(|copy| copy.is_current);
        let rewritten = match (rewritten, whole) {
            (Ok(rewritten), _) => rewritten,
            // The copy says what stood there, however it is written now.
            (Err(_), Some(copy)) => {
                let edits = vec![Edit { span: 0..text.len(), text: copy.text.clone() }];
                Rewritten { edits, ..Rewritten::default() }
            }
            (Err(why), None) => return Err(clients::unusable(&file, &why)),
        };
        let new = whole.map_or_else(|| rewritten.text(&text), |copy| copy.text.clone());
        plans.push(Plan { file, text, new, rewritten });
    }
    if unwrap.apply {
        for plan in plans.iter().filter(|plan| plan.changes()) {
            plan.write()?;
            if plan.rewritten.left.is_empty() && copies.forget(&plan.file).is_err() {
                print::note("a copy that is not needed any more stays in the state folder");
            }
        }
    }
    report(&plans, unwrap.client, unwrap.apply, &copies, global);
    let complete = plans.iter().all(|plan| plan.rewritten.left.is_empty());
    Ok(if complete || !unwrap.apply { Exit::Ok } else { Exit::Refused })
}
