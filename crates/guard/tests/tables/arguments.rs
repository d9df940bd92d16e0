//! Rules for arguments: what keeps them, and what breaks them however it is spelt.

use serde_json::{Value, json};

use super::{Cases, play};

/// A policy with one tool that has this rule for an argument.
fn policy(pointer: &str, rule: &Value) -> String {
    let tool = json!({ "risk": "read", "args": { pointer: rule } });
    let chain = json!([{ "name": "human-approval" }]);
    json!({ "guardrails": { "chain": chain }, "tools": { "t": tool } }).to_string()
}

#[track_caller]
fn keeps(t: &mut Cases, rule: &str, value: impl Into<Value>) {
    t.call(&policy("/a", &json!(rule)), "t", json!({ "a": value.into() }), "allow");
}

#[track_caller]
fn breaks(t: &mut Cases, rule: &str, value: impl Into<Value>) {
    t.call(&policy("/a", &json!(rule)), "t", json!({ "a": value.into() }), "deny GRD-038");
}

#[test]
fn what_is_missing_or_of_another_kind_breaks_a_rule() {
    play(|t| {
        let mut check = |rule: Value, input: Value, want: &str| {
            t.call(&policy("/a", &rule), "t", input, want);
        };
        check(json!("<=5"), json!({}), "deny GRD-039 `/a` is missing, and has a rule");
        check(json!("<=5"), json!({"a": "5"}), "deny GRD-039 `/a` is no number, and must be one");
        check(json!("<=5"), json!({"A": 5}), "deny GRD-039 `/a` is missing, and has a rule");
        check(json!("<=5"), json!({"a": null}), "deny GRD-039 `/a` is no number, and must be one");
        check(
            json!("under:/x"),
            json!({"a": ["/x"]}),
            "deny GRD-039 `/a` is no text, and must be one",
        );
        check(json!(["optional", "<=5"]), json!({}), "allow");
        check(json!("optional <=5"), json!({"a": null}), "allow");
        check(json!("optional <=5"), json!({"a": 6}), "deny GRD-038 `/a` must be `<=5`");
        check(json!("absent"), json!({"a": 1}), "deny GRD-038 `/a` must not be there");
        check(json!("absent"), json!({}), "allow");
        check(
            json!("present"),
            json!({"a": null}),
            "deny GRD-039 `/a` is missing, and must be there",
        );
        let asks = json!({"rule": "<=5", "otherwise": "ask"});
        check(asks.clone(), json!({"a": 6}), "ask GRD-038 `/a` must be `<=5`");
        check(asks, json!({}), "ask GRD-039 `/a` is missing, and has a rule");
    });
}

#[test]
fn bounds_words_patterns_and_lengths() {
    play(|t| {
        keeps(t, "<=100", 100);
        breaks(t, "<=100", 100.01);
        breaks(t, "<=100", 1e300);
        breaks(t, "<=100", u64::MAX);
        keeps(t, ">=-1", 0);
        keeps(t, "1..3", 3);
        breaks(t, "1..3", 0.999);
        breaks(t, "<3", 3);
        breaks(t, ">0", 0);
        keeps(t, "=7", 7);
        keeps(t, "one of: a, b c, 3, true", "b c");
        keeps(t, "one of: a, b c, 3, true", 3);
        keeps(t, "one of: a, b c, 3, true", true);
        breaks(t, "one of: a, b c, 3, true", "A");
        breaks(t, "none of: root, admin", "root");
        keeps(t, "none of: root, admin", "ann");
        keeps(t, "matches: [a-z]+|x1", "abc");
        breaks(t, "matches: [a-z]+|x1", "abc!");
        breaks(t, "matches: [a-z]+|x1", "abc\n");
        keeps(t, "length <=3", "äöü");
        breaks(t, "length <=3", "abcd");
        keeps(t, "length 1..2", json!([1, 2]));
        breaks(t, "length <=2", json!([1, 2, 3]));
    });
}

#[test]
fn a_star_means_each_of_them() {
    play(|t| {
        let text = policy("/files/*/path", &json!("under:/w"));
        let files = |files: Value| json!({ "files": files });
        t.call(&text, "t", files(json!([])), "allow");
        t.call(&text, "t", files(json!([{"path": "/w/a"}, {"path": "/w/b"}])), "allow");
        t.call(&text, "t", files(json!([{"path": "/w/a"}, {"path": "/etc"}])), "deny GRD-038");
        t.call(&text, "t", files(json!([{"path": "/w/a"}, {}])), "deny GRD-039");
        t.call(&text, "t", files(json!("/w/a")), "deny GRD-039");
    });
}

#[test]
fn paths_are_held_against_folders_however_they_are_spelt() {
    play(|t| {
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
            keeps(t, "under:/w", inside);
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
            breaks(t, "under:/w", outside);
        }
        keeps(t, "under:/w, /tmp/x", "/tmp/x/y");
        breaks(t, "under:/w, /tmp/x", "/tmp/y");
        keeps(t, "under:/w from /w", "a/b");
        keeps(t, "under:/w from /w/a", "../b");
        breaks(t, "under:/w from /w/a", "../../b");
        keeps(t, "under:/", "/anything/at/all");
    });
}

#[test]
fn hosts_are_held_against_names_however_they_are_spelt() {
    play(|t| {
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
            keeps(t, rule, inside);
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
            breaks(t, rule, outside);
        }
        t.call(&policy("/a", &json!(rule)), "t", json!({"a": 1}), "deny GRD-039");
    });
}

#[test]
fn inner_addresses_are_reached_only_by_their_names() {
    play(|t| {
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
            breaks(t, "host:*", inner);
        }
        for public in [
            "https://example.com",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
            "http://1.1.1.1.",
        ] {
            keeps(t, "host:*", public);
        }
        keeps(t, "host:localhost", "http://localhost:8080");
        keeps(t, "host:10.0.0.0/8", "http://10.1.2.3");
        keeps(t, "host:[::1]:8080", "http://[::1]:8080/x");
        breaks(t, "host:[::1]:8080", "http://[::1]:8081/x");
        keeps(t, "host:127.0.0.1", "http://[::ffff:127.0.0.1]");
        keeps(t, "host:*.internal", "http://metadata.google.internal");
        breaks(t, "host:10.0.0.0/8", "http://012.1.2.3");
    });
}

#[test]
fn mail_goes_to_one_plain_address_at_a_named_host() {
    play(|t| {
        keeps(t, "mail:example.com", "ann.b+c@example.com");
        keeps(t, "mail:*.example.com", "ann@mail.example.com");
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
            breaks(t, "mail:example.com", elsewhere);
        }
    });
}
