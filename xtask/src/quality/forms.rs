//! The small redaction corpus of the repository: templates, and what is drawn for their slots.

use anyhow::{Result, bail};
use bakerst_detect::specimen::{ALNUM, Draw};

use super::corpus::Row;

const TEMPLATES: &str = include_str!("../../../crates/detect/corpora/redaction.txt");
/// How often each template is filled in.
const SAMPLES: usize = 5;
const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The rows that follow from the templates and a fixed seed.
///
/// # Errors
/// Names a slot that nothing is known to fill.
pub(super) fn rows() -> Result<Vec<Row>> {
    let mut draw = Draw::new(221);
    let mut rows = Vec::new();
    for line in TEMPLATES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        for _ in 0..SAMPLES {
            rows.push(fill(line, &mut draw)?);
        }
    }
    Ok(rows)
}

fn fill(template: &str, draw: &mut Draw) -> Result<Row> {
    let mut row = Row { source: "own".to_owned(), kind: "negative".to_owned(), ..Row::default() };
    let template = template.replace("\\n", "\n");
    let mut rest = template.as_str();
    while let Some((before, slot, after)) = next_slot(rest) {
        row.text.push_str(before);
        let Some((value, kind)) = value(slot, draw) else { bail!("no slot `{slot}`") };
        let start = row.text.chars().count();
        row.text.push_str(&value);
        if let Some(kind) = kind {
            row.spans.push((start, row.text.chars().count(), kind.to_owned()));
            row.kind = "sample".to_owned();
        }
        rest = after;
    }
    row.text.push_str(rest);
    Ok(row)
}

/// What stands before the next word in braces, the word, and what follows.
fn next_slot(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let tail = text.get(open + 1..)?;
        let len =
            tail.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_')?;
        if len > 0 && tail.get(len..)?.starts_with('}') {
            return Some((text.get(..open)?, tail.get(..len)?, tail.get(len + 1..)?));
        }
        from = open + 1;
    }
}

/// A value for a slot, and the type of what should be found, if anything should. Beginnings of
/// tokens are joined here, so that no file holds what looks like one.
fn value(slot: &str, draw: &mut Draw) -> Option<(String, Option<&'static str>)> {
    let joined = |parts: &[&str], body: String| format!("{}{body}", parts.concat());
    let secret = match slot {
        "github" => Some((joined(&["gh", "p_"], draw.text(ALNUM, 36)), "SECRET:github-pat")),
        "aws" => {
            let body = draw.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
            Some((joined(&["AK", "IA"], body), "SECRET:aws-access-token"))
        }
        "anthropic" => {
            let body = format!("{}AA", draw.text(ALNUM, 93));
            Some((joined(&["sk-", "ant-", "api03-"], body), "SECRET:anthropic-api-key"))
        }
        "slack" => {
            let (a, b) = (draw.text(DIGITS, 12), draw.text(DIGITS, 12));
            let body = format!("{a}-{b}-{}", draw.text(ALNUM, 24));
            Some((joined(&["xo", "xb-"], body), "SECRET:slack-bot-token"))
        }
        "stripe" => {
            Some((joined(&["sk_", "live_"], draw.text(ALNUM, 24)), "SECRET:stripe-access-token"))
        }
        "jwt" => Some((jwt(draw), "SECRET:jwt")),
        "google" => Some((joined(&["AI", "za"], draw.text(ALNUM, 35)), "SECRET:gcp-api-key")),
        "npm" => Some((joined(&["np", "m_"], draw.text(ALNUM, 36)), "SECRET:npm-access-token")),
        "gitlab" => Some((joined(&["gl", "pat-"], draw.text(ALNUM, 20)), "SECRET:gitlab-pat")),
        "twilio" => Some((joined(&["S", "K"], draw.text(HEX, 32)), "SECRET:twilio-api-key")),
        "sendgrid" => {
            let body = format!("{}.{}", draw.text(ALNUM, 22), draw.text(ALNUM, 43));
            Some((joined(&["S", "G."], body), "SECRET:sendgrid-api-token"))
        }
        "huggingface" => {
            let letters: String = ALNUM.chars().filter(char::is_ascii_alphabetic).collect();
            let body = draw.text(&letters, 34);
            Some((joined(&["h", "f_"], body), "SECRET:huggingface-access-token"))
        }
        "pem" => Some((pem(draw), "SECRET:private-key")),
        "password" => Some((draw.text(ALNUM, 14) + "7k", "SECRET:generic-api-key")),
        "random" => Some((draw.text(ALNUM, 30) + "9Q", "SECRET:generic-api-key")),
        _ => None,
    };
    let (value, kind) = match secret {
        Some((value, kind)) => (value, Some(kind)),
        None => match personal(slot, draw) {
            Some((value, kind)) => (value, Some(kind)),
            None => (innocent(slot, draw)?, None),
        },
    };
    Some((value, kind))
}

fn personal(slot: &str, draw: &mut Draw) -> Option<(String, &'static str)> {
    Some(match slot {
        "email" => {
            let first = draw.of(&["ada", "noor", "mateo", "ingrid", "tomas", "yuki", "owen"]);
            let host = draw.of(&["example.org", "mail.example.net", "corp.example", "acme.test"]);
            (format!("{first}.{}@{host}", draw.text("abcdefghik", 6)), "EMAIL")
        }
        "phone" => {
            let (area, line) = (201 + draw.below(700), draw.text(DIGITS, 4));
            let middle = 200 + draw.below(700);
            let form = match draw.below(3) {
                0 => format!("+1-{area}-{middle}-{line}"),
                1 => format!("({area}) {middle}-{line}"),
                _ => format!("+44 20 7{} {line}", draw.text(DIGITS, 3)),
            };
            (form, "PHONE")
        }
        "card" => {
            let head = format!("4{}", draw.text(DIGITS, 14));
            let last = (0..10).map(|last| format!("{head}{last}")).find(|number| luhn(number))?;
            (last, "CREDIT_CARD")
        }
        "iban" => (iban(&draw.text(DIGITS, 18)), "IBAN"),
        "ssn" => {
            let (area, group) = (100 + draw.below(500), 10 + draw.below(80));
            (format!("{area}-{group}-{:04}", 1 + draw.below(9000)), "US_SSN")
        }
        "ipv4" => {
            (format!("81.{}.{}.{}", draw.below(256), draw.below(256), 1 + draw.below(250)), "IPV4")
        }
        "ipv6" => {
            (format!("2a02:8109:{}::{}", draw.text(HEX, 4), draw.text("123456789", 3)), "IPV6")
        }
        "mac" => {
            let pairs: Vec<String> = (0..6).map(|_| draw.text(HEX, 2)).collect();
            (pairs.join(":"), "MAC")
        }
        _ => return None,
    })
}

fn innocent(slot: &str, draw: &mut Draw) -> Option<String> {
    Some(match slot {
        "hex16" => draw.text(HEX, 16),
        "hex32" => draw.text(HEX, 32),
        "hex40" => draw.text(HEX, 40),
        "hex64" => draw.text(HEX, 64),
        "base64_86" => draw.text(BASE64, 86),
        "uuid" => {
            let part = |draw: &mut Draw, len| draw.text(HEX, len);
            let (a, b, c) = (part(draw, 8), part(draw, 4), part(draw, 3));
            format!("{a}-{b}-4{c}-a{}-{}", part(draw, 3), part(draw, 12))
        }
        // No card: the check digit is wrong.
        "digits16" => {
            let head = format!("4{}", draw.text(DIGITS, 14));
            (0..10).map(|last| format!("{head}{last}")).find(|number| !luhn(number))?
        }
        _ => return None,
    })
}

fn jwt(draw: &mut Draw) -> String {
    // {"alg":"HS256"} and {"sub": as every token has them.
    let (payload, signature) = (draw.text(ALNUM, 40), draw.text(ALNUM, 43));
    format!("{}eyJzdWIiOiI{payload}.{signature}", ["ey", "JhbGciOiJIUzI1NiJ9."].concat())
}

fn pem(draw: &mut Draw) -> String {
    let dashes = "-".repeat(5);
    let lines: Vec<String> = (0..6).map(|_| draw.text(BASE64, 64)).collect();
    let title = format!("{} PRIVATE KEY", draw.of(&["RSA", "EC"]));
    format!("{dashes}BEGIN {title}{dashes}\n{}\n{dashes}END {title}{dashes}", lines.join("\n"))
}

fn luhn(number: &str) -> bool {
    let digits = number.bytes().rev().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A German account number with the check digits that it needs.
fn iban(account: &str) -> String {
    // D is 13 and E is 14.
    let rest = format!("{account}131400")
        .bytes()
        .fold(0_u32, |rest, byte| (rest * 10 + u32::from(byte.wrapping_sub(b'0'))) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_filled_and_says_what_to_find() {
        let rows = rows().unwrap();
        assert!(rows.len() > 200);
        for row in &rows {
            for (start, end, kind) in &row.spans {
                let value: String = row.text.chars().skip(*start).take(end - start).collect();
                assert_eq!(value.chars().count(), end - start, "{kind} in {}", row.text);
            }
        }
        let negative = rows.iter().filter(|row| row.spans.is_empty()).count();
        assert!(negative * 2 > rows.len() / 2, "{negative} of {}", rows.len());
        assert_eq!(self::rows().unwrap().len(), rows.len());
    }

    #[test]
    fn slots_are_words_in_braces() {
        assert_eq!(next_slot("a {b} c"), Some(("a ", "b", " c")));
        assert_eq!(next_slot(r#"{"x": "{y}"}"#), Some((r#"{"x": ""#, "y", r#""}"#)));
        assert_eq!(next_slot("${DB_PASSWORD} {} {a b}"), None);
    }

    #[test]
    fn check_digits_hold() {
        assert!(luhn("4111111111111111") && !luhn("4111111111111112"));
        assert_eq!(iban("370400440532013000"), "DE89370400440532013000");
    }

    #[test]
    fn a_slot_that_nothing_fills_is_refused() {
        assert!(fill("a {nonsense} b", &mut Draw::new(1)).is_err());
    }
}
