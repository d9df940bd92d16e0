//! `bakerst token`.

use bakerst_model::{Code, Role};
use serde_json::{Value, json};

use crate::cli::{Global, Token};
use crate::failure::{Exit, Failure, Outcome};
use crate::operator;
use crate::print;

pub(crate) fn run(token: Token, global: &Global) -> Outcome {
    match token {
        Token::Create { name, roles, agent } => {
            roles.iter().try_for_each(|role| check_role(role))?;
            let body = json!({ "name": name, "roles": roles, "agent": agent });
            let made = operator::call(global, "POST", "/api/tokens", Some(&body))?;
            if global.json {
                print::json(&made);
            } else {
                print::line(text(&made, "token"));
                print::note("this is the only time that the token is shown");
            }
        }
        Token::List => {
            let tokens = operator::call(global, "GET", "/api/tokens", None)?;
            if global.json { print::json(&tokens) } else { print_list(&tokens) }
        }
        Token::Revoke { token } => {
            let path = format!("/api/tokens/{}", operator::path_segment(&token));
            let gone = operator::call(global, "DELETE", &path, None)?;
            if global.json {
                print::json(&gone);
            } else {
                print::line(format!("revoked {}", text(&gone, "name")));
            }
        }
    }
    Ok(Exit::Ok)
}

fn check_role(role: &str) -> Result<(), Failure> {
    let known: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    match Role::parse(role) {
        Some(_) => Ok(()),
        None => {
            let mut failure = Failure::usage(Code::BadField, format!("there is no role `{role}`"));
            failure.hint = Some(format!("the roles are: {}", known.join(", ")));
            Err(failure)
        }
    }
}

fn print_list(tokens: &Value) {
    let rows = tokens.as_array().into_iter().flatten().map(|token| {
        let roles = token["roles"].as_array().into_iter().flatten();
        let roles: Vec<_> = roles.filter_map(Value::as_str).collect();
        vec![
            text(token, "id"),
            text(token, "name"),
            roles.join(","),
            text(token, "agent"),
            text(token, "createdAt"),
            text(token, "revokedAt"),
        ]
    });
    let head = ["id", "name", "roles", "agent", "created", "revoked"];
    print::table(&head, &rows.collect::<Vec<_>>());
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
