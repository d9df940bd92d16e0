#![expect(clippy::needless_pass_by_value, reason = "tables read better with values")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn rules(pointer: &str, rule: Value) -> Result<ArgRules, String> {
    serde_json::from_value(json!({ pointer: rule })).map_err(|e| e.to_string())
}

fn broken_with(rules: &ArgRules, input: &Value, resolved: &ResolvedPaths) -> String {
    let told = rules
        .broken(input, resolved)
        .map(|BrokenRule { reason, otherwise }| format!("{otherwise:?} {reason}").to_lowercase());
    told.collect::<Vec<_>>().join("; ")
}

fn broken(rule: &str, value: Value) -> String {
    let rules = rules("/a", json!(rule)).unwrap_or_else(|why| panic!("{rule}: {why}"));
    broken_with(&rules, &json!({ "a": value }), &ResolvedPaths::default())
}

#[test]
fn a_rule_that_is_none_is_refused_in_words_that_help() {
    let why = |rule: Value| rules("/a", rule).unwrap_err();
    assert_eq!(why(json!("undr:/x")), "`undr:/x` is no rule; did you mean `under`?");
    assert!(why(json!("banana")).starts_with("`banana` is no rule, expected one of: under:"));
    assert_eq!(why(json!("under:work")), "the folder `work` is no absolute path");
    assert_eq!(why(json!("<=lots")), "`lots` is no number, expected one");
    assert_eq!(why(json!("5..1")), "nothing is between 5 and 1");
    assert_eq!(why(json!("matches:(")), "`(` is not a usable regular expression: unclosed group");
    assert_eq!(
        why(json!("matches:a)|(b")),
        "`a)|(b` is not a usable regular expression: unopened group"
    );
    assert_eq!(
        why(json!("host:*evil.com")),
        "`*evil.com` has a `*` beside other letters: it stands for whole labels"
    );
    assert_eq!(
        why(json!("host:https://x.com/")),
        "`https://x.com/` is more than a host; expected one such as `*.example.com`"
    );
    assert_eq!(
        why(json!("host:0x7f.1")),
        "`0x7f.1` is an address, and not written as four plain numbers"
    );
    assert_eq!(why(json!("one of: a,,b")), "`a,,b` lists an empty word");
    assert_eq!(why(json!([])), "the rule asks for nothing");
    assert_eq!(why(json!([">10", "<5"])), "no value is both `>10` and `<5`");
    assert_eq!(why(json!(["present", "absent"])), "no value is both `present` and `absent`");
    assert_eq!(
        serde_json::from_value::<ArgRules>(json!({"path": "present"})).unwrap_err().to_string(),
        "`path` is no JSON pointer, expected one such as `/path`"
    );
}

#[test]
fn symbolic_links_are_followed_where_a_rule_asks() {
    let rules = rules("/a", json!("resolved-under:/w")).unwrap();
    let input = json!({"a": "/w/x/../link/f"});
    let mut wanted = Vec::new();
    rules.paths_to_resolve(&input, &mut wanted);
    assert_eq!(wanted, ["/w/link/f", "/w"]);
    let leads = |to: &[(&str, &str)]| {
        let mut resolved = ResolvedPaths::default();
        to.iter().for_each(|(path, to)| resolved.insert((*path).into(), (*to).into()));
        broken_with(&rules, &input, &resolved)
    };
    assert_eq!(leads(&[("/w/link/f", "/data/w/link/f"), ("/w", "/data/w")]), "");
    assert!(leads(&[("/w/link/f", "/etc/f"), ("/w", "/w")]).contains("by a symbolic link"));
    assert!(leads(&[("/w", "/w")]).contains("was not followed"));
    assert!(leads(&[]).contains("was not followed"));
}

/// Pieces that paths are spelt with, and what those look like.
fn path_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "/", "//", "w", "etc", "..", ".", "...", "a", "%2e", "%2f", "\\", "~", " ", "\u{200b}",
        "．", "∕", "\0", "w2", "$X", "/w/", "/..", "/../", "./",
    ]);
    prop::collection::vec(pieces, 0..10).prop_map(|pieces| pieces.concat())
}

/// Where an operating system without symbolic links would end up.
fn walked(text: &str) -> Vec<&str> {
    let mut at = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(at.pop()),
            name => at.push(name),
        }
    }
    at
}

fn host_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "http",
        "https",
        "HTTPS",
        "://",
        ":",
        "/",
        "//",
        "\\",
        "@",
        "a.example.com",
        "example.com",
        "EXAMPLE.com",
        "evil.com",
        ".",
        "a",
        "%2e",
        "%40",
        "#",
        "?",
        ":80",
        "[::1]",
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "。",
        "ｅ",
        "\u{ad}",
        "\t",
        " ",
        "-",
        "xn--",
        "ß",
        "user",
        ";",
        "[",
        "]",
        "::ffff:10.0.0.1",
        "localhost",
    ]);
    let tail = prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat());
    (prop::sample::select(vec!["https://", "http://", "", "https:", "wss://a.example.com"]), tail)
        .prop_map(|(head, tail)| format!("{head}{tail}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_spelling_of_an_outside_path_passes(text in path_text()) {
        if broken("under:/w", json!(text)).is_empty() {
            prop_assert_eq!(walked(&text).first().copied(), Some("w"), "{}", text);
            prop_assert!(text.starts_with('/') && !text.contains(['%', '\\', '\0']));
        }
    }

    #[test]
    fn no_spelling_of_an_outside_host_passes(text in host_text()) {
        for rule in ["host:*.example.com", "host:*"] {
            if broken(rule, json!(text)).is_empty() {
                // A reader of addresses that browsers agree with must reach the same host.
                let whole = if text.contains("://") { text.clone() } else { format!("http://{text}/") };
                let read = url::Url::parse(&whole);
                let host = read.as_ref().ok().and_then(|url| url.host_str()).unwrap_or_default().to_owned();
                let host = host.trim_end_matches('.');
                if rule == "host:*" {
                    prop_assert!(host != "localhost" && !host.ends_with(".localhost"), "{}", text);
                    let address = host.trim_matches(['[', ']']).parse().ok();
                    prop_assert!(!address.is_some_and(address::is_inside), "{}", text);
                } else {
                    prop_assert!(host.ends_with(".example.com"), "{} reaches {}", text, host);
                }
                let url = read.unwrap();
                prop_assert!(url.username().is_empty() && url.password().is_none(), "{}", text);
            }
        }
    }

    #[test]
    fn rules_read_any_value_and_any_text_without_falling_over(rule in "\\PC{0,20}", text in "\\PC{0,30}") {
        if let Ok(rules) = rules("/a", json!(rule)) {
            let _ = broken_with(&rules, &json!({ "a": text }), &ResolvedPaths::default());
            let printed = serde_json::to_value(&rules).unwrap();
            prop_assert_eq!(serde_json::to_value(serde_json::from_value::<ArgRules>(printed.clone()).unwrap()).unwrap(), printed);
        }
    }
}
