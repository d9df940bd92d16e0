//! Which of the suite's scenarios are run, and why the others are not. A scenario that is neither here
//! nor there fails the step: a new release of the suite does not pass by silence.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

/// How a client comes to be let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Entry {
    /// The server is open.
    Open,
    /// The server wants a login: an operator logs in, and what calls the server holds what that gave.
    /// Directly that is the client; otherwise it is the gateway, and the client never sees it.
    Login,
}

/// What a client has to do under a revision.
const CLIENTS: [(&str, Entry, &[&str]); 4] = [
    (
        "2025-11-25",
        Entry::Open,
        &[
            "initialize",
            "tools_call",
            "elicitation-sep1034-client-defaults",
            "sse-retry",
            "json-schema-2020-12-preservation",
        ],
    ),
    (
        "2026-07-28",
        Entry::Open,
        &[
            "tools_call",
            "request-metadata",
            "sep-2322-client-request-state",
            "http-standard-headers",
            "http-custom-headers",
            "http-invalid-tool-headers",
            "json-schema-ref-no-deref",
            "json-schema-2020-12-preservation",
        ],
    ),
    (
        "2025-11-25",
        Entry::Login,
        &[
            "auth/metadata-default",
            "auth/metadata-var1",
            "auth/metadata-var2",
            "auth/metadata-var3",
            "auth/basic-cimd",
            "auth/scope-from-www-authenticate",
            "auth/scope-from-scopes-supported",
            "auth/scope-omitted-when-undefined",
            "auth/token-endpoint-auth-basic",
            "auth/token-endpoint-auth-post",
            "auth/token-endpoint-auth-none",
            "auth/pre-registration",
        ],
    ),
    (
        "2026-07-28",
        Entry::Login,
        &[
            "auth/metadata-default",
            "auth/metadata-var1",
            "auth/metadata-var2",
            "auth/metadata-var3",
            "auth/basic-cimd",
            "auth/scope-from-www-authenticate",
            "auth/scope-from-scopes-supported",
            "auth/scope-omitted-when-undefined",
            "auth/token-endpoint-auth-basic",
            "auth/token-endpoint-auth-post",
            "auth/token-endpoint-auth-none",
            "auth/pre-registration",
            "auth/offline-access-scope",
            "auth/offline-access-not-supported",
            "auth/iss-supported",
            "auth/iss-not-advertised",
            // Here the login itself must fail, and nothing comes to the gateway.
            "auth/resource-mismatch",
            "auth/iss-supported-missing",
            "auth/iss-wrong-issuer",
            "auth/iss-unexpected",
            "auth/iss-normalized",
            "auth/metadata-issuer-mismatch",
        ],
    ),
];

/// A server that changes its mind about who may call it while it is called tells so by `401` or `403`. What a
/// server thinks of the gateway's credential is between the two: its client, who never had that, hears
/// of an error and cannot answer the challenge.
const CHANGES_ITS_MIND: &str =
    "the server asks anew who calls it, and through the gateway that is not the client";
/// What the credential is bound to, only its holder can show.
const BOUND: &str = "an extension: every request is signed by a key of the client's, and requests are the gateway's own";
/// A login without a person.
const MACHINE: &str =
    "an extension: a login without a person, by whoever calls the server, and that is the gateway";
/// An extension of the suite's own fixture.
const SKILLS: &str = "an extension that neither our fixture nor our client has";
/// A revision that nobody is asked to conform to any more.
const OLD: &str = "of 2025-03-26 alone, which no set of requirements asks for";

/// What is not run, and why.
const NOT_RUN: [(&str, &str); 18] = [
    ("auth/scope-step-up", CHANGES_ITS_MIND),
    ("auth/scope-retry-limit", CHANGES_ITS_MIND),
    ("auth/authorization-server-migration", CHANGES_ITS_MIND),
    ("auth/dpop", BOUND),
    ("auth/dpop-nonce", BOUND),
    ("auth/client-credentials-jwt", MACHINE),
    ("auth/client-credentials-basic", MACHINE),
    ("auth/enterprise-managed-authorization", MACHINE),
    ("auth/wif-jwt-bearer", MACHINE),
    ("auth/2025-03-26-oauth-metadata-backcompat", OLD),
    ("auth/2025-03-26-oauth-endpoint-fallback", OLD),
    ("sep-2640-client-no-prefetch", SKILLS),
    ("sep-2640-client-verify-digest", SKILLS),
    ("sep-2640-client-verify-size", SKILLS),
    ("sep-2640-client-verify-frontmatter", SKILLS),
    ("sep-2640-skills-directory", SKILLS),
    ("sep-2640-skills-enumeration", SKILLS),
    ("sep-2640-skills-manifest", SKILLS),
];

/// What a client has to do, by revision, and how it is let in.
pub(super) fn clients() -> impl Iterator<Item = (&'static str, Entry, &'static [&'static str])> {
    CLIENTS.into_iter()
}

/// Fails unless every scenario that the suite lists for clients is run under every revision whose
/// requirements name it, and every other one is run or named. `required` holds what the suite prints of a
/// revision's requirements; `all` what it prints of all scenarios.
pub(super) fn ensure_all_are_known(all: &str, required: &[(&str, &str)]) -> Result<()> {
    for (revision, list) in required {
        let run: BTreeSet<&str> = (CLIENTS.iter())
            .filter(|(of, ..)| of == revision)
            .flat_map(|(.., scenarios)| scenarios.iter().copied())
            .collect();
        let (server, client) =
            list.split_once("Client scenarios").context("the suite lists no clients")?;
        ensure!(named(server).next().is_some(), "the suite lists no servers");
        let client: String = client
            .lines()
            .filter(|line| !line.ends_with("[server]"))
            .fold(String::new(), |lines, line| lines + line + "\n");
        ensure_known(named(&client), &run, revision)?;
    }
    // What servers have to do is run by sets of requirements, which hold all but extensions.
    let of_servers = required.iter().flat_map(|(_, list)| named(list));
    let of_clients = CLIENTS.iter().flat_map(|(.., scenarios)| scenarios.iter().copied());
    let run: BTreeSet<&str> = of_servers.chain(of_clients).collect();
    // Nobody behind or before us is an authorization server.
    let ours = all.split("Authorization server scenarios").next().unwrap_or_default();
    ensure!(named(ours).count() > 20, "the suite lists hardly anything");
    ensure_known(named(ours), &run, "any revision")
}

fn ensure_known<'l>(
    listed: impl Iterator<Item = &'l str>,
    run: &BTreeSet<&str>,
    whence: &str,
) -> Result<()> {
    let is_named = |scenario: &str| NOT_RUN.iter().any(|(name, _)| *name == scenario);
    let unknown: Vec<&str> =
        listed.filter(|scenario| !run.contains(scenario) && !is_named(scenario)).collect();
    ensure!(unknown.is_empty(), "of {whence} neither run nor named: {}", unknown.join(", "));
    Ok(())
}

/// The names in a list of the suite's: one to a line, behind a dash, with more in brackets.
fn named(list: &str) -> impl Iterator<Item = &str> {
    let items = list.lines().filter_map(|line| line.trim_start().strip_prefix("- "));
    items.filter_map(|item| item.split_whitespace().next())
}

/// Says what is not run.
pub(super) fn tell_what_is_not_run() {
    for (scenario, why) in NOT_RUN {
        println!("not run: {scenario} ({why})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: &str = "Required (2):\n\nServer scenarios:\n  - ping\n\nClient scenarios:\n  - initialize\n  - auth/scope-step-up\n\nnever scored:\n  extension (2):\n    - auth/dpop [client]\n    - tasks-lifecycle [server]\n";

    fn all(more: &str) -> String {
        let known: String = (CLIENTS.iter())
            .flat_map(|(.., scenarios)| scenarios.iter())
            .map(|scenario| format!("  - {scenario} [2025-11-25]\n"))
            .collect();
        format!("Server scenarios:\n  - ping [2025-11-25]\n\nClient scenarios:\n{known}{more}")
    }

    #[test]
    fn a_scenario_that_is_neither_run_nor_named_is_found() {
        let required = [("2025-11-25", REQUIRED)];
        assert!(ensure_all_are_known(&all(""), &required).is_ok());
        let told = ensure_all_are_known(&all("  - auth/new [2026-07-28]\n"), &required);
        assert!(told.unwrap_err().to_string().contains("auth/new"));
        let more = REQUIRED.replace("initialize", "initialize\n  - auth/newer");
        let told = ensure_all_are_known(&all(""), &[("2025-11-25", &more)]);
        assert!(
            told.unwrap_err().to_string().contains("2025-11-25 neither run nor named: auth/newer")
        );
        assert!(ensure_all_are_known("", &required).is_err());
    }

    #[test]
    fn nothing_is_both_run_and_excused() {
        for (.., scenarios) in clients() {
            for scenario in scenarios {
                assert!(NOT_RUN.iter().all(|(name, _)| name != scenario), "{scenario}");
            }
        }
    }
}
