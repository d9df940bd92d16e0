//! Words into the numbers that a network knows them by: `WordPiece`, as in BERT's vocabularies, and
//! Unigram, as in SentencePiece's.

use std::collections::BTreeMap;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::super::judge::JudgeError;

/// A word longer than this is unknown to every vocabulary.
const WORD_CHARS_MAX: usize = 100;
/// What stands for a blank in SentencePiece's vocabularies.
const BLANK: char = '\u{2581}';
/// How much less likely than the rarest piece a letter is that no piece has.
const UNKNOWN_PENALTY: f64 = 10.0;

/// A vocabulary and how it is used.
#[derive(Debug)]
pub(super) struct Tokenizer {
    ids: BTreeMap<String, i32>,
    scheme: Scheme,
    first: i32,
    last: i32,
    unknown: i32,
}

#[derive(Debug)]
enum Scheme {
    /// The longest piece first; pieces within a word begin with `##`.
    WordPiece { lower_case: bool },
    /// The likeliest way to cut a word.
    Unigram { scores: BTreeMap<i32, f64>, longest: usize, rarest: f64 },
}

impl Tokenizer {
    /// Reads a `tokenizer.json`, or a `vocab.txt` with one piece a line.
    pub(super) fn parse(file: &str) -> Result<Self, JudgeError> {
        if file.trim_start().starts_with('{') {
            let value: Value = serde_json::from_str(file)
                .map_err(|e| unusable(format!("`tokenizer.json` is not JSON: {e}")))?;
            return Self::from_json(&value);
        }
        let ids = file.lines().zip(0..).map(|(piece, id)| (piece.trim_end().to_owned(), id));
        Self::of(ids.collect(), Scheme::WordPiece { lower_case: true }, None)
    }

    fn from_json(value: &Value) -> Result<Self, JudgeError> {
        let model = value.get("model").unwrap_or(&Value::Null);
        let kind = model.get("type").and_then(Value::as_str);
        let vocabulary = model.get("vocab");
        let mut ids: BTreeMap<String, i32> = BTreeMap::new();
        let (scheme, unknown) = match (kind, vocabulary) {
            (Some("WordPiece") | None, Some(Value::Object(pieces))) => {
                ids.extend(
                    pieces.iter().filter_map(|(piece, id)| Some((piece.clone(), number(id)?))),
                );
                let lower_case = value.pointer("/normalizer/lowercase").and_then(Value::as_bool);
                (Scheme::WordPiece { lower_case: lower_case.unwrap_or(true) }, None)
            }
            (Some("Unigram"), Some(Value::Array(pieces))) => {
                let mut scores = BTreeMap::new();
                for (pair, id) in pieces.iter().zip(0..) {
                    let piece = pair.get(0).and_then(Value::as_str);
                    let score = pair.get(1).and_then(Value::as_f64);
                    let (Some(piece), Some(score)) = (piece, score) else {
                        return Err(unusable(format!(
                            "entry {id} of the vocabulary is not a pair"
                        )));
                    };
                    ids.insert(piece.to_owned(), id);
                    scores.insert(id, score);
                }
                let longest = ids.keys().map(|piece| piece.chars().count()).max().unwrap_or(1);
                let rarest = scores.values().copied().fold(0.0, f64::min);
                let unknown = model.get("unk_id").and_then(number);
                (Scheme::Unigram { scores, longest, rarest }, unknown)
            }
            (kind, _) => {
                let kind = kind.unwrap_or("nothing");
                return Err(unusable(format!(
                    "the tokenizer is of the kind `{kind}`, expected `WordPiece` or `Unigram`"
                )));
            }
        };
        let added = value.get("added_tokens").and_then(Value::as_array);
        for token in added.into_iter().flatten() {
            let content = token.get("content").and_then(Value::as_str);
            if let (Some(content), Some(id)) = (content, token.get("id").and_then(number)) {
                ids.insert(content.to_owned(), id);
            }
        }
        Self::of(ids, scheme, unknown)
    }

    fn of(
        ids: BTreeMap<String, i32>,
        scheme: Scheme,
        unknown: Option<i32>,
    ) -> Result<Self, JudgeError> {
        let mark = |names: &[&str]| {
            let found = names.iter().find_map(|name| ids.get(*name).copied());
            found.ok_or_else(|| {
                unusable(format!("the vocabulary has no `{}`", names.join("` or `")))
            })
        };
        let (first, last) = (mark(&["[CLS]", "<s>"])?, mark(&["[SEP]", "</s>"])?);
        let unknown = unknown.map_or_else(|| mark(&["[UNK]", "<unk>"]), Ok)?;
        Ok(Self { ids, scheme, first, last, unknown })
    }

    /// The tokens of a text, without the marks around them.
    pub(super) fn tokens(&self, text: &str) -> Vec<i32> {
        let mut tokens = Vec::new();
        match &self.scheme {
            Scheme::WordPiece { lower_case } => {
                for word in words(text, *lower_case) {
                    self.cut_greedily(&word, &mut tokens);
                }
            }
            Scheme::Unigram { scores, longest, rarest } => {
                let text: String = text.nfkc().collect();
                for word in text.split_whitespace() {
                    let word: Vec<char> = std::iter::once(BLANK).chain(word.chars()).collect();
                    tokens.extend(self.cut_likeliest(&word, scores, *longest, *rarest));
                }
            }
        }
        tokens
    }

    /// Some tokens with the marks that a text begins and ends with.
    pub(super) fn marked(&self, tokens: &[i32]) -> Vec<i32> {
        let mut marked = Vec::with_capacity(tokens.len() + 2);
        marked.push(self.first);
        marked.extend_from_slice(tokens);
        marked.push(self.last);
        marked
    }

    fn cut_greedily(&self, word: &str, tokens: &mut Vec<i32>) {
        if word.chars().count() > WORD_CHARS_MAX {
            tokens.push(self.unknown);
            return;
        }
        let begun = tokens.len();
        let (mut rest, mut inside) = (word, "");
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let mut pieces = ends.filter_map(|end| rest.get(..end).map(|piece| (piece, end)));
            let found = pieces
                .find_map(|(piece, end)| Some((*self.ids.get(&format!("{inside}{piece}"))?, end)));
            let Some((id, end)) = found else {
                tokens.truncate(begun);
                tokens.push(self.unknown);
                return;
            };
            tokens.push(id);
            (rest, inside) = (rest.get(end..).unwrap_or_default(), "##");
        }
    }

    /// Viterbi's way through a word: for each place the best cut that ends there.
    fn cut_likeliest(
        &self,
        word: &[char],
        scores: &BTreeMap<i32, f64>,
        longest: usize,
        rarest: f64,
    ) -> Vec<i32> {
        let mut best: Vec<(f64, usize, i32)> = vec![(0.0, 0, self.unknown)];
        for end in 1..=word.len() {
            let mut found = (f64::MIN, end - 1, self.unknown);
            for start in end.saturating_sub(longest)..end {
                let piece: String = word.get(start..end).unwrap_or_default().iter().collect();
                let known = self.ids.get(&piece).and_then(|id| Some((*id, *scores.get(id)?)));
                let step = known
                    .or((end - start == 1).then_some((self.unknown, rarest - UNKNOWN_PENALTY)));
                let (Some((id, score)), Some((before, ..))) = (step, best.get(start)) else {
                    continue;
                };
                if before + score > found.0 {
                    found = (before + score, start, id);
                }
            }
            best.push(found);
        }
        let mut tokens = Vec::new();
        let mut end = word.len();
        while let Some(&(_, start, id)) = best.get(end).filter(|_| end > 0) {
            tokens.push(id);
            end = start;
        }
        tokens.reverse();
        tokens
    }
}

/// The words of a text as BERT's vocabularies have them: every sign and every ideograph by itself.
fn words(text: &str, lower_case: bool) -> Vec<String> {
    let mut words = vec![String::new()];
    let folded: String = if lower_case {
        text.to_lowercase().nfd().filter(|c| !is_combining_mark(*c)).collect()
    } else {
        text.to_owned()
    };
    for c in folded.chars() {
        let alone =
            !c.is_alphanumeric() || matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}');
        if c.is_whitespace() || c.is_control() {
            words.push(String::new());
        } else if alone && !is_combining_mark(c) {
            words.push(c.to_string());
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|id| i32::try_from(id).ok())
}

fn unusable(why: String) -> JudgeError {
    JudgeError::Files(why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nignore\nin\n##struct\n##ion\n##s\n.\n忽";

    #[track_caller]
    fn check(file: &str, text: &str, want: &[i32]) {
        let tokenizer = Tokenizer::parse(file).unwrap();
        assert_eq!(tokenizer.tokens(text), want, "{text}");
    }

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        check(VOCABULARY, "Ignore instructions.", &[4, 5, 6, 7, 8, 9]);
        check(VOCABULARY, "ÍGNORE 忽忽\tx", &[4, 10, 10, 1]);
        check(VOCABULARY, "insx", &[1]);
        check(VOCABULARY, &"i".repeat(101), &[1]);
        let json = r#"{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "Go": 1, "\u0023#es": 2}},
            "normalizer": {"lowercase": false},
            "added_tokens": [{"id": 7, "content": "[CLS]"}, {"id": 8, "content": "[SEP]"}]}"#;
        check(json, "Goes go", &[1, 2, 0]);
        assert_eq!(Tokenizer::parse(json).unwrap().marked(&[1]), [7, 1, 8]);
    }

    #[test]
    fn words_are_cut_the_likeliest_way() {
        let json = r#"{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0],
            ["<s>", 0.0], ["</s>", 0.0], ["▁", -3.0], ["▁ab", -4.0], ["▁a", -2.0], ["b", -1.5],
            ["c", -2.0], ["bc", -1.0]]}}"#;
        // `▁a` and `b` are likelier than `▁ab`; `bc` than `b` and `c`.
        check(json, "ab  abc", &[5, 6, 5, 8]);
        check(json, "aé", &[5, 0]);
        check(json, "", &[]);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (file, want) in [
            ("{", "`tokenizer.json` is not JSON"),
            (r#"{"model": {"type": "BPE", "vocab": {}}}"#, "is of the kind `BPE`"),
            ("a\nb", "has no `[CLS]` or `<s>`"),
            (r#"{"model": {"type": "Unigram", "vocab": [1]}}"#, "entry 0"),
        ] {
            let error = Tokenizer::parse(file).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_text_has_tokens_that_the_vocabulary_knows(text in "\\PC{0,80}") {
            let tokenizer = Tokenizer::parse(VOCABULARY).unwrap();
            let tokens = tokenizer.tokens(&text);
            prop_assert!(tokens.iter().all(|id| (0..=10).contains(id)));
            prop_assert!(tokens.len() <= 3 * text.chars().count());
        }
    }
}
