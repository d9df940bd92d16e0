//! What agents may do, and what arguments must look like, through the whole chain.

use serde_json::json;

use super::play;

const RULES: &str = include_str!("agents.yaml");

#[test]
fn an_agent_calls_what_it_was_given_and_nothing_else() {
    play(|t| {
        let inside = || json!({"path": "/workspace/a"});
        t.call(RULES, "read_file", inside(), "allow").agent = Some("default");
        t.call(RULES, "write_file", inside(), "deny GRD-037").agent = Some("default");
        t.call(RULES, "read_file", inside(), "allow").agent = Some("somebody");
        t.call(RULES, "unheard_of", json!({}), "deny GRD-030").agent = Some("somebody");
        t.call(RULES, "write_file", inside(), "allow").agent = Some("support-1");
        t.call(RULES, "drop_all", json!({}), "deny GRD-037").agent = Some("support-1");
        t.call(RULES, "read_file", inside(), "allow").agent = Some("careful");
        t.call(RULES, "write_file", inside(), "deny GRD-037").agent = Some("careful");
        t.call(RULES, "drop_all", json!({}), "deny GRD-037").agent = Some("careful");
    });
}

#[test]
fn the_most_specific_agent_counts_alone() {
    play(|t| {
        t.call(RULES, "fetch", json!({"url": "https://evil.com"}), "ask GRD-031").agent =
            Some("support-eu-1");
        t.call(RULES, "read_file", json!({"path": "/workspace/a"}), "ask GRD-037").agent =
            Some("support-eu-1");
        t.call(RULES, "read_file", json!({"path": "/workspace/a"}), "allow").agent =
            Some("support-us-1");
    });
}

#[test]
fn arguments_are_held_against_rules_of_the_tool_and_of_the_agent() {
    play(|t| {
        t.call(RULES, "read_file", json!({"path": "/workspace/../etc/passwd"}), "deny GRD-038")
            .agent = Some("default");
        t.call(RULES, "read_file", json!({"file": "/workspace/a"}), "deny GRD-039").agent =
            Some("default");
        t.call(RULES, "send_money", json!({"amount": 50}), "ask GRD-031").agent = Some("support-1");
        t.call(RULES, "send_money", json!({"amount": 500}), "ask GRD-038").agent =
            Some("support-1");
        t.call(RULES, "send_money", json!({"amount": 5000}), "deny GRD-038").agent =
            Some("support-1");
    });
}

#[test]
fn addresses_in_a_call_reach_only_the_agents_hosts() {
    play(|t| {
        let fetch = |url: &str| json!({"url": url});
        t.call(RULES, "fetch", fetch("https://api.example.com/x"), "allow").agent =
            Some("support-1");
        t.call(RULES, "fetch", fetch("https://evil.com/x"), "deny GRD-080").agent =
            Some("support-1");
        t.call(RULES, "fetch", fetch("https:/evil.com"), "deny GRD-080").agent = Some("support-1");
        t.call(RULES, "fetch", fetch("https:\\\\evil.com"), "deny GRD-080").agent =
            Some("support-1");
        t.call(RULES, "fetch", fetch(" HTTPS://EVIL.com "), "deny GRD-080").agent =
            Some("support-1");
        t.call(RULES, "fetch", fetch("https://api.example.com@evil.com"), "deny GRD-080").agent =
            Some("support-1");
        t.call(RULES, "fetch", fetch("ftp://api.example.com"), "deny GRD-080").agent =
            Some("support-1");
        t.call(RULES, "fetch", json!({"deep": [{"er": "wss://evil.com"}]}), "deny GRD-080").agent =
            Some("support-1");
        for spelt in [
            "ht\ntps://evil.com",
            "\u{1}https://evil.com",
            "https://evil.com/a b",
            "https://api.example.com @evil.com",
        ] {
            t.call(RULES, "fetch", fetch(spelt), "deny GRD-080").agent = Some("support-1");
        }
        t.call(RULES, "fetch", fetch("https://api.example.com/a b"), "allow").agent =
            Some("support-1");
        t.call(RULES, "fetch", json!({"text": "see https://evil.com for more"}), "allow").agent =
            Some("support-1");
        t.call(RULES, "fetch", json!({"text": "note: this"}), "allow").agent = Some("support-1");
    });
}

#[test]
fn without_a_default_an_agent_that_nothing_matches_may_do_nothing() {
    play(|t| {
        let text = "guardrails: {chain: []}\ntools: {t: {risk: read}}\nagents: {a-*: {tools: [t]}}";
        t.call(text, "t", json!({}), "allow").agent = Some("a-1");
        t.call(text, "t", json!({}), "deny GRD-036").agent = Some("b");
        t.call(text, "t", json!({}), "deny GRD-036").agent = Some("default");
    });
}
