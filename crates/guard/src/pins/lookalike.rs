//! Tools whose names a person or a model would take for another's.

use std::collections::HashMap;

use bakerst_detect::normalise::fold;

/// A name among those that are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'n> {
    pub(super) server: Option<&'n str>,
    pub(super) tool: &'n str,
}

/// Shorter names differ by one letter too easily.
const SLIP_CHARS_MIN: usize = 5;

/// What a name looks like: look-alikes as plain letters, digits as the letters they are taken for,
/// no case, nothing between words.
pub(super) fn skeleton(name: &str) -> String {
    let words = name.split(|c: char| c.is_ascii_punctuation() || c.is_whitespace());
    // A plain letter in front tells the reader of look-alikes that the word is meant to be Latin.
    let folded =
        words.map(|word| fold(&format!("a{word}")).text().chars().skip(1).collect::<String>());
    let lower = folded.collect::<String>().to_lowercase();
    let taken_for = |c: char| match c {
        '0' => 'o',
        '1' | 'i' | '|' => 'l',
        '5' => 's',
        c => c,
    };
    let plain: String = lower.chars().filter(|c| c.is_alphanumeric()).map(taken_for).collect();
    plain.replace("rn", "m").replace("vv", "w")
}

/// Why a name deceives by itself.
pub(super) fn disguised(name: &str) -> Option<&'static str> {
    if name.is_ascii() {
        return None;
    }
    let plain: String = fold(name).text().to_owned();
    (plain != name).then_some("its name holds letters that look like others")
}

/// For each name, one that came before it and that it could be taken for.
pub(super) fn taken_for(names: &[Named<'_>]) -> Vec<Option<usize>> {
    let skeletons: Vec<String> = names.iter().map(|named| skeleton(named.tool)).collect();
    let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
    let mut found = Vec::with_capacity(names.len());
    for (at, (named, own)) in names.iter().zip(&skeletons).enumerate() {
        let like = |other: &usize| {
            let (Some(before), Some(theirs)) = (names.get(*other), skeletons.get(*other)) else {
                return false;
            };
            let elsewhere = before.server != named.server;
            let same_word = before.tool == named.tool;
            match own == theirs {
                // The same word on two servers is told apart by the servers' names.
                true => !(same_word && elsewhere),
                // Within one server `get_user` and `get_users` are its author's own choice.
                false => {
                    elsewhere && own.chars().count() >= SLIP_CHARS_MIN && is_one_slip(own, theirs)
                }
            }
        };
        let variants = variants(own);
        let near = variants.iter().filter_map(|variant| seen.get(variant)).flatten();
        found.push(near.copied().find(|other| like(other)));
        for variant in variants {
            seen.entry(variant).or_default().push(at);
        }
    }
    found
}

/// A word and all that is left of it without one letter: words that differ by one letter share one.
fn variants(word: &str) -> Vec<String> {
    let mut variants = vec![word.to_owned()];
    if word.chars().count() >= SLIP_CHARS_MIN - 1 {
        variants.extend(word.char_indices().map(|(at, c)| {
            let rest = word.get(at + c.len_utf8()..).unwrap_or_default();
            format!("{}{rest}", word.get(..at).unwrap_or_default())
        }));
    }
    variants.dedup();
    variants
}

/// Whether one letter more, less or other, or two that changed places, make one word the other.
pub(super) fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same = short.iter().zip(&long).take_while(|(x, y)| x == y).count();
    let (short, long) =
        (short.get(same..).unwrap_or_default(), long.get(same..).unwrap_or_default());
    match (short, long) {
        ([], [_]) => true,
        ([_, rest @ ..], [_, other @ ..]) if rest == other => true,
        ([x, y, rest @ ..], [p, q, other @ ..]) if x == q && y == p && rest == other => true,
        (rest, [_, other @ ..]) => rest == other,
        _ => false,
    }
}
