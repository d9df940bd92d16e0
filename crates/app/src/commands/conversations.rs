//! `bakerst conversations`.

use bakerst_model::Escaped;
use serde_json::{Value, json};

use crate::cli::{Conversations, Global};
use crate::failure::{Exit, Outcome};
use crate::operator::{self, path_segment};
use crate::print::{self, Style};

pub(crate) fn run(conversations: Conversations, global: &Global) -> Outcome {
    let answer = match &conversations {
        Conversations::List => operator::call(global, "GET", "/api/conversations", None)?,
        Conversations::Show { id } => operator::call(
            global,
            "GET",
            &format!("/api/conversations/{}", path_segment(id)),
            None,
        )?,
        Conversations::Clear { id, note } => {
            let path = format!("/api/conversations/{}", path_segment(id));
            operator::call(global, "POST", &path, Some(&json!({ "note": note })))?
        }
    };
    match conversations {
        _ if global.json => print::json(&answer),
        Conversations::List => print_list(&answer),
        Conversations::Show { .. } => listed(&answer).for_each(print_whole),
        Conversations::Clear { id, .. } => print::line(format!("{} cleared", Escaped(&id))),
    }
    Ok(Exit::Ok)
}

fn listed(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.as_array().into_iter().flatten()
}

fn print_list(answer: &Value) {
    let rows: Vec<_> = listed(answer)
        .map(|one| {
            vec![
                text(one, "conversationId"),
                text(one, "holder"),
                text(one, "heardAt"),
                one["outputs"].to_string(),
                seen(one),
                text(&one["instructions"], "tool"),
            ]
        })
        .collect();
    if rows.is_empty() {
        print::line("no conversation has been heard");
        return;
    }
    print::table(
        &["conversation", "holder", "heard", "outputs", "has seen", "instructions"],
        &rows,
    );
}

fn print_whole(one: &Value) {
    let style = Style::for_stdout();
    let line = |name: &str, value: String| {
        print::line(format!("{} {value}", style.dim(&format!("{name:15}"))));
    };
    for name in ["conversationId", "holder", "heardAt"] {
        line(name, text(one, name));
    }
    line("prompts", one["prompts"].to_string());
    line("outputs", one["outputs"].to_string());
    line("has seen", seen(one));
    if one["instructions"].is_object() {
        let found = text(&one["instructions"], "found");
        line("instructions", format!("from `{}`: {found}", text(&one["instructions"], "tool")));
    }
}

/// What it has seen, in words.
fn seen(one: &Value) -> String {
    let words =
        [("untrusted", "untrusted"), ("private", "private"), ("full", "more than it remembers")];
    let seen = words.iter().filter(|(name, _)| one[*name] == true).map(|(_, word)| *word);
    seen.collect::<Vec<_>>().join(", ")
}

fn text(value: &Value, name: &str) -> String {
    Escaped(value[name].as_str().unwrap_or_default()).to_string()
}
