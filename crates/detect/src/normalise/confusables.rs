//! Letters that look like plain Latin ones.
//!
//! Only letters that compatibility decomposition leaves alone are listed, and only those that are
//! used for disguise: the full table of the Unicode consortium would read half of Greek as Latin.

use std::sync::LazyLock;

/// Each plain letter with what looks like it.
const LOOK_ALIKES: &[(char, &str)] = &[
    ('a', "аαɑᴀɐ𐊠Ꭺ"),
    ('b', "ЬʙƄᏏвɓ"),
    ('c', "сϲᴄƈⅽ"),
    ('d', "ԁᴅɗժꓒ"),
    ('e', "еєεᴇҽ℮ə"),
    ('f', "ꜰƒϝ"),
    ('g', "ɡɢցğ"),
    ('h', "һʜհн"),
    ('i', "іιɪıӏ¡ɩ"),
    ('j', "јᴊյ"),
    ('k', "кκᴋƙ"),
    ('l', "ʟӀⅼłɭ"),
    ('m', "мᴍɱ"),
    ('n', "пηɴոŋ"),
    ('o', "оοσᴏօøө"),
    ('p', "рρᴘ"),
    ('q', "ԛզ"),
    ('r', "гʀɾ"),
    ('s', "ѕꜱʂ"),
    ('t', "тτᴛŧ"),
    ('u', "υᴜսμц"),
    ('v', "ѵνᴠ"),
    ('w', "ԝωᴡш"),
    ('x', "хχ"),
    ('y', "уγʏүყ"),
    ('z', "ᴢʐ"),
    ('A', "АΑ"),
    ('B', "ВΒ"),
    ('C', "СϹ"),
    ('E', "ЕΕ"),
    ('G', "Ԍ"),
    ('H', "НΗ"),
    ('I', "ІΙ"),
    ('J', "Ј"),
    ('K', "КΚ"),
    ('M', "МΜ"),
    ('N', "Ν"),
    ('O', "ОΟ"),
    ('P', "РΡ"),
    ('R', "Ꭱ"),
    ('S', "ЅՏ"),
    ('T', "ТΤ"),
    ('V', "Ѵ"),
    ('W', "Ԝ"),
    ('X', "ХΧ"),
    ('Y', "ΥҮ"),
    ('Z', "Ζ"),
];

static TABLE: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let pairs = LOOK_ALIKES.iter().flat_map(|(plain, like)| like.chars().map(|c| (c, *plain)));
    let mut table: Vec<_> = pairs.filter(|(like, _)| !like.is_ascii()).collect();
    table.sort_unstable();
    table
});

/// The plain letter that `c` looks like.
pub(super) fn plain_letter(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    let at = TABLE.binary_search_by_key(&c, |(like, _)| *like).ok()?;
    TABLE.get(at).map(|(_, plain)| *plain)
}

/// Letters of living alphabets: they are look-alikes only beside plain Latin letters.
pub(super) fn is_borrowable(c: char) -> bool {
    matches!(c, '\u{b5}'..='\u{24f}' | '\u{370}'..='\u{58f}' | '\u{10a0}'..='\u{10ff}')
}
