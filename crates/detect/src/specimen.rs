//! Texts to measure on: made from a seed, so that every run and every machine sees the same ones.

/// A generator without state outside.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// A generator that follows from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `max`; zero where there is none.
    pub fn below(&mut self, max: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default().checked_rem(max).unwrap_or_default()
    }

    /// One of the words.
    pub fn of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words.get(self.below(words.len())).copied().unwrap_or_default()
    }

    /// Characters of an alphabet of single bytes.
    pub fn text(&mut self, alphabet: &str, len: usize) -> String {
        let bytes = alphabet.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        (0..len).map(|_| char::from(byte(self.below(bytes.len())))).collect()
    }
}

/// Letters of both cases and digits.
pub const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const WORDS: &str = "the of and to in is that for it was on are as with they at be this from have or by one \
    had not but what all were when we there can an your which their said if do will each about how up \
    out them then she many some so these would other into has more her two like him see time could no \
    make than first been its who now people my made over did down only way find use may water long little \
    very after words called just where most know through back much before go good new write our used me \
    man too any day same right look think also around another came come work three word must because does \
    part even place well such here take why things help put years different away again off went old number";
const NAMES: &str = "buffer index count node tree value result error config request response handler parse \
    render update state length offset width cursor thread queue worker stream client server session item \
    entry record field column table query cache region cluster replica shard batch retry timeout";

/// Prose, code and log lines in turn; about one byte in ten is a digit, and nothing is secret.
#[must_use]
pub fn clean(len: usize) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let names: Vec<&str> = NAMES.split_whitespace().collect();
    let mut draw = Draw::new(7);
    let mut out = String::with_capacity(len + 256);
    while out.len() < len {
        let line = match draw.below(8) {
            0..4 => prose(&mut draw, &words),
            4..7 => code(&mut draw, &names),
            _ => log(&mut draw, &names),
        };
        out.push_str(&line);
    }
    out.truncate(len);
    out
}

fn prose(draw: &mut Draw, words: &[&str]) -> String {
    let sentence: Vec<&str> = (0..14).map(|_| draw.of(words)).collect();
    format!("{} {}.\n", sentence.join(" "), draw.below(1000))
}

fn code(draw: &mut Draw, names: &[&str]) -> String {
    let (a, b, c) = (draw.of(names), draw.of(names), draw.of(names));
    let (n, m) = (draw.below(100), draw.below(4096));
    format!("    let {a}_{b} = self.{c}.{a}({n}, &{b}[{m}..])?; // {c} {n}\n")
}

fn log(draw: &mut Draw, names: &[&str]) -> String {
    let (h, m, s, ms) = (draw.below(24), draw.below(60), draw.below(60), draw.below(1000));
    let (a, b) = (draw.of(names), draw.of(names));
    let (id, took) = (draw.below(1_000_000), draw.below(500));
    let level = draw.of(&["INFO", "DEBUG", "WARN"]);
    let (day, status) = (1 + draw.below(28), 200 + draw.below(9));
    format!(
        "2026-03-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z {level} {a}::{b} id={id} took={took}ms \
         status={status}\n"
    )
}

/// Log lines, nearly each with a secret or something personal; the secrets are drawn, none is anybody's.
#[must_use]
pub fn dense(len: usize) -> String {
    let mut draw = Draw::new(11);
    let mut out = String::with_capacity(len + 256);
    while out.len() < len {
        let body = draw.text(ALNUM, 36);
        let line = match draw.below(6) {
            // Joined here, so that no file holds what looks like a token.
            0 => format!("pushed with {}{body} to origin\n", ["gh", "p_"].concat()),
            1 => {
                let (first, last) = (draw.text("abcdefgh", 6), draw.text("abcdefgh", 7));
                format!("user {first}.{last}@example.org logged in\n")
            }
            2 => format!("{{\"password\": \"{}\", \"ttl\": 3600}}\n", draw.text(ALNUM, 14)),
            3 => format!("peer 81.{}.{}.17 closed\n", draw.below(256), draw.below(256)),
            4 => format!("call 212-555-{:04} about the order\n", 2000 + draw.below(7000)),
            _ => format!("API_KEY={}\n", draw.text(ALNUM, 32)),
        };
        out.push_str(&line);
    }
    out.truncate(len);
    out
}

/// A text in pieces of `bytes`, as a stream brings it.
#[must_use]
pub fn pieces(text: &str, bytes: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::with_capacity(text.len() / bytes.max(1) + 1), text);
    while !rest.is_empty() {
        let cut = rest.ceil_char_boundary(bytes.max(1));
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// Pieces that, repeated, would cost a careless reader more than their length.
pub const WORST: [&str; 24] = [
    "a",
    "@",
    "7",
    "eyJ",
    "sk-",
    "-----BEGIN PRIVATE KEY-----",
    "1.",
    "password=",
    "a:",
    "://a:b@",
    "key=\"",
    "$(",
    "`",
    "((",
    "sh -c '",
    "{a,b}",
    "<!--",
    "&amp;",
    "%25",
    "\\u0061",
    "[x](",
    "ignore all previous ",
    "i g n o r e ",
    "aWdub3Jl",
];

/// Command lines as agents send them.
pub const COMMANDS: [&str; 24] = [
    "ls -la /var/log",
    "git status --short",
    "git log --oneline -n 20 -- crates/detect",
    "git commit -m 'Read the configuration once'",
    "kubectl -n prod get pods -o wide",
    "kubectl logs deploy/api --tail=200 | grep -i error",
    "kubectl delete pod api-7d9f -n staging",
    "docker ps --format '{{.Names}}' | sort",
    "docker compose up -d --build",
    "cargo nextest run -p api --no-fail-fast",
    "npm run build && npm test -- --watch=false",
    "python3 -c \"import json,sys; print(len(json.load(sys.stdin)))\" < rows.json",
    "curl -sS https://api.example.org/v1/health | jq '.status'",
    "find . -name '*.rs' -newer Cargo.lock -print0 | xargs -0 wc -l",
    "find /tmp/build -type f -mtime +7 -delete",
    "rm -rf node_modules dist",
    "sudo systemctl restart nginx",
    "ssh deploy@web-1 'tail -n 50 /var/log/app.log'",
    "psql -h db -U app -c 'SELECT count(*) FROM orders WHERE state = 1'",
    "terraform plan -out=plan.bin",
    "aws s3 sync ./site s3://example-site --exclude '*.map'",
    "for f in *.csv; do head -n 1 \"$f\"; done",
    "echo \"$HOME\" && pwd && df -h",
    "tar czf backup.tgz --exclude=.git . && sha256sum backup.tgz",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{Kind, Redactor, Rule};

    #[test]
    fn clean_text_is_clean_and_a_tenth_of_it_digits() {
        let text = clean(1 << 18);
        let redactor = Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap();
        assert_eq!(redactor.redact(&text).findings, []);
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        assert!((8..=12).contains(&(digits * 100 / text.len())), "{digits}");
    }

    #[test]
    fn dense_text_holds_a_secret_on_nearly_every_line() {
        let text = dense(1 << 16);
        let redactor = Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap();
        let (found, lines) = (redactor.redact(&text).findings.len(), text.lines().count());
        assert!(found * 100 >= lines * 95, "{found} on {lines} lines");
    }
}
