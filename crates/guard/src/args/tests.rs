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

#[track_caller]
fn keeps(rule: &str, value: impl Into<Value>) {
    assert_eq!(broken(rule, value.into()), "", "{rule}");
}

#[track_caller]
fn breaks(rule: &str, value: impl Into<Value>) {
    let value = value.into();
    assert_ne!(broken(rule, value.clone()), "", "{rule} on {value}");
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
fn what_is_missing_or_of_another_kind_breaks_a_rule() {
    let check = |rule: Value, input: Value, want: &str| {
        let rules = rules("/a", rule).unwrap();
        assert_eq!(broken_with(&rules, &input, &ResolvedPaths::default()), want);
    };
    check(json!("<=5"), json!({}), "deny grd-039 `/a` is missing, and has a rule");
    check(json!("<=5"), json!({"a": "5"}), "deny grd-039 `/a` is no number, and must be one");
    check(json!("<=5"), json!({"A": 5}), "deny grd-039 `/a` is missing, and has a rule");
    check(json!("<=5"), json!({"a": null}), "deny grd-039 `/a` is no number, and must be one");
    check(json!("under:/x"), json!({"a": ["/x"]}), "deny grd-039 `/a` is no text, and must be one");
    check(json!(["optional", "<=5"]), json!({}), "");
    check(json!("optional <=5"), json!({"a": null}), "");
    check(json!("optional <=5"), json!({"a": 6}), "deny grd-038 `/a` must be `<=5`");
    check(json!("absent"), json!({"a": 1}), "deny grd-038 `/a` must not be there");
    check(json!("absent"), json!({}), "");
    check(json!("present"), json!({"a": null}), "deny grd-039 `/a` is missing, and must be there");
    let asks = json!({"rule": "<=5", "otherwise": "ask"});
    check(asks.clone(), json!({"a": 6}), "ask grd-038 `/a` must be `<=5`");
    check(asks, json!({}), "ask grd-039 `/a` is missing, and has a rule");
}

#[test]
fn bounds_words_patterns_and_lengths() {
    keeps("<=100", 100);
    breaks("<=100", 100.01);
    breaks("<=100", 1e300);
    breaks("<=100", u64::MAX);
    keeps(">=-1", 0);
    keeps("1..3", 3);
    breaks("1..3", 0.999);
    breaks("<3", 3);
    breaks(">0", 0);
    keeps("=7", 7);
    keeps("one of: a, b c, 3, true", "b c");
    keeps("one of: a, b c, 3, true", 3);
    keeps("one of: a, b c, 3, true", true);
    breaks("one of: a, b c, 3, true", "A");
    breaks("none of: root, admin", "root");
    keeps("none of: root, admin", "ann");
    keeps("matches: [a-z]+|x1", "abc");
    breaks("matches: [a-z]+|x1", "abc!");
    breaks("matches: [a-z]+|x1", "abc\n");
    keeps("length <=3", "äöü");
    breaks("length <=3", "abcd");
    keeps("length 1..2", json!([1, 2]));
    breaks("length <=2", json!([1, 2, 3]));
}

#[test]
fn a_star_means_each_of_them() {
    let rules = rules("/files/*/path", json!("under:/w")).unwrap();
    let of =
        |paths: Value| broken_with(&rules, &json!({ "files": paths }), &ResolvedPaths::default());
    assert_eq!(of(json!([])), "");
    assert_eq!(of(json!([{"path": "/w/a"}, {"path": "/w/b"}])), "");
    assert!(of(json!([{"path": "/w/a"}, {"path": "/etc"}])).contains("grd-038"));
    assert!(of(json!([{"path": "/w/a"}, {}])).contains("grd-039"));
    assert!(of(json!("/w/a")).contains("grd-039"));
}

#[test]
fn paths_are_held_against_folders_however_they_are_spelt() {
    for inside in [
        "/w",
        "/w/",
        "/w/a",
        "//w//a",
        "/w/./a",
        "/x/../w/a",
        "/w/a/../b",
        "/../w",
        "/w/...a",
        "/w/a b",
        "/w/ü",
    ] {
        keeps("under:/w", inside);
    }
    let outside = [
        "",
        ".",
        "w",
        "w/a",
        "/",
        "/w2",
        "/W/a",
        "/w/../etc",
        "/w/..",
        "/w/a/../../etc",
        "/w/./../etc",
        "/w//..//etc",
        "~/w",
        "~root",
        "/w/%2e%2e/etc",
        "/w/%2E%2e%2fetc",
        "/w%00/../etc",
        "/w/\0",
        "/w/a\n",
        "/w/..%252f",
        "\\w\\a",
        "/w/..\\etc",
        "/w\\..\\etc",
        "C:\\w",
        "file:///w/a",
        "/w/．．/etc",
        "/w/․․/etc",
        "/w／..／etc",
        "/w/.\u{200b}./etc",
        "/w/..\u{200b}/etc",
        "/w/‥/etc",
        "/w∕..∕etc",
        "/w/.. /etc",
        "/w/ ../etc",
        "/w/.../etc",
        "/w/a./x",
        "/w/$HOME",
        "/w/${X}/a",
        "/w/$(x)",
        "/w/`x`",
        "/w/\u{202e}cte",
        "/w/%c0%ae%c0%ae/etc",
        "/w/\u{3000}",
        "/w/\u{2024}\u{2024}",
    ];
    for outside in outside {
        breaks("under:/w", outside);
    }
    keeps("under:/w, /tmp/x", "/tmp/x/y");
    breaks("under:/w, /tmp/x", "/tmp/y");
    keeps("under:/w from /w", "a/b");
    keeps("under:/w from /w/a", "../b");
    breaks("under:/w from /w/a", "../../b");
    keeps("under:/", "/anything/at/all");
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

#[test]
fn hosts_are_held_against_names_however_they_are_spelt() {
    let rule = "host:*.example.com, api.other.org:8443, bücher.example";
    for inside in [
        "https://a.example.com/x?y#z",
        "HTTPS://A.EXAMPLE.COM",
        "https://a.b.example.com:444/",
        "a.example.com",
        "a.example.com:80",
        "https://a.example.com./x",
        "wss://api.other.org:8443/",
        "https://xn--bcher-kva.example",
        "https://BÜCHER.example/",
        "https://a.ｅxample.com/",
        "https://a.example。com/",
        "https://a.example.com?@evil.com",
        "https://a.example.com#@evil.com",
        "https://a.example.com/@evil.com",
    ] {
        keeps(rule, inside);
    }
    for outside in [
        "",
        "https://",
        "https://example.com",
        "https://evil.com",
        "https://evilexample.com",
        "https://a.example.com.evil.com",
        "https://a.example.com@evil.com",
        "https://a.example.com:80@evil.com/",
        "https://evil.com\\@a.example.com",
        "https://evil.com\\.a.example.com/",
        "https:\\\\evil.com",
        "https:/a.example.com",
        "https:a.example.com",
        "//a.example.com",
        "a.example.com/path",
        "https://a.example.com..",
        "https://.example.com",
        "https://a..example.com",
        "https://a.example.com%2eevil.com",
        "https://%61.example.com",
        "https://evil.com%23.example.com",
        "https://a.example.com:0",
        "https://a.example.com:",
        "https://a.example.com:99999",
        "https://a.example.com:80:80",
        " https://a.example.com",
        "https://a.example.com\n",
        "ht\ttps://a.example.com",
        "https://a.exa\tmple.com",
        "ftp://a.example.com",
        "file://a.example.com/x",
        "javascript://a.example.com/%0aalert(1)",
        "https://а.ехаmple.com",
        "https://api.other.org",
        "https://api.other.org:443",
        "https://evil.com#.example.com",
        "https://evil.com?.example.com",
        "https://evil.com/.example.com",
        "https://[::1].example.com",
        "https://a.example.com\u{200b}",
        "https://bu\u{308}cher.example.evil",
        "https://faß.example.com",
        "https://a_b!.example.com",
        "https://-a.example.com",
        "https://a;.example.com",
    ] {
        breaks(rule, outside);
    }
    breaks(rule, json!(1));
}

#[test]
fn inner_addresses_are_reached_only_by_their_names() {
    for inner in [
        "http://localhost",
        "http://127.0.0.1",
        "http://10.1.2.3",
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal",
        "http://[::1]",
        "http://[::ffff:127.0.0.1]",
        "http://[fd00:ec2::254]",
        "http://db",
        "http://printer.local",
        "http://x.localhost",
        "http://100.100.100.200",
        "http://0.0.0.0",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://127.0.0.01",
        "http://0x7f.1",
        "http://127.0.0.1.",
        "http://①②⑦.0.0.1",
        "http://[::]",
        "http://[64:ff9b::7f00:1]",
        "http://[fe80::1%25eth0]",
        "http://256.1.1.1",
        "http://1.1.1",
        "http://[::127.0.0.1]",
    ] {
        breaks("host:*", inner);
    }
    for public in
        ["https://example.com", "https://1.1.1.1/", "https://[2606:4700::1111]/", "http://1.1.1.1."]
    {
        keeps("host:*", public);
    }
    keeps("host:localhost", "http://localhost:8080");
    keeps("host:10.0.0.0/8", "http://10.1.2.3");
    keeps("host:[::1]:8080", "http://[::1]:8080/x");
    breaks("host:[::1]:8080", "http://[::1]:8081/x");
    keeps("host:127.0.0.1", "http://[::ffff:127.0.0.1]");
    keeps("host:*.internal", "http://metadata.google.internal");
    breaks("host:10.0.0.0/8", "http://012.1.2.3");
}

#[test]
fn mail_goes_to_one_plain_address_at_a_named_host() {
    keeps("mail:example.com", "ann.b+c@example.com");
    keeps("mail:*.example.com", "ann@mail.example.com");
    for elsewhere in [
        "ann@evil.com",
        "ann@example.com.evil.com",
        "a@evil.com@example.com",
        "a@example.com,b@evil.com",
        "Ann <a@evil.com>@example.com",
        "a b@example.com",
        "\"a@evil.com\"@example.com",
        "@example.com",
        "ann",
        "ann@example.com ",
        "a%evil.com@example.com",
        "a!b@example.com",
        "ann@example.com:25",
        "a@example.com\nbcc:b@evil.com",
    ] {
        breaks("mail:example.com", elsewhere);
    }
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
