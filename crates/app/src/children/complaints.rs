//! What servers complain about: passed on to our own standard error, without what they were given
//! as secrets, and not without end.

use std::time::Duration;

use bakerst_detect::redact::Redactor;
use bakerst_model::{Escaped, Secret};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::time::Instant;

use crate::print::{self, Style};
use crate::servers;

/// The longest line; of a longer one the rest is a line of its own.
const LINE_BYTES_MAX: u64 = 1 << 10;
/// How many lines are passed on in one span of time; the rest is counted.
const LINES_MAX: u64 = 60;
const SPAN: Duration = Duration::from_secs(60);
/// What is shorter than this is not taken out: it would be anywhere.
const SECRET_BYTES_MIN: usize = 6;

/// Takes secrets out of what is passed on.
pub(super) struct Hush {
    given: Vec<Secret>,
    redactor: Option<Redactor>,
}

impl Hush {
    /// For whoever was given these.
    pub(super) fn new<'s>(given: impl Iterator<Item = &'s Secret>) -> Self {
        let long = given.filter(|secret| secret.expose().len() >= SECRET_BYTES_MIN);
        Self { given: long.cloned().collect(), redactor: servers::secrets() }
    }

    /// A line that may be shown. Where secrets cannot be told, none is.
    fn clean(&self, line: &str) -> Option<String> {
        let mut line = line.to_owned();
        for secret in
            self.given.iter().filter_map(|secret| std::str::from_utf8(secret.expose()).ok())
        {
            line = line.replace(secret, "[REDACTED]");
        }
        Some(Escaped(&self.redactor.as_ref()?.redact(&line).text).to_string())
    }
}

/// How much was passed on lately.
struct Measure {
    since: Instant,
    lines: u64,
}

impl Measure {
    /// Counts a line in; how many were left out before it, where that is over now, and whether
    /// this one is passed on.
    fn count(&mut self, now: Instant) -> (u64, bool) {
        let mut left_out = 0;
        if now.duration_since(self.since) >= SPAN {
            left_out = self.lines.saturating_sub(LINES_MAX);
            *self = Self { since: now, lines: 0 };
        }
        self.lines += 1;
        (left_out, self.lines <= LINES_MAX)
    }
}

/// Passes on what a server complains about until it has nothing more to say.
pub(super) async fn pass_on(server: String, said: impl AsyncRead + Unpin, hush: Hush) {
    let (mut said, mut line) = (BufReader::new(said), Vec::new());
    let label = Style::for_stderr().dim(&format!("{}:", Escaped(&server)));
    let mut measure = Measure { since: Instant::now(), lines: 0 };
    let left_out = |lines: u64| {
        if lines > 0 {
            print::note(format!("{label} {lines} more lines"));
        }
    };
    loop {
        line.clear();
        match (&mut said).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            continue;
        }
        let (before, is_passed_on) = measure.count(Instant::now());
        left_out(before);
        if let Some(text) = is_passed_on.then(|| hush.clean(text)).flatten() {
            print::note(format!("{label} {text}"));
        }
    }
    left_out(measure.lines.saturating_sub(LINES_MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_was_given_is_not_passed_on() {
        let token = ["gh", "p_", "abcdefghijklmnopqrstuvwxyz0123456789"].concat();
        let given = [Secret::new(b"hunter2!".to_vec()), Secret::new(b"on".to_vec())];
        let hush = Hush::new(given.iter());
        let clean = hush.clean(&format!("on: hunter2! is not {token}\u{1b}[2J")).unwrap();
        assert!(clean.starts_with("on: [REDACTED] is not ["), "{clean}");
        assert!(!clean.contains("hunter2") && !clean.contains(&token), "{clean}");
        assert!(!clean.contains('\u{1b}'), "{clean}");
    }

    #[test]
    fn a_flood_is_counted_and_not_passed_on() {
        let began = Instant::now();
        let mut measure = Measure { since: began, lines: 0 };
        let passed = (0..1000).filter(|_| measure.count(began).1).count();
        assert_eq!(passed as u64, LINES_MAX);
        assert_eq!(measure.count(began + SPAN), (1000 - LINES_MAX, true));
    }
}
