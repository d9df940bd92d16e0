//! One door for examples, and the promise that pieces and the whole text give the same.

use proptest::prelude::*;

use super::*;
use crate::specimen;

fn redactor() -> Redactor {
    Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap()
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(redactor().redact(text).text, want);
    assert_eq!(streamed(&redactor(), &[text]).0, want);
}

fn streamed(redactor: &Redactor, chunks: &[&str]) -> (String, Vec<RedactionFinding>) {
    let (mut stream, mut out) = (redactor.stream(), String::new());
    for chunk in chunks {
        stream.push(chunk, &mut out);
    }
    let findings = stream.finish(&mut out);
    (out, findings)
}

/// Parts of a token, joined here so that no file holds one.
fn token(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn secrets_and_personal_data_are_replaced() {
    let key = token(&["sk-", "ant-", "abcdefghijklmnopqrstuv"]);
    check(&format!("key={key}!"), "key=[REDACTED_API_KEY]!");
    check("write to ann.lee@example.co.uk now", "write to [REDACTED_EMAIL] now");
    check("ssn 078-05-1120", "ssn [REDACTED_US_SSN]");
    check("ssn 000-05-1120", "ssn 000-05-1120");
    check("card 4111 1111 1111 1111.", "card [REDACTED_CREDIT_CARD].");
    check("card 4111 1111 1111 1112.", "card 4111 1111 1111 1112.");
    check("nothing to see", "nothing to see");
    check("", "");
}

#[test]
fn credentials_are_replaced_where_they_are_used() {
    check("postgres://app:s3cr3tpw@db/x", "postgres://app:[REDACTED_PASSWORD]@db/x");
    check("https://user:password@host/", "https://user:password@host/");
    check("curl -u ann:k3yb0ard https://x", "curl -u [REDACTED_PASSWORD] https://x");
    check("curl -u ${user}:${pass} https://x", "curl -u ${user}:${pass} https://x");
    check(r#"{"password": "hunter2!"}"#, r#"{"password": "[REDACTED_PASSWORD]"}"#);
    check("Authorization: Bearer q8Zr41kd0PwLx9aa", "Authorization: Bearer [REDACTED_API_KEY]");
    check("Authorization: Bearer $TOKEN", "Authorization: Bearer $TOKEN");
    check(
        r#"<add key="Password" value="q8Zr41kd0P" />"#,
        r#"<add key="Password" value="[REDACTED_PASSWORD]" />"#,
    );
    let manifest = "apiVersion: v1\nkind: Secret\ndata:\n  pw: aHVudGVyMmh1bnRlcg==\n";
    check(manifest, "apiVersion: v1\nkind: Secret\ndata:\n  pw: [REDACTED_API_KEY]\n");
}

#[test]
fn numbers_are_told_by_check_digits_and_surroundings() {
    check("call +1 (415) 555-2671 now", "call [REDACTED_PHONE] now");
    check("415-555-2671", "[REDACTED_PHONE]");
    check("Mobile: 0490 39 07 81", "Mobile: [REDACTED_PHONE]");
    check("IBAN GB82 WEST 1234 5698 7654 32.", "IBAN [REDACTED_IBAN].");
    check("peer 81.2.69.142:443", "peer [REDACTED_IP_ADDRESS]:443");
    check("version 81.2.69.142", "version 81.2.69.142");
    check("on 127.0.0.1 and 10.0.0.1", "on 127.0.0.1 and 10.0.0.1");
    check("[2a02:8109::1f]:443", "[[REDACTED_IP_ADDRESS]]:443");
    check("std::fmt::Debug at 10:11:12", "std::fmt::Debug at 10:11:12");
    check("mac=71:ac:37:cf:9a:c6", "mac=[REDACTED_MAC_ADDRESS]");
    check("born on 3 May 1981, here", "born on [REDACTED_DATE_OF_BIRTH], here");
    check("dob: 1981-05-03", "dob: [REDACTED_DATE_OF_BIRTH]");
    check("passport no. X1234567", "passport no. [REDACTED_PASSPORT]");
    check("NHS number: 943 476 5919", "NHS number: [REDACTED_NATIONAL_ID]");
    check("NHS number: 943 476 5918", "NHS number: 943 476 5918");
    check("CPF 529.982.247-25", "CPF [REDACTED_NATIONAL_ID]");
    check("at 221 Baker Street, London", "at [REDACTED_ADDRESS], London");
}

#[test]
fn private_keys_are_replaced_from_begin_to_end_or_the_limit() {
    let dashes = "-----";
    let begin = format!("{dashes}BEGIN RSA PRIVATE KEY{dashes}");
    let end = format!("{dashes}END RSA PRIVATE KEY{dashes}");
    let body = "MIIEpAIBAAKCAQEA7\n".repeat(9);
    check(&format!("a\n{begin}\n{body}{end}\nb"), "a\n[REDACTED_PRIVATE_KEY]\nb");
    check(&format!("a\n{begin}\n{body}"), "a\n[REDACTED_PRIVATE_KEY]");
    check(&format!("see {begin} in the file"), &format!("see {begin} in the file"));
    let long = "A".repeat(40_000);
    let text = format!("{begin}\n{long}");
    let kept = redactor().redact(&text).text.len();
    assert_eq!(kept, text.len() - begin.len() - block::PEM_MAX + "[REDACTED_PRIVATE_KEY]".len());
}

#[test]
fn earlier_rules_win_at_one_place() {
    let own = Rule::Regex { find: "ann@[a-z.]+".into(), replace: "[ANN]".into() };
    let redactor = Redactor::new(&[own, Rule::Kind(Kind::Email)]).unwrap();
    assert_eq!(redactor.redact("ann@a.org bob@a.org").text, "[ANN] [REDACTED_EMAIL]");
    let own = Rule::Regex { find: "ann@[a-z.]+".into(), replace: "[ANN]".into() };
    let redactor = Redactor::new(&[Rule::Kind(Kind::Email), own]).unwrap();
    assert_eq!(redactor.redact("ann@a.org").text, "[REDACTED_EMAIL]");
    let unasked = Redactor::new(&[Rule::Kind(Kind::Iban)]).unwrap();
    assert_eq!(unasked.redact("ann@a.org").text, "ann@a.org");
}

#[test]
fn findings_name_rule_kind_and_span() {
    let found = redactor().redact("card 4111 1111 1111 1111.").findings;
    let want = RedactionFinding {
        placeholder: "[REDACTED_CREDIT_CARD]".to_owned(),
        span: 5..24,
        rule: RuleId("payment-card"),
        kind: Some(Kind::CreditCard),
        action: Action::Mask,
        verified: true,
    };
    assert_eq!(found, [want]);
}

#[test]
fn actions_report_or_block() {
    let redactor =
        redactor().with_action(Kind::Email, Action::Report).with_action(Kind::Iban, Action::Block);
    let reported = redactor.redact("to ann@a.org");
    assert_eq!((reported.text.as_ref(), reported.findings.len()), ("to ann@a.org", 1));
    assert!(!reported.blocked);
    assert!(redactor.redact("GB82WEST12345698765432").blocked);
}

#[test]
fn kinds_come_and_go() {
    let none = Redactor::new(&[]).unwrap();
    assert_eq!(none.redact("ann@a.org").text, "ann@a.org");
    let email = none.with_action(Kind::Email, Action::Mask);
    assert_eq!(email.redact("ann@a.org").text, "[REDACTED_EMAIL]");
    let allowed = email.clone().without(Kind::Email).redact("ann@a.org").findings;
    assert_eq!(allowed, []);
    assert_eq!(email.redact("ann@a.org").findings.len(), 1);
}

#[test]
fn values_keep_their_names() {
    let mut names = Pseudonyms::new(&[1; 32], 100);
    let redactor = redactor();
    let text = "ann@a.org wrote to bob@a.org, and ANN@a.org again";
    assert_eq!(
        redactor.redact_named(text, &mut names).text,
        "[EMAIL_1] wrote to [EMAIL_2], and [EMAIL_1] again"
    );
    assert_eq!(redactor.redact_named("bob@a.org", &mut names).text, "[EMAIL_2]");
    let (mut stream, mut out) = (redactor.stream().with_pseudonyms(names), String::new());
    stream.push("eve@a.o", &mut out);
    stream.push("rg bob@a.org", &mut out);
    stream.finish(&mut out);
    assert_eq!(out, "[EMAIL_3] [EMAIL_2]");
}

#[test]
fn clean_text_is_passed_on_almost_at_once() {
    let redactor = redactor();
    let (mut stream, mut out) = (redactor.stream(), String::new());
    for word in "The quick brown fox jumps over the lazy dog and runs home.".split_inclusive(' ') {
        stream.push(word, &mut out);
        assert!(stream.held() <= 24, "{} held after {out}", stream.held());
    }
}

#[test]
fn what_is_held_back_is_bounded() {
    let redactor = redactor();
    let text = specimen::clean(1 << 16);
    for bytes in [1, 63, 64, 100, 511, 512, 4096] {
        let (mut stream, mut out) = (redactor.stream(), String::new());
        for piece in specimen::pieces(&text, bytes) {
            stream.push(piece, &mut out);
            assert!(stream.held() < 512 + 100, "{} held of pieces of {bytes}", stream.held());
        }
        stream.flush(&mut out);
        assert!(stream.held() <= 100, "{} held after a flush", stream.held());
        stream.finish(&mut out);
        assert_eq!(out, text);
    }
}

/// Pieces that rules care about, cut and glued in every way.
const PIECES: [&str; 44] = [
    "a",
    " ",
    "\n",
    "é",
    "😀",
    "\"",
    "'",
    "=",
    ": ",
    ":",
    "@",
    ".",
    "-",
    "--",
    "key",
    "password",
    "token_",
    "secret",
    "discord",
    "ann.lee",
    "example.org",
    "4111 1111 1111 1111",
    "4111",
    "1",
    "81.2.69.142",
    "2a02:8109::1f",
    ":ff",
    "078-05-1120",
    "+1 415-555-2671",
    "GB82WEST12345698765432",
    "://",
    "user:pa55word@",
    "curl -u ",
    "bearer ",
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9",
    "born 3 May 1981",
    "Mobile ",
    "data:\n  a: ",
    "kind: Secret",
    "q8Zr41kd0PwLx9aa",
    "0123456789abcdef",
    "BEGIN PRIVATE KEY",
    "END PRIVATE KEY",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No secret leaves split over two pieces: every text, cut anywhere, gives the same as whole.
    #[test]
    fn pieces_give_the_same_as_the_whole(
        parts in prop::collection::vec(0..PIECES.len() + 2, 0..60),
        // Short pieces, and such as are collected.
        sizes in prop::collection::vec(prop_oneof![1..40_usize, 60..200_usize], 1..20),
        flushes in any::<u64>(),
        own in any::<bool>(),
        // Long enough now and then that the stream lets go of what it passed on.
        times in prop::sample::select(vec![1_usize, 1, 1, 60]),
    ) {
        let prefix = token(&["gh", "p_"]);
        let text: String = parts.iter().map(|part| match PIECES.get(*part) {
            Some(piece) => *piece,
            None if *part == PIECES.len() => "-----",
            None => prefix.as_str(),
        }).collect::<String>().repeat(times);
        let mut rules = Kind::ALL.map(Rule::Kind).to_vec();
        if own {
            rules.push(Rule::Regex { find: "(?i)key.*d".into(), replace: "[K]".into() });
            rules.insert(0, Rule::Regex { find: r"\bann\b".into(), replace: "[ANN]".into() });
        }
        let redactor = Redactor::new(&rules).unwrap().with_action(Kind::Password, Action::Report);
        let (mut chunks, mut rest, mut sizes) = (Vec::new(), text.as_str(), sizes.iter().cycle());
        while !rest.is_empty() {
            let mut cut = rest.len().min(*sizes.next().unwrap());
            while !rest.is_char_boundary(cut) {
                cut += 1;
            }
            let (chunk, tail) = rest.split_at(cut);
            chunks.push(chunk);
            rest = tail;
        }
        let whole = redactor.redact(&text);
        let (mut stream, mut out) = (redactor.stream(), String::new());
        for (place, chunk) in chunks.iter().enumerate() {
            stream.push(chunk, &mut out);
            if flushes >> (place % 64) & 1 == 1 {
                stream.flush(&mut out);
            }
        }
        let findings = stream.finish(&mut out);
        prop_assert_eq!(out, whole.text.as_ref());
        prop_assert_eq!(findings, whole.findings);
    }

    /// Any text at all is answered.
    #[test]
    fn no_text_panics(text in any::<String>(), ascii in "[ -~\n]{0,200}") {
        let redactor = redactor();
        prop_assert_eq!(streamed(&redactor, &[&text]).0, redactor.redact(&text).text.into_owned());
        prop_assert_eq!(streamed(&redactor, &[&ascii]).0, redactor.redact(&ascii).text.into_owned());
    }
}

#[test]
fn time_grows_with_the_length_alone() {
    let redactor = redactor();
    for part in crate::specimen::WORST {
        let text = part.repeat((1 << 18) / part.len());
        assert!(redactor.redact(&text).text.len() <= text.len() * 4, "{part}");
    }
}
