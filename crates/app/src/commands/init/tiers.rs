//! How risky a tool seems to be, from its name and from what its server claims.
//!
//! A guess for a person to check. A server's own claims are heard, and never believed where the
//! tool's name says something worse.

use bakerst_guard::Risk;
use bakerst_guard::verbs::risk_of_name;
use bakerst_model::ToolDefinition;

/// A guess, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Guess {
    pub(super) risk: Risk,
    pub(super) why: String,
}

/// Guesses how risky a tool is.
pub(super) fn guess(tool: &ToolDefinition) -> Guess {
    let by_name =
        risk_of_name(tool.name()).map(|(risk, word)| (risk, format!("`{word}` in its name")));
    let claim = |name: &str| tool.annotations().and_then(|claims| claims.get(name)?.as_bool());
    let by_claim = match (claim("readOnlyHint"), claim("destructiveHint")) {
        (_, Some(true)) => {
            Some((Risk::Destructive, "its server says `destructiveHint`".to_owned()))
        }
        (Some(true), _) => Some((Risk::Read, "its server says `readOnlyHint`".to_owned())),
        (_, Some(false)) => Some((Risk::Write, "its server says it does not destroy".to_owned())),
        _ => None,
    };
    let (risk, why) = match (by_name, by_claim) {
        (Some(named), Some(claimed)) if claimed.0 > named.0 => claimed,
        (Some((risk, why)), Some((claimed, claim))) if claimed == risk => {
            (risk, format!("{why}, {claim}"))
        }
        (Some(named), _) => named,
        (None, Some(claimed)) => claimed,
        (None, None) => (Risk::Sensitive, "nothing tells what it does".to_owned()),
    };
    Guess { risk, why }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(name: &str, claims: &Value, risk: Risk, why: &str) {
        let tool = ToolDefinition::read(json!({"name": name, "annotations": claims})).unwrap();
        assert_eq!(guess(&tool), Guess { risk, why: why.to_owned() }, "{name}");
    }

    #[test]
    fn the_worse_of_name_and_claim_counts() {
        check("read_file", &json!({}), Risk::Read, "`read` in its name");
        check(
            "readFile",
            &json!({"readOnlyHint": true}),
            Risk::Read,
            "`read` in its name, its server says `readOnlyHint`",
        );
        check(
            "delete_file",
            &json!({"readOnlyHint": true}),
            Risk::Destructive,
            "`delete` in its name",
        );
        check(
            "get_rid",
            &json!({"destructiveHint": true}),
            Risk::Destructive,
            "its server says `destructiveHint`",
        );
        check("sendMail", &json!({}), Risk::Sensitive, "`send` in its name");
        check(
            "create-issue",
            &json!({"destructiveHint": false}),
            Risk::Write,
            "`create` in its name, its server says it does not destroy",
        );
        check("frobnicate", &json!({}), Risk::Sensitive, "nothing tells what it does");
        check(
            "frobnicate",
            &json!({"readOnlyHint": true}),
            Risk::Read,
            "its server says `readOnlyHint`",
        );
        check("get-message", &json!({}), Risk::Read, "`get` in its name");
        check("get_and_send_message", &json!({}), Risk::Sensitive, "`send` in its name");
        check("read_secret", &json!({}), Risk::Sensitive, "`secret` in its name");
        check("new_order", &json!({}), Risk::Sensitive, "`order` in its name");
        check("ready", &json!({}), Risk::Sensitive, "nothing tells what it does");
    }
}
