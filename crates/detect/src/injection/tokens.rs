//! The words of a text, read in one pass.
//!
//! A word is a run of letters or digits; a letter of a script written without blanks is a word by
//! itself. What stands between two words is kept as a fingerprint: a line break, a fence or a
//! `<|` before a word says as much about instructions as the word does.

/// One word, with fingerprints in place of its letters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Token {
    /// Where it begins, in bytes of the text.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The whole word in lower case.
    pub word: u32,
    /// Its first letters.
    pub stem: u32,
    /// Its last letters.
    pub tail: u32,
    /// What stands before it, back to the word before.
    pub gap: u32,
    /// What else is known of it.
    pub traits: Traits,
}

/// Small facts about a token.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traits(u8);

impl Traits {
    const CAPITALS: u8 = 1;
    const MIXED: u8 = 2;
    const STARTS: u8 = 4;
    const LETTERED: u8 = 8;
    const IDEOGRAPH: u8 = 16;
    const SINGLE: u8 = 32;

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Capital letters only, and more than two.
    #[must_use]
    pub fn capitals(self) -> bool {
        self.has(Self::CAPITALS)
    }

    /// Letters and digits in one word.
    #[must_use]
    pub fn mixed(self) -> bool {
        self.has(Self::MIXED)
    }

    /// First of a sentence or line.
    #[must_use]
    pub fn starts(self) -> bool {
        self.has(Self::STARTS)
    }

    /// Has a letter.
    #[must_use]
    pub fn lettered(self) -> bool {
        self.has(Self::LETTERED)
    }

    /// Could be part of an encoding: not a letter of a script written without blanks.
    #[must_use]
    pub fn word_like(self) -> bool {
        !self.ideograph()
    }

    /// A letter of a script written without blanks.
    #[must_use]
    pub fn ideograph(self) -> bool {
        self.has(Self::IDEOGRAPH)
    }

    /// One letter or digit.
    #[must_use]
    pub fn single(self) -> bool {
        self.has(Self::SINGLE)
    }
}

const SEED: u32 = 0x811c_9dc5;
const STEM_LETTERS: u32 = 5;

/// Adds a byte to a fingerprint.
#[inline]
fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The fingerprint of a whole word, as [`Token::word`] has it.
#[must_use]
pub fn word_hash(word: &str) -> u32 {
    bytes_hash(word.bytes())
}

/// The same for the bytes of one.
#[inline]
pub(super) fn bytes_hash(word: impl Iterator<Item = u8>) -> u32 {
    word.fold(SEED, |hash, b| mix(hash, b.to_ascii_lowercase()))
}

/// The fingerprint of two in a row.
#[inline]
#[must_use]
pub fn pair(a: u32, b: u32) -> u32 {
    (a.rotate_left(5) ^ b).wrapping_mul(0x9e37_79b1)
}

/// What a byte is within a text.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Class {
    Blank,
    Line,
    Stop,
    Sign,
    Lower,
    Upper,
    Digit,
    /// A letter of an alphabet outside ASCII, or a later byte of one.
    Letter,
    /// The first byte of a letter that is a word by itself.
    Ideograph,
    /// The first byte of a sign outside ASCII.
    Symbol,
}

const CLASSES: [Class; 256] = classes();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
const fn classes() -> [Class; 256] {
    let mut table = [Class::Sign; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match i as u8 {
            b' ' | b'\t' => Class::Blank,
            b'\n' | b'\r' => Class::Line,
            b'.' | b'!' | b'?' | b':' | b';' => Class::Stop,
            b'a'..=b'z' => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'0'..=b'9' => Class::Digit,
            0x80..=0xc1 | 0xc3..=0xe1 => Class::Letter,
            0xc2 | 0xe2 | 0xef..=0xff => Class::Symbol,
            0xe3..=0xee => Class::Ideograph,
            _ => Class::Sign,
        };
        i += 1;
    }
    table
}

#[inline]
fn class(byte: u8) -> Class {
    CLASSES.get(byte as usize).copied().unwrap_or(Class::Sign)
}

/// What a byte of a word can be; a capital's bit is the one that makes a small letter of it.
const SMALL: u8 = 1;
const DIGIT: u8 = 2;
const WIDE: u8 = 4;
const CAPITAL: u8 = 0x20;

/// What each byte is within a word, and nothing where it ends one.
const WORD_BYTES: [u8; 256] = word_bytes();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn word_bytes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match CLASSES[i] {
            Class::Lower => SMALL,
            Class::Upper => CAPITAL,
            Class::Digit => DIGIT,
            Class::Letter => WIDE,
            _ => 0,
        };
        i += 1;
    }
    table
}

#[inline]
fn word_byte(byte: u8) -> u8 {
    WORD_BYTES.get(byte as usize).copied().unwrap_or_default()
}

/// Reads the tokens of a text from first to last.
#[derive(Clone, Debug)]
pub struct Tokens<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Tokens<'t> {
    /// Starts at the beginning of `text`.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    #[inline]
    fn peek(&self) -> Option<(u8, Class)> {
        self.bytes.get(self.at).map(|&b| (b, class(b)))
    }

    /// Skips to the next word; says what was skipped and whether a sentence or line begins.
    #[inline]
    fn skip_gap(&mut self) -> (u32, bool) {
        // Most words stand one blank apart.
        if let Some(&[b' ', next]) = self.bytes.get(self.at..self.at + 2)
            && word_byte(next) != 0
            && self.at > 0
        {
            self.at += 1;
            return (SEED, false);
        }
        let mut gap = SEED;
        let mut starts = self.at == 0;
        let mut signs = 0;
        while let Some((byte, class)) = self.peek() {
            let step = match class {
                Class::Lower | Class::Upper | Class::Digit | Class::Letter => break,
                Class::Ideograph if !self.is_cjk_sign() => break,
                // A line break within a JSON string is one, not a letter before the next word.
                Class::Sign if byte == b'\\' && self.is_escape() => {
                    starts = true;
                    gap = mix(gap, b'\n');
                    2
                }
                Class::Blank => 1,
                Class::Line => {
                    starts = true;
                    gap = mix(gap, b'\n');
                    1
                }
                Class::Symbol | Class::Ideograph => {
                    starts = true;
                    gap = mix(gap, byte);
                    if byte < 0xe0 {
                        2
                    } else if byte < 0xf0 {
                        3
                    } else {
                        4
                    }
                }
                _ => {
                    starts |= class == Class::Stop;
                    signs += 1;
                    if signs <= 4 {
                        gap = mix(gap, byte);
                    }
                    1
                }
            };
            self.at += step;
        }
        (gap, starts)
    }

    fn is_escape(&self) -> bool {
        matches!(self.bytes.get(self.at + 1), Some(b'n' | b't' | b'r'))
    }

    /// Ideographic punctuation shares its first byte with kana.
    fn is_cjk_sign(&self) -> bool {
        self.bytes.get(self.at..self.at + 2) == Some(&[0xe3, 0x80])
    }

    fn ideograph(&mut self) -> Token {
        let start = self.at;
        let end = (start + 3).min(self.bytes.len());
        let letter = self.bytes.get(start..end).unwrap_or_default();
        let hash = letter.iter().fold(SEED, |hash, &b| mix(hash, b));
        self.at = end;
        let traits = Traits(Traits::LETTERED | Traits::IDEOGRAPH);
        Token { start, end, word: hash, stem: hash, tail: hash, gap: SEED, traits }
    }

    #[inline]
    fn word(&mut self) -> Token {
        let start = self.at;
        let (mut hash, mut stem, mut last) = (SEED, SEED, 0_u64);
        let (mut seen, mut capitals, mut letters) = (0, 0_u32, 0_u32);
        for &byte in self.bytes.get(start..).unwrap_or_default() {
            let kind = word_byte(byte);
            if kind == 0 {
                break;
            }
            let capital = kind & CAPITAL;
            let byte = byte | capital;
            seen |= kind;
            capitals += u32::from(capital != 0);
            // Letters are counted by their first bytes: other alphabets need two or three for one.
            letters += u32::from(byte & 0xc0 != 0x80);
            hash = mix(hash, byte);
            stem = if letters <= STEM_LETTERS { hash } else { stem };
            last = last << 8 | u64::from(byte);
            self.at += 1;
        }
        let len = self.at - start;
        // Numbers differ without end; their length is enough.
        if seen == DIGIT {
            (hash, stem) = (mix(SEED, b'0'), mix(SEED, b'0'));
        }
        let mut traits = 0;
        if seen != DIGIT {
            traits |= Traits::LETTERED;
            traits |= if seen & DIGIT != 0 { Traits::MIXED } else { 0 };
            let shouted = seen & (SMALL | WIDE) == 0 && capitals > 2;
            traits |= if shouted { Traits::CAPITALS } else { 0 };
        }
        traits |= if len == 1 { Traits::SINGLE } else { 0 };
        let [high, low] =
            [last >> 32, last & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or(0));
        let tail = if seen & WIDE != 0 { pair(pair(high, low), 7) } else { pair(low, 7) };
        Token { start, end: self.at, word: hash, stem, tail, gap: SEED, traits: Traits(traits) }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    #[inline]
    fn next(&mut self) -> Option<Token> {
        let (gap, starts) = self.skip_gap();
        let (_, class) = self.peek()?;
        let mut token = if class == Class::Ideograph { self.ideograph() } else { self.word() };
        token.gap = gap;
        if starts {
            token.traits.0 |= Traits::STARTS;
        }
        Some(token)
    }
}
