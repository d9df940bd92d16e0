//! Makes texts by rule: attacks, alone and put into hosts, and innocent texts that look like them.
#![expect(clippy::indexing_slicing, reason = "places found in the same text")]

use super::corpus::Row;
use super::grammar::Grammar;
use super::rng::Rng;

/// What comes out of the grammar, by section: its kind, how much of it is put into a host, and how
/// much of it there is.
const ATTACKS: &[(&str, &str, f32, f32)] = &[
    ("injection", "injection", 0.7, 0.30),
    ("more", "injection", 0.7, 0.08),
    ("agent", "injection", 0.7, 0.10),
    ("callattack", "injection", 0.7, 0.12),
    ("extraction", "direct", 0.25, 0.06),
    ("foreign", "injection", 0.7, 0.05),
    ("world", "injection", 0.7, 0.11),
    ("exfiltration", "exfiltration", 0.7, 0.06),
    ("poisoning", "tool_poisoning", 0.0, 0.05),
    ("jailbreak", "jailbreak", 0.25, 0.10),
    ("short", "injection", 0.7, 0.06),
    ("fields", "injection", 0.7, 0.03),
];

const BENIGN: &[(&str, &str, f32)] = &[
    ("benign_tool", "benign_tool", 0.40),
    ("benign_template", "benign_tool", 0.14),
    ("benign_description", "benign_tool", 0.06),
    ("description_line", "benign_tool", 0.04),
    ("benign_foreign", "benign_tool", 0.08),
    ("benign_world", "benign_tool", 0.18),
    ("benign_handover", "benign_tool", 0.06),
    ("benign_fields", "benign_tool", 0.05),
    ("benign_prompt", "benign_prompt", 0.28),
    ("benign_asked", "benign_prompt", 0.10),
];

/// The languages that have attacks and innocent texts of their own.
const LANGUAGES: [&str; 14] =
    ["de", "es", "fr", "it", "pt", "nl", "pl", "ru", "zh", "ja", "ko", "tr", "ar", "hi"];
/// How much of the innocent texts is words of attacks out of their order.
const SCRAMBLED: f32 = 0.12;

/// Attacks by rule, some of them put into one of `hosts`.
pub(super) fn attacks(
    grammar: &Grammar,
    count: usize,
    hosts: &[Row],
    without: &[String],
    rng: &mut Rng,
) -> Vec<Row> {
    let mut rows = Vec::with_capacity(count);
    let wanted = ATTACKS.iter().filter(|(section, ..)| !without.iter().any(|w| w == section));
    for &(section, kind, hosted, share) in wanted {
        for _ in 0..times(count, share) {
            let payload = roughen(&grammar.expand(section, rng), rng);
            let text =
                if rng.chance(hosted) { in_host(grammar, &payload, hosts, rng) } else { payload };
            rows.push(Row { text, attack: true, source: "grammar".into(), kind: kind.into() });
        }
    }
    rows
}

/// Innocent texts by rule.
pub(super) fn benign(
    grammar: &Grammar,
    count: usize,
    without: &[String],
    rng: &mut Rng,
) -> Vec<Row> {
    let mut rows = Vec::with_capacity(count);
    let left_out = |section: &str| without.iter().any(|w| w == section);
    if !left_out("scrambled") {
        for _ in 0..times(count, SCRAMBLED) {
            let text = scrambled(grammar, rng);
            let kind = "benign_tool".to_owned();
            rows.push(Row { text, attack: false, source: "grammar".into(), kind });
        }
    }
    for &(section, kind, share) in BENIGN.iter().filter(|(section, ..)| !left_out(section)) {
        for _ in 0..times(count, share) {
            let text = roughen(&grammar.expand(section, rng), rng);
            rows.push(Row { text, attack: false, source: "grammar".into(), kind: kind.into() });
        }
    }
    rows
}

/// The words of an attack and of its surroundings in any order: what makes an attack is how words
/// go together, and neither a language nor a word by itself.
fn scrambled(grammar: &Grammar, rng: &mut Rng) -> String {
    let language = rng.pick(&LANGUAGES).copied().unwrap_or("de");
    let sections = ["world", "host", "host"];
    let texts = sections.map(|part| match part {
        "world" => grammar.expand(&format!("world_{language}"), rng),
        part => grammar.expand(&format!("{language}_{part}"), rng),
    });
    let whole = texts.join(" ");
    let mut words: Vec<String> = if matches!(language, "zh" | "ja") {
        let letters: Vec<char> = whole.chars().collect();
        letters.chunks(2).map(|pair| pair.iter().collect()).collect()
    } else {
        whole.split_whitespace().map(str::to_owned).collect()
    };
    rng.shuffle(&mut words);
    words.join(if matches!(language, "zh" | "ja") { "" } else { " " })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn times(count: usize, share: f32) -> usize {
    (count as f32 * share) as usize
}

/// Case, punctuation and typing as people have them.
fn roughen(text: &str, rng: &mut Rng) -> String {
    match rng.below(20) {
        0 => text.to_lowercase(),
        1 if text.len() < 400 => text.to_uppercase(),
        2 => text.chars().filter(|c| !matches!(c, '.' | ',' | '!' | '\'')).collect(),
        3 => typing_errors(text, rng),
        4 => text.replace('\n', "\\n"),
        5 => text.replace('\n', " "),
        _ => text.to_owned(),
    }
}

/// Swaps, drops or doubles a letter in some words.
fn typing_errors(text: &str, rng: &mut Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=letters.len() / 40 {
        let at = rng.below(letters.len().saturating_sub(1).max(1));
        let inside =
            letters.get(at..at + 2).is_some_and(|pair| pair.iter().all(|c| c.is_alphabetic()));
        if inside {
            match rng.below(3) {
                0 => letters.swap(at, at + 1),
                1 => drop(letters.remove(at)),
                _ => letters.insert(at, letters[at]),
            }
        }
    }
    letters.into_iter().collect()
}

/// Puts a payload into an innocent text, at a line or sentence of its own.
fn in_host(grammar: &Grammar, payload: &str, hosts: &[Row], rng: &mut Rng) -> String {
    let host = if rng.chance(0.4) {
        let section = if rng.chance(0.5) { "benign_tool" } else { "benign_template" };
        grammar.expand(section, rng)
    } else {
        rng.pick(hosts).map(|row| cut(&row.text, 1500, rng)).unwrap_or_default()
    };
    let wrapped = wrap(payload, rng);
    let breaks: Vec<usize> = host
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .chain(host.match_indices(". ").map(|(at, _)| at + 2))
        .collect();
    let at = match rng.below(10) {
        0..=1 => 0,
        2..=5 => host.len(),
        _ => rng.pick(&breaks).copied().unwrap_or(host.len()),
    };
    let (before, after) = host.split_at(at);
    let between = *rng.pick(&["\n", "\n\n", " ", " ", "\n\n\n"]).unwrap_or(&" ");
    format!("{before}{between}{wrapped}{between}{after}").trim().to_owned()
}

/// A stretch of a long text.
pub(super) fn cut(text: &str, bytes: usize, rng: &mut Rng) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let start = text.floor_char_boundary(rng.below(text.len() - bytes));
    let end = text.floor_char_boundary(start + bytes);
    text[start..end].to_owned()
}

/// How a payload hides in the layout of its host.
fn wrap(payload: &str, rng: &mut Rng) -> String {
    match rng.below(26) {
        0 => format!("<!-- {payload} -->"),
        1 => format!("// {payload}"),
        2 => format!("# {payload}"),
        3 => format!("/* {payload} */"),
        4 => format!("<div style=\"display:none\">{payload}</div>"),
        5 => format!("<span style=\"color:white;font-size:0px\">{payload}</span>"),
        6 => format!("![{payload}](image.png)"),
        7 => format!("\"note\": \"{payload}\","),
        8 => format!("[{payload}]"),
        9 => format!("---\n{payload}\n---"),
        10 => format!("\"\"\"{payload}\"\"\""),
        11 => format!("**{payload}**"),
        12 => format!("{{\"comment\": \"{payload}\"}}"),
        13 => format!("({payload})"),
        _ => payload.to_owned(),
    }
}
