//! One pass over a text for all rules together.
//!
//! The filter names candidates, each candidate's rules are tried, and every rule sees the text
//! through a window, so the same code runs on whole texts and on streams.

use std::sync::LazyLock;

use super::assign;
use super::block;
use super::digits;
use super::filter::{Filter, Mark, STRIDE, WIDTH};
use super::found::{Found, Weight};
use super::header;
use super::kind::Kind;
use super::net;
use super::pack::{self, Secret};
use super::personal;
use super::set::Set;
use super::window::Window;

/// A rule of its own code: at a candidate, it reports what it finds.
type Code = fn(&Window<'_>, usize, &mut Vec<Found>);
/// As `Code`, for what follows a word; it gets where the word ends.
type After = fn(&Window<'_>, usize, usize, &mut Vec<Found>);

#[derive(Clone, Copy, Debug)]
enum Try {
    /// A token of the pack, by the place of the secret and of its form; the candidate is so many
    /// bytes behind its start.
    Token { secret: usize, shape: usize, offset: usize },
    /// The values of the pack that a name announces.
    Named { group: usize },
    /// A rule of its own code, so many bytes behind the candidate.
    Code { run: Code, skip: usize },
    /// What follows a word, if it begins there or, where it may, inside another one.
    After { word: &'static str, inside: bool, run: After },
}

/// The names of one value and all secrets that they may announce.
#[derive(Debug)]
struct Group {
    name: &'static str,
    secrets: Vec<usize>,
}

/// The rules of all kinds. They are the same for every policy and built once.
#[derive(Debug)]
struct Rules {
    filter: Filter<Try>,
    secrets: Vec<Secret>,
    groups: Vec<Group>,
}

static RULES: LazyLock<Rules> = LazyLock::new(Rules::new);

/// The rules, and the kinds that a policy asked for.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    rules: &'static Rules,
    kinds: Vec<Kind>,
    /// The place of the kinds among the rules of the policy.
    rank: usize,
}

impl Rules {
    fn new() -> Self {
        let (secrets, _) = pack::secrets();
        let mut groups: Vec<Group> = Vec::new();
        let mut marks: Vec<_> =
            CODES.map(|(mark, skip, run)| (mark, Try::Code { run, skip })).to_vec();
        for (place, secret) in secrets.iter().enumerate() {
            for name in &secret.names {
                match groups.iter_mut().find(|group| group.name == *name) {
                    Some(group) => group.secrets.push(place),
                    None => groups.push(Group { name, secrets: vec![place] }),
                }
            }
            let tokens = secret.shapes.iter().filter(|_| secret.names.is_empty());
            marks.extend(tokens.enumerate().map(|(shape, form)| {
                let (mark, offset) = pack::rarest_mark(form);
                (mark, Try::Token { secret: place, shape, offset })
            }));
        }
        let named = groups.iter().enumerate();
        marks.extend(named.map(|(group, of)| (word_mark(of.name), Try::Named { group })));
        for (words, inside, run) in WORDS {
            marks.extend(
                words.iter().map(|word| (word_mark(word), Try::After { word, inside, run })),
            );
        }
        Self { filter: Filter::new(marks, NUMBERS), secrets, groups }
    }
}

impl Engine {
    pub(crate) fn new(kinds: &[Kind], rank: usize) -> Self {
        Self { rules: &RULES, kinds: kinds.to_vec(), rank }
    }

    pub(crate) fn ask_for(&mut self, kind: Kind) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    pub(crate) fn leave(&mut self, kind: Kind) {
        self.kinds.retain(|asked| *asked != kind);
    }

    /// Whether any kind is asked for.
    pub(crate) fn asks(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// Reports what the rules find from a place on, and returns the first place that is not
    /// decided yet: the end of a whole text, else where a rule has to wait for more.
    ///
    /// Places are counted in `text`, and reported from `base` on, where its first byte stands.
    pub(crate) fn scan(
        &self,
        text: &[u8],
        from: usize,
        base: usize,
        whole: bool,
        out: &mut Vec<Found>,
    ) -> usize {
        let to = match whole {
            true => text.len(),
            // Places are tested by strides; what does not fill one waits for the next piece.
            false => from + text.len().saturating_sub(from + WIDTH - 1) / STRIDE * STRIDE,
        };
        if base == 0 && from == 0 && !self.opening(text, whole, out) {
            return 0;
        }
        for at in self.rules.filter.candidates(text, from, to) {
            let mut four = [0; WIDTH];
            let seen = text.get(at..text.len().min(at + WIDTH)).unwrap_or_default();
            four.iter_mut().zip(seen).for_each(|(to, from)| *to = *from);
            let window = Window::new(text, at, whole);
            let before = out.len();
            for what in self.rules.filter.entries(four) {
                self.attempt(what, &window, at, out);
            }
            if window.starved() {
                out.truncate(before);
                return at;
            }
            if out.len() > before {
                self.keep_asked(out, before, base);
            }
        }
        to.max(from)
    }

    /// Tries the rules whose mark begins a byte early at the first byte, which has none before it;
    /// false if they have to wait.
    fn opening(&self, text: &[u8], whole: bool, out: &mut Vec<Found>) -> bool {
        let mut bytes = [0; WIDTH];
        bytes.iter_mut().skip(1).zip(text).for_each(|(to, from)| *to = *from);
        let window = Window::new(text, 0, whole);
        for what in self.rules.filter.entries(bytes) {
            if let Try::Code { run, skip: skip @ 1.. } = what {
                run(&window, skip - 1, out);
            }
        }
        if window.starved() || !whole && text.len() < WIDTH {
            out.clear();
            return false;
        }
        self.keep_asked(out, 0, 0);
        true
    }

    /// Drops what a rule found of a kind that was not asked for, or of the last match's kind
    /// inside of it.
    fn keep_asked(&self, out: &mut Vec<Found>, before: usize, base: usize) {
        for mut found in out.split_off(before) {
            found.rank = self.rank;
            found.start += base;
            found.end += base;
            found.reach += base;
            let asked = found.kind.is_none_or(|kind| self.kinds.contains(&kind));
            if asked && !out.last_mut().is_some_and(|last| last.join(&found)) {
                out.push(found);
            }
        }
    }

    fn attempt(&self, what: Try, window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
        match what {
            Try::Token { secret, shape, offset } => {
                if let (Some(secret), Some(start)) =
                    (self.rules.secrets.get(secret), at.checked_sub(offset))
                {
                    out.extend(token(secret, shape, window, start));
                }
            }
            Try::Named { group } => self.named(group, window, at, out),
            Try::Code { run, skip } => run(window, at + skip, out),
            Try::After { word, inside, run } => {
                if window.has_word(at, word) && (inside || window.begins(at)) {
                    run(window, at, at + word.len(), out);
                }
            }
        }
    }

    fn named(&self, group: usize, window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
        let Some(Group { name, secrets }) = self.rules.groups.get(group) else { return };
        if !window.has_word(at, name) || name.len() <= 4 && !window.begins(at) {
            return;
        }
        let Some(place) = assign::value_after(window, at + name.len()) else { return };
        for secret in secrets.iter().filter_map(|place| self.rules.secrets.get(*place)) {
            let ends = secret.shapes.iter().filter_map(|shape| {
                let end = shape.end(window, place.start)?;
                let next = window.at(end);
                let more =
                    Set::VALUE.has(next) && (next != b'.' || Set::ALNUM.has(window.at(end + 1)));
                (!more && secret.holds(shape, window.slice(place.start, end))).then_some(end)
            });
            if let Some(end) = ends.max() {
                let found = Found::new(secret.kind, secret.id.as_str(), place.start, end);
                out.push(Found { weight: Weight::Checked, ..found });
            }
        }
    }
}

fn token(secret: &Secret, shape: usize, window: &Window<'_>, start: usize) -> Option<Found> {
    let shape = secret.shapes.get(shape)?;
    if !secret.open && (window.before(start) == b'.' || !window.begins(start)) {
        return None;
    }
    let end = shape.end(window, start)?;
    let next = window.at(end);
    let more = Set::WORD.has(next) || shape.steps().last().is_some_and(|step| step.set.has(next));
    let text = window.slice(start, end);
    ((secret.open || !more) && secret.holds(shape, text)).then(|| Found {
        weight: Weight::Form,
        verified: secret.verified(text),
        ..Found::new(secret.kind, secret.id.as_str(), start, end)
    })
}

fn general(window: &Window<'_>, at: usize, end: usize, out: &mut Vec<Found>) {
    let value = assign::value_after(window, end)
        .and_then(|place| Some((place, assign::random_value(window, at, place)?)));
    if let Some((place, end)) = value {
        let found = Found::new(Kind::ApiKey, "assigned-secret", place.start, end);
        out.push(Found { weight: Weight::Named, ..found });
    }
}

fn password(window: &Window<'_>, at: usize, end: usize, out: &mut Vec<Found>) {
    let value = assign::value_after(window, end)
        .and_then(|place| Some((place, assign::password(window, at, place)?)));
    if let Some((place, end)) = value {
        let found = Found::new(Kind::Password, "assigned-password", place.start, end);
        out.push(Found { weight: Weight::Named, ..found });
    }
}

fn word_mark(word: &str) -> Mark {
    let mut bytes = word.bytes();
    [(); WIDTH].map(|()| bytes.next().map_or(Set::ANY, |byte| Set::EMPTY.with(byte).folded()))
}

const fn one(byte: u8) -> Set {
    Set::EMPTY.with(byte)
}

/// What may stand before a number: no digit, and no letter but those that end an escape.
const AHEAD: Set = Set::of(b"\x00/:@[^{\xFF", b"`nrtABCDEF");
/// What may stand before an address written in hexadecimal groups.
const BREAK: Set = Set::of(b"\x00,;@[^{\xFF", b"`");
const ANY: Set = Set::ANY;
const DIGIT: Set = Set::DIGIT;
const HEX: Set = Set::HEX;
const COLON: Set = one(b':');
const DOT: Set = one(b'.');
const GROUP: Set = Set::HEX.with(b':');
const GAP: Set = Set::of(b"09", b" -(.");

/// How many of `CODES` are about numbers, which stand everywhere.
const NUMBERS: usize = 4;

/// Rules that begin at a mark, or so many bytes behind it.
const CODES: [(Mark, usize, Code); 24] = [
    ([AHEAD, DIGIT, DIGIT, DIGIT, DIGIT, Set::of(b"09", b" -")], 1, digits::number),
    ([AHEAD, DIGIT, DIGIT, DIGIT, Set::of(b"", b" -."), DIGIT], 1, digits::number),
    ([AHEAD, DIGIT, DIGIT, DOT, DIGIT, DIGIT.with(b'.')], 1, digits::number),
    ([AHEAD, DIGIT, DOT, DIGIT, DIGIT.with(b'.'), DIGIT.with(b'.')], 1, digits::number),
    ([one(b'('), DIGIT, DIGIT, DIGIT, one(b')'), ANY], 0, digits::bracketed_phone),
    ([one(b'+'), DIGIT, GAP, GAP, GAP, GAP], 0, digits::international_phone),
    (
        [Set::of(b"09azAZ", b"_%+-"), one(b'@'), Set::ALNUM, Set::of(b"09azAZ", b".-"), ANY, ANY],
        1,
        net::email,
    ),
    (
        [COLON, one(b'/'), one(b'/'), Set::of(b"09azAZ", b"_:-%."), ANY, ANY],
        0,
        net::address_password,
    ),
    ([BREAK, HEX, COLON, GROUP, GROUP, ANY], 2, net::colons),
    ([BREAK, HEX, HEX, COLON, GROUP, GROUP], 3, net::colons),
    ([BREAK, HEX, HEX, HEX, COLON, GROUP], 4, net::colons),
    ([BREAK, HEX, HEX, HEX, HEX, COLON], 5, net::colons),
    ([BREAK, HEX, HEX, one(b'-'), HEX, HEX], 3, net::dashed_hardware),
    ([one(b'-'), one(b'B'), one(b'E'), one(b'G'), one(b'I'), one(b'N')], 0, block::private_key),
    ([one(b'e'), one(b'y'), Set::UPPER, Set::ALNUM, Set::ALNUM, Set::ALNUM], 0, block::web_token),
    (
        [one(b'e'), one(b'y'), Set::of(b"09az", b""), Set::ALNUM, Set::ALNUM, Set::ALNUM],
        0,
        block::web_token,
    ),
    (
        [one(b'Z'), one(b'X'), one(b'l'), one(b'K'), Set::BASE64, Set::BASE64],
        0,
        block::wrapped_web_token,
    ),
    ([Set::UPPER, Set::UPPER, DIGIT, DIGIT, IBAN, IBAN], 0, block::account),
    ([DIGIT, one(b' '), Set::UPPER, Set::LOWER, ANY, ANY], 0, personal::street),
    (
        [Set::SPACE, one(b'-'), one(b'u'), Set::of(b"09azAZ", b" =\"':$"), ANY, ANY],
        1,
        header::command_login,
    ),
    ([Set::SPACE, one(b'-'), one(b'-'), one(b'u'), one(b's'), one(b'e')], 1, header::command_login),
    ([one(b'd'), one(b'a'), one(b't'), one(b'a'), COLON, Set::SPACE], 0, header::manifest),
    ([one(b'+'), DIGIT, DIGIT, GAP, GAP, GAP], 0, digits::international_phone),
    ([one(b'+'), DIGIT, DIGIT, DIGIT, GAP, GAP], 0, digits::international_phone),
];
const IBAN: Set = Set::of(b"09AZ", b" -");

/// Rules that read what follows a word; the flag lets the word stand inside another one.
const WORDS: [(&[&str], bool, After); 15] = [
    (&["key", "token", "secret", "credential", "creds", "auth", "api", "access"], true, general),
    (&["password", "passwd", "passphrase", "pwd", "passwort", "_pass"], true, password),
    (&["authorization"], true, |w, at, _, out| header::authorization(w, at, out)),
    (&["bearer", "basic", "ssws"], false, |w, at, end, out| {
        header::scheme(w, at, end - at, out);
    }),
    (&["birth", "born", "dob"], true, |w, _, end, out| personal::birth(w, end, out)),
    (&["passport", "driver", "driving lic"], true, |w, _, end, out| {
        personal::document(w, end, out);
    }),
    (
        &[
            "phone",
            "mobile",
            "tel:",
            "tel.",
            "fax",
            "call me",
            "call us",
            "cell",
            "desk:",
            "office",
            "messages to",
            "answering at",
            "whatsapp",
        ],
        true,
        |w, _, end, out| personal::named_phone(w, end, out),
    ),
    (&["ssn", "social security"], true, |w, _, end, out| personal::national(w, end, "ssn", out)),
    (&["insurance"], true, |w, _, end, out| personal::national(w, end, "insurance", out)),
    (&["nhs"], false, |w, _, end, out| personal::national(w, end, "nhs", out)),
    (&["aadhaar", "aadhar"], true, |w, _, end, out| personal::national(w, end, "aadhaar", out)),
    (&["cpf"], false, |w, _, end, out| personal::national(w, end, "cpf", out)),
    (&["dni", "nif"], false, |w, _, end, out| personal::national(w, end, "dni", out)),
    (&["pesel", "bsn"], false, |w, at, end, out| {
        personal::national(w, end, if end - at == 3 { "bsn" } else { "pesel" }, out);
    }),
    (&["personnummer", "codice fiscale"], false, |w, at, end, out| {
        personal::national(
            w,
            end,
            if w.at(at) | 32 == b'p' { "personnummer" } else { "codice" },
            out,
        );
    }),
];
