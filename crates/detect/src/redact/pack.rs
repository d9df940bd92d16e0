//! The rule pack as it is written in `data/secrets.rules`.

use super::check;
use super::filter::{self, Mark, WIDTH};
use super::kind::{Kind, RuleId};
use super::set::Set;
use super::shape::Shape;
use super::window::START_BACK_MAX;

const PACK: &str = include_str!("../../data/secrets.rules");

/// A secret of one provider.
#[derive(Debug)]
pub(crate) struct Secret {
    pub(crate) id: RuleId,
    pub(crate) kind: Kind,
    pub(crate) shapes: Vec<Shape>,
    /// The names before the value that make it a secret; none for a token.
    pub(crate) names: Vec<&'static str>,
    /// The least entropy of what follows the fixed first bytes.
    bits: f64,
    digits: bool,
    letters: bool,
    /// Whether it may begin and end inside a word.
    pub(crate) open: bool,
    github: bool,
}

impl Secret {
    /// Reads one line of the pack.
    fn parse(line: &'static str, is_token: bool) -> Result<Self, String> {
        let mut columns = line.split_whitespace();
        let id = RuleId(columns.next().ok_or("no id")?);
        let names = match is_token {
            true => Vec::new(),
            false => columns.next().ok_or("no names")?.split(',').collect(),
        };
        let shapes = Shape::parse(columns.next().ok_or("no form")?, !is_token)?;
        let mut secret = Self {
            id,
            kind: Kind::ApiKey,
            shapes,
            names,
            bits: 2.5,
            digits: false,
            letters: false,
            open: false,
            github: false,
        };
        for option in columns {
            match option.split_once('=').unwrap_or((option, "")) {
                ("kind", kind) => secret.kind = Kind::named(kind).ok_or("no such kind")?,
                ("bits", bits) => secret.bits = bits.parse().map_err(|_| "no such entropy")?,
                ("digits", "") => secret.digits = true,
                ("letters", "") => secret.letters = true,
                ("open", "") => secret.open = true,
                ("check", "github") => secret.github = true,
                _ => return Err(format!("no option `{option}`")),
            }
        }
        Ok(secret)
    }

    /// Whether a text of the right form is the secret, and not something written in its place.
    pub(crate) fn holds(&self, shape: &Shape, text: &[u8]) -> bool {
        let body = text.get(shape.literal_len()..).unwrap_or_default();
        let few = self.digits && body.iter().filter(|byte| byte.is_ascii_digit()).count() < 2;
        let bare = !self.names.is_empty() && !self.letters && !body.iter().any(u8::is_ascii_digit);
        !few && !bare
            && check::entropy(body) >= self.bits.min(self.reachable(body.len()))
            && !body.ends_with(b"EXAMPLE")
            && !body.windows(6).any(|six| six.eq_ignore_ascii_case(b"xxxxxx"))
    }

    /// A short text cannot have much entropy, and a fixed one has none to ask for.
    fn reachable(&self, len: usize) -> f64 {
        match u32::try_from(len) {
            Ok(len) if len > 1 => f64::from(len).log2() * 0.8,
            _ => 0.0,
        }
    }

    /// Whether the secret carries a check value that holds.
    pub(crate) fn verified(&self, text: &[u8]) -> bool {
        self.github && check::github(text)
    }
}

/// Every secret of the pack, tokens first, with what is wrong in it; a test keeps that empty.
pub(crate) fn secrets() -> (Vec<Secret>, Vec<String>) {
    let (mut secrets, mut wrong, mut is_token) = (Vec::new(), Vec::new(), true);
    for line in PACK.lines().map(str::trim) {
        match line {
            "" => {}
            "[token]" => is_token = true,
            "[value]" => is_token = false,
            _ if line.starts_with('#') => {}
            _ => match Secret::parse(line, is_token) {
                Ok(secret) => secrets.push(secret),
                Err(why) => wrong.push(format!("{line}: {why}")),
            },
        }
    }
    (secrets, wrong)
}

/// The four neighbouring fixed bytes of a form that are rarest in texts, and how far from its
/// start they stand; what stands before them is made of name bytes alone, so that the start is
/// found again in a stream.
pub(crate) fn rarest_mark(shape: &Shape) -> (Mark, usize) {
    let mut head = shape.head();
    let named = head.iter().take_while(|set| set.union(&Set::NAME) == Set::NAME).count();
    head.extend([Set::ANY; WIDTH]);
    let marks = head.array_windows::<WIDTH>().enumerate().take(named.min(START_BACK_MAX) + 1);
    let best = marks.min_by_key(|(offset, mark)| (filter::cost(mark), *offset));
    best.map_or(([Set::ANY; WIDTH], 0), |(offset, mark)| (*mark, offset))
}

#[cfg(test)]
mod tests;
