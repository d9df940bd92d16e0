//! Scores the redactor on samples: `score_redaction [--missed] FILE.jsonl ...`.
//!
//! Each line holds `text` and `spans`, as `[start, end, type]` in code points. A span counts as
//! covered if every byte of it lies in findings, and as touched if any does.

use std::collections::BTreeMap;
use std::process::ExitCode;

use bakerst_detect::redact::{Kind, Redactor, Rule};
use serde_json::Value;

#[derive(Default)]
struct Tally {
    spans: usize,
    covered: usize,
    touched: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let missed = arguments.iter().any(|argument| argument == "--missed");
    let Ok(redactor) = Redactor::new(&Kind::ALL.map(Rule::Kind)) else { return ExitCode::from(2) };
    for path in arguments.iter().filter(|argument| *argument != "--missed") {
        match std::fs::read_to_string(path) {
            Ok(rows) => score(&redactor, path, &rows, missed),
            Err(why) => {
                eprintln!("cannot read `{path}`: {why}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

fn score(redactor: &Redactor, path: &str, rows: &str, missed: bool) {
    let (mut groups, mut clean, mut flagged) = (BTreeMap::<String, Tally>::new(), 0, 0);
    for row in rows.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = row.get("text").and_then(Value::as_str).unwrap_or_default();
        let empty = Vec::new();
        let spans = row.get("spans").and_then(Value::as_array).unwrap_or(&empty);
        let found = redactor.redact(text).findings;
        if spans.is_empty() {
            clean += 1;
            flagged += usize::from(!found.is_empty());
            if missed && !found.is_empty() {
                println!(
                    "flagged {:?} {:?}",
                    found.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>(),
                    text
                );
            }
        }
        let mut places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        places.push(text.len());
        for span in spans {
            let at = |n: usize| {
                let place =
                    span.get(n).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
                place.and_then(|place| places.get(place).copied()).unwrap_or_default()
            };
            let (start, end) = (at(0), at(1));
            let kind = span.get(2).and_then(Value::as_str).unwrap_or_default();
            let inside = |byte: usize| found.iter().any(|finding| finding.span.contains(&byte));
            let covered = (start..end).filter(|byte| inside(*byte)).count();
            for group in groups_of(kind) {
                let tally = groups.entry(group).or_default();
                tally.spans += 1;
                tally.covered += usize::from(covered == end - start);
                tally.touched += usize::from(covered > 0);
            }
            if missed && covered < end - start {
                println!("{covered:3} of {:3} {kind} {text:?}", end - start);
            }
        }
    }
    println!("{path}");
    for (group, tally) in groups {
        let share = |part: usize| 100.0 * part as f64 / tally.spans as f64;
        let (covered, touched) = (share(tally.covered), share(tally.touched));
        println!(
            "  {group:24} {:5} spans  {covered:6.2} % covered  {touched:6.2} % touched",
            tally.spans
        );
    }
    println!(
        "  {:24} {clean:5} texts  {:6.2} % flagged",
        "negative",
        100.0 * flagged as f64 / (clean as f64).max(1.0)
    );
}

/// Secrets are scored together, and those that have a form of their own apart.
fn groups_of(kind: &str) -> Vec<String> {
    match kind.strip_prefix("SECRET:") {
        Some(rule) if NAMED.contains(&rule) => vec!["secrets, all".to_owned()],
        Some(_) => vec!["secrets, all".to_owned(), "secrets, own form".to_owned()],
        None => vec![kind.to_owned()],
    }
}

/// The rules whose value has no form of its own: a name before it makes it a secret.
const NAMED: &[&str] = &[
    "adafruit-api-key",
    "adobe-client-id",
    "airtable-api-key",
    "algolia-api-key",
    "alibaba-secret-key",
    "asana-client-id",
    "asana-client-secret",
    "beamer-api-token",
    "bitbucket-client-id",
    "bitbucket-client-secret",
    "bittrex-access-key",
    "bittrex-secret-key",
    "cisco-meraki-api-key",
    "cloudflare-api-key",
    "cloudflare-global-api-key",
    "codecov-access-token",
    "cohere-api-token",
    "coinbase-access-token",
    "confluent-access-token",
    "confluent-secret-key",
    "contentful-delivery-api-token",
    "curl-auth-header",
    "curl-auth-user",
    "datadog-access-token",
    "defined-networking-api-token",
    "discord-api-token",
    "discord-client-id",
    "discord-client-secret",
    "droneci-access-token",
    "dropbox-api-token",
    "dropbox-long-lived-api-token",
    "dropbox-short-lived-api-token",
    "etsy-access-token",
    "facebook-secret",
    "fastly-api-token",
    "finicity-api-token",
    "finicity-client-secret",
    "finnhub-access-token",
    "flickr-access-token",
    "freemius-secret-key",
    "freshbooks-access-token",
    "generic-api-key",
    "gitter-access-token",
    "gocardless-api-token",
    "hashicorp-tf-password",
    "heroku-api-key",
    "hubspot-api-key",
    "intercom-api-key",
    "jfrog-api-key",
    "jfrog-identity-token",
    "kraken-access-token",
    "kubernetes-secret-yaml",
    "kucoin-access-token",
    "kucoin-secret-key",
    "launchdarkly-access-token",
    "linear-client-secret",
    "linkedin-client-id",
    "linkedin-client-secret",
    "lob-api-key",
    "lob-pub-api-key",
    "looker-client-id",
    "looker-client-secret",
    "mailchimp-api-key",
    "mailgun-private-api-token",
    "mailgun-pub-key",
    "mailgun-signing-key",
    "mapbox-api-token",
    "mattermost-access-token",
    "messagebird-api-token",
    "messagebird-client-id",
    "netlify-access-token",
    "new-relic-browser-api-token",
    "new-relic-insert-key",
    "new-relic-user-api-id",
    "new-relic-user-api-key",
    "nuget-config-password",
    "nytimes-access-token",
    "okta-access-token",
    "plaid-api-token",
    "plaid-client-id",
    "plaid-secret-key",
    "privateai-api-token",
    "rapidapi-access-token",
    "sendbird-access-id",
    "sendbird-access-token",
    "sentry-access-token",
    "sidekiq-secret",
    "snyk-api-token",
    "sonar-api-token",
    "squarespace-access-token",
    "sumologic-access-id",
    "sumologic-access-token",
    "telegram-bot-api-token",
    "travisci-access-token",
    "twitch-api-token",
    "twitter-access-secret",
    "twitter-access-token",
    "twitter-api-key",
    "twitter-api-secret",
    "twitter-bearer-token",
    "typeform-api-token",
    "yandex-access-token",
    "yandex-api-key",
    "yandex-aws-access-token",
    "zendesk-secret-key",
];
