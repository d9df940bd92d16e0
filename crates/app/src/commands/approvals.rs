//! `bakerst approvals`.

use bakerst_model::{ApprovalId, Code, Escaped};
use serde_json::{Value, json};

use crate::cli::{Approvals, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::operator;
use crate::print::{self, Style};

pub(crate) fn run(approvals: Approvals, global: &Global) -> Outcome {
    match approvals {
        Approvals::List { all } => {
            let state = if all { "all" } else { "pending" };
            let path = format!("/api/approvals?state={state}");
            let listed = operator::call(global, "GET", &path, None)?;
            if global.json { print::json(&listed) } else { print_list(&listed) }
        }
        Approvals::Show { id } => {
            let path = format!("/api/approvals/{}", parse(&id)?);
            let approval = operator::call(global, "GET", &path, None)?;
            if global.json { print::json(&approval) } else { print_whole(&approval) }
        }
        Approvals::Approve { id, note } => answer(&id, true, note.as_deref(), global)?,
        Approvals::Deny { id, note } => answer(&id, false, note.as_deref(), global)?,
    }
    Ok(Exit::Ok)
}

fn answer(id: &str, approve: bool, note: Option<&str>, global: &Global) -> Result<(), Failure> {
    let id = parse(id)?;
    let body = json!({ "approve": approve, "note": note });
    let settled = operator::call(global, "POST", &format!("/api/approvals/{id}"), Some(&body))?;
    if global.json {
        print::json(&settled);
    } else {
        print::line(format!("{id} {}", text(&settled, "state")));
    }
    Ok(())
}

fn parse(id: &str) -> Result<ApprovalId, Failure> {
    ApprovalId::parse(id).ok_or_else(|| {
        let message = format!("`{id}` is no request for approval, expected one such as `apr-3`");
        Failure::usage(Code::NoSuchApproval, message)
    })
}

fn print_list(listed: &Value) {
    let rows: Vec<_> = (listed.as_array().into_iter().flatten())
        .map(|approval| {
            let input: String = text(approval, "input").chars().take(60).collect();
            vec![
                text(approval, "id"),
                text(approval, "state"),
                text(approval, "agent"),
                text(approval, "tool"),
                text(approval, "expiresAt"),
                input,
            ]
        })
        .collect();
    if rows.is_empty() {
        print::line("nothing waits for an answer");
        return;
    }
    print::table(&["id", "state", "agent", "tool", "expires", "input"], &rows);
}

fn print_whole(approval: &Value) {
    let style = Style::for_stdout();
    let names = [
        "id",
        "state",
        "tool",
        "input",
        "agent",
        "userId",
        "conversationId",
        "askedAt",
        "expiresAt",
        "answeredBy",
        "note",
    ];
    for name in names.into_iter().filter(|name| !approval[*name].is_null()) {
        print::line(format!("{} {}", style.dim(&format!("{name:15}")), text(approval, name)));
    }
    for reason in approval["reasons"].as_array().into_iter().flatten() {
        let why = format!("{} {}", text(reason, "code"), text(reason, "message"));
        print::line(format!("{} {why}", style.dim(&format!("{:15}", "asked because"))));
    }
}

fn text(value: &Value, name: &str) -> String {
    let text = value[name].as_str().unwrap_or_default();
    // Inputs come escaped already, and escaping once more changes nothing printable.
    Escaped(text).to_string()
}
