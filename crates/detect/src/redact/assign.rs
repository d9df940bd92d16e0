//! Values that the name before them makes secret: `password = "..."`, `"api_key": "..."`.
//!
//! A name alone proves little, since code speaks of keys and tokens all the time. What is assigned
//! must look drawn at random, and the name must not be one that holds something public, such as
//! `public_key` or `key_id`.

use std::sync::LazyLock;

use super::check::{Words, entropy, is_placeholder};
use super::set::Set;
use super::window::Window;

/// The longest value that is taken for one.
const VALUE_MAX: usize = 512;
const NAME_TAIL_MAX: usize = 20;
const TAIL: Set = Set::of(b"09azAZ", b"_.- \t");
const CLOSERS: Set = Set::of(b"", b"'\"`\\])} \t\r\n");
const OPERATORS: Set = Set::of(b"", b"=:>|?,");
const OPENERS: Set = Set::of(b"", b"'\"`\\= \t\r\n");
const QUOTES: Set = Set::of(b"", b"'\"`");

/// What stands behind an assignment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) start: usize,
    /// The quotation mark that opens it, or zero.
    pub(crate) quote: u8,
    /// Whether it was written as a list item or comparison and not as an assignment.
    pub(crate) loose: bool,
}

/// Where the value of a name that ends at `at` begins.
pub(crate) fn value_after(window: &Window<'_>, at: usize) -> Option<Place> {
    let at = at + window.run(at, &TAIL, NAME_TAIL_MAX);
    let at = at + window.run(at, &CLOSERS, 5);
    // `<add key="Password" value="..."/>`
    let at = if window.has_word(at, "value") { at + "value".len() } else { at };
    let run = window.run(at, &OPERATORS, 5);
    let loose = match window.slice(at, at + run) {
        b"=" | b":" | b":=" | b"=>" | b"::=" | b":::=" | b"?=" | b"==" | b"===" => false,
        b">" | b"," | b"||" | b"|" | b",=" | b",=>" => true,
        _ => return None,
    };
    let at = at + run;
    let run = window.run(at, &OPENERS, 6);
    let quote = window.before(at + run);
    let quote = if run > 0 && QUOTES.has(quote) { quote } else { 0 };
    Some(Place { start: at + run, quote, loose })
}

/// Where the value ends: at its closing quotation mark, or where the run of value bytes does.
fn value_end(window: &Window<'_>, place: Place) -> Option<usize> {
    let run = window.run(place.start, &Set::VALUE, VALUE_MAX);
    let end = place.start + run;
    let next = window.at(end);
    let ends = match place.quote {
        0 => {
            !matches!(next, b'(' | b'$' | b'{' | b'[' | b'<' | b'*')
                && !next.is_ascii_alphanumeric()
        }
        quote => next == quote || next == b'\\',
    };
    (ends && run > 0 && run < VALUE_MAX).then_some(end)
}

/// The end of a random value that a general name (`key`, `secret`, …) makes a secret.
pub(crate) fn random_value(window: &Window<'_>, name_at: usize, place: Place) -> Option<usize> {
    let end = value_end(window, place)?;
    let value = trimmed(window.slice(place.start, end));
    let holds =
        looks_random(value) && !is_placeholder(value) && !has_public_name(window, name_at, place);
    (holds && (!is_uuid(value) || has_strong_name(window, name_at, place)))
        .then_some(place.start + value.len())
}

/// The end of a password, which people choose and which therefore may be less random.
pub(crate) fn password(window: &Window<'_>, name_at: usize, place: Place) -> Option<usize> {
    const CHOSEN: Set = Set::of(b"!~", b"");
    const BARE_ENDS: Set = Set::of(b"", b"\"'`,;<>(){}[]|");
    if window.at(place.start) == 0 || place.loose && place.quote == 0 {
        return None;
    }
    let mut end = place.start;
    while end < place.start + 128 {
        let byte = window.at(end);
        let escaped = window.before(end) == b'\\' && end > place.start;
        let closes = match place.quote {
            0 => !CHOSEN.has(byte) || BARE_ENDS.has(byte),
            quote => byte == quote && !escaped || byte == b'\n' || byte == 0,
        };
        if closes {
            break;
        }
        end += 1;
    }
    if place.quote != 0 && window.at(end) != place.quote {
        return None;
    }
    let slice = window.slice(place.start, end);
    let value = slice.strip_suffix(b"\\").unwrap_or(slice);
    let value = if place.quote == 0 { trimmed(value) } else { value };
    let called = place.quote == 0 && matches!(window.at(end), b'(' | b'[' | b'{' | b'<');
    (!called && looks_chosen(value, place.quote != 0) && !has_public_name(window, name_at, place))
        .then_some(place.start + value.len())
}

fn trimmed(value: &[u8]) -> &[u8] {
    let end = value
        .iter()
        .rposition(|byte| !matches!(byte, b'.' | b',' | b':' | b'!'))
        .map_or(0, |at| at + 1);
    value.get(..end).unwrap_or_default()
}

fn looks_chosen(value: &[u8], quoted: bool) -> bool {
    const COMMON: [&[u8]; 14] = [
        b"password",
        b"passwd",
        b"secret",
        b"string",
        b"required",
        b"username",
        b"optional",
        b"undefined",
        b"disabled",
        b"enabled",
        b"test",
        b"token",
        b"hidden",
        b"invalid",
    ];
    let lower = value.to_ascii_lowercase();
    let digit = value.iter().any(u8::is_ascii_digit);
    let letter = value.iter().any(u8::is_ascii_alphabetic);
    let other = value.iter().any(|byte| byte.is_ascii_punctuation() && !b"_-./".contains(byte));
    let long = (6..=128).contains(&value.len()) && entropy(value) >= 2.0;
    let mixed = letter && (digit || other)
        || quoted && value.len() >= 8 && letter && !value.contains(&b' ');
    let spoken = COMMON.iter().any(|word| lower == *word)
        || quoted && value.iter().filter(|byte| **byte == b' ').count() > 1;
    let code = !quoted && (memchr::memmem::find(value, b"::").is_some() || value.starts_with(b"&"))
        || value.starts_with(b"/")
        || value.starts_with(b"./")
        || !digit && !other && is_identifier(value);
    long && mixed && !spoken && !code && !is_placeholder(value)
}

/// Words joined by case or underscores, as programs name things.
fn is_identifier(value: &[u8]) -> bool {
    value.iter().any(|byte| matches!(byte, b'_' | b'.' | b'-'))
        || value.array_windows::<2>().any(|[a, b]| a.is_ascii_lowercase() && b.is_ascii_uppercase())
}

/// Whether a value looks drawn at random, and not written by a person or counted up.
pub(crate) fn looks_random(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let floor = if value.len() < 16 { 3.0 } else { 3.2 };
    let numbered = digits > usize::from(value.len() < 14)
        && digits < value.len() - 1
        && !value.split(|byte| b"_-./:=+~".contains(byte)).all(is_wordlike);
    value.len() >= 10
        && letters > 0
        && (numbered || is_irregular(value))
        && !is_path(value)
        && entropy(value) >= floor
}

/// Upper and lower case in turns too short for joined words: `tZkRxUJfPsMX`.
fn is_irregular(value: &[u8]) -> bool {
    let runs = value.chunk_by(|a, b| a.is_ascii_lowercase() == b.is_ascii_lowercase());
    let lower = runs.filter(|run| run.first().is_some_and(u8::is_ascii_lowercase));
    let (runs, bytes) = lower.fold((0, 0), |(runs, bytes), run| (runs + 1, bytes + run.len()));
    runs >= 4 && bytes < runs * 2
}

/// Letters, or digits, or letters and then a few digits, as in `Anvil1`, `20240301` and `v2`.
fn is_wordlike(part: &[u8]) -> bool {
    let letters = part.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let rest = part.get(letters..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let tail = rest.get(digits..).unwrap_or_default();
    tail.iter().all(u8::is_ascii_alphabetic)
        && tail.len() <= 2
        && (letters == 0 || digits <= 4)
        && letters < 24
}

fn is_path(value: &[u8]) -> bool {
    value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"..")
        || memchr::memmem::find(value, b"://").is_some()
        || value.iter().filter(|byte| **byte == b'/').count() > 1 + value.len() / 20
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36 && [8, 13, 18, 23].iter().all(|at| value.get(*at) == Some(&b'-'))
}

fn name_around(window: &Window<'_>, name_at: usize, place: Place) -> Vec<u8> {
    const NAME: Set = Set::of(b"09azAZ", b"_.-");
    let back = window.run_back(name_at, &NAME, 48);
    let mut name = window.slice(name_at - back, place.start.min(name_at + 40)).to_ascii_lowercase();
    name.retain(|byte| !b"_-. ".contains(byte));
    name
}

/// Names that hold something public, or say something about a secret without holding it.
fn has_public_name(window: &Window<'_>, name_at: usize, place: Place) -> bool {
    static PUBLIC: LazyLock<Words> = LazyLock::new(|| {
        Words::new(&[
            "public",
            "pubkey",
            "primarykey",
            "foreignkey",
            "schemakey",
            "sequencekey",
            "bucketkey",
            "naturalkey",
            "partitionkey",
            "sortkey",
            "cachekey",
            "hashkey",
            "idxkey",
            "monkey",
            "turkey",
            "keyid",
            "keyname",
            "keyfile",
            "keypath",
            "keyurl",
            "keyuri",
            "keytype",
            "keysize",
            "keylength",
            "keyalias",
            "keyring",
            "keyselector",
            "keysignature",
            "keyword",
            "keyboard",
            "keycode",
            "keyframe",
            "keyvault",
            "keystore",
            "keytab",
            "keymesh",
            "keypair",
            "keyversion",
            "kmskey",
            "secretname",
            "secretsid",
            "secretid",
            "secretlength",
            "secretversion",
            "tokenfile",
            "tokentype",
            "tokenurl",
            "tokenuri",
            "tokenendpoint",
            "tokencount",
            "tokenname",
            "csrf",
            "authenticity",
            "credentialid",
            "credentialsid",
            "author",
            "accessid",
            "accessibility",
            "authenticationresults",
            "chksum",
            "integrity",
            "apiorg",
            "etag",
            "accessor",
            "capital",
            "rapid",
            "apiversion",
            "apiname",
            "apiid",
            "apiurl",
            "endpoint",
        ])
    });
    PUBLIC.any_in(&name_around(window, name_at, place))
}

fn has_strong_name(window: &Window<'_>, name_at: usize, place: Place) -> bool {
    static STRONG: LazyLock<Words> = LazyLock::new(|| {
        Words::new(&[
            "secret",
            "apikey",
            "accesstoken",
            "authtoken",
            "apitoken",
            "accesskey",
            "privatekey",
            "password",
        ])
    });
    STRONG.any_in(&name_around(window, name_at, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, want: Option<&str>) {
        let at = text.find(name).unwrap();
        let window = Window::new(text.as_bytes(), at, true);
        let place = value_after(&window, at + name.len());
        let end = place.and_then(|place| match name {
            "password" => password(&window, at, place).map(|end| (place, end)),
            _ => random_value(&window, at, place).map(|end| (place, end)),
        });
        assert_eq!(end.map(|(place, end)| &text[place.start..end]), want, "{text}");
    }

    #[test]
    fn random_values_of_general_names_are_secret() {
        check("creds: pQBwKjfXI2tp8K", "creds", Some("pQBwKjfXI2tp8K"));
        check(r#"{"api_key": "q8Zr-41kd0PwLx9"}"#, "key", Some("q8Zr-41kd0PwLx9"));
        check(r#"\"token\":\"q8Zr41kd0PwLx9\""#, "token", Some("q8Zr41kd0PwLx9"));
        check("SECRET_X := 'q8Zr41kd0PwLx9'", "SECRET", Some("q8Zr41kd0PwLx9"));
        check("secret => q8Zr41kd0PwLx9, more", "secret", Some("q8Zr41kd0PwLx9"));
    }

    #[test]
    fn what_is_written_by_people_is_not() {
        check("key = chain_Anvil1_Key", "key", None);
        check("key_id = q8Zr41kd0PwLx9", "key", None);
        check("public_key = q8Zr41kd0PwLx9", "key", None);
        check("token = make_token1(9)", "token", None);
        check("token: xxxxxxxxxxxxxxxxxxxx1", "token", None);
        check("key: 29f63271-dc2f-4734-8221-5b31b5169bac", "key", None);
        check("key: 2024-03-01T11:22:33", "key", None);
        check("secret must be set", "secret", None);
    }

    #[test]
    fn passwords_may_be_chosen() {
        check(r#"password = "hunter2""#, "password", Some("hunter2"));
        check("password: S3cret!pw", "password", Some("S3cret!pw"));
        check(r#"password = "correct-horse""#, "password", None);
        check(r#"password = "Tr0ub4dor&3 x""#, "password", Some("Tr0ub4dor&3 x"));
        check("password = ${DB_PASSWORD}", "password", None);
        check("password = getpass1()", "password", None);
        check("password: required", "password", None);
        check("password = os.environ['X']", "password", None);
    }
}
