//! The forms of tokens, in the part of regular expression syntax that they need.
//!
//! A token is a row of characters with lengths: `gl(pat|rt)-[0-9A-Za-z_-]{20}`. Groups are written
//! out when a form is read, so that matching one is a walk along a row of sets, with no automaton
//! to build at start and no more than one place to step back from.

use super::set::Set;
use super::window::Window;

/// The longest repetition that may be written; it keeps every rule's longest span finite.
const REPEAT_MAX: u16 = 4096;

/// One step of a form: so many bytes of a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Step {
    pub(crate) set: Set,
    pub(crate) min: u16,
    pub(crate) max: u16,
    /// Whether what follows could also begin inside this repetition.
    yields: bool,
}

/// One way to write a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shape(Vec<Step>);

impl Shape {
    /// Reads a form and writes its groups out; `fold` takes letters in either case.
    pub(crate) fn parse(text: &str, fold: bool) -> Result<Vec<Self>, String> {
        let mut reader = Reader { rest: text.as_bytes(), fold };
        let rows = reader.alternatives()?;
        match reader.rest {
            [] => Ok(rows.into_iter().map(Self::new).collect()),
            rest => Err(format!("`{}` is left over", String::from_utf8_lossy(rest))),
        }
    }

    fn new(mut steps: Vec<Step>) -> Self {
        let next: Vec<Option<Step>> = steps.iter().skip(1).copied().map(Some).collect();
        for (step, next) in steps.iter_mut().zip(next) {
            step.yields = step.min < step.max
                && next.is_some_and(|next| next.min == 0 || next.set.overlaps(&step.set));
        }
        Self(steps)
    }

    /// Where the form ends if it stands at a place.
    pub(crate) fn end(&self, window: &Window<'_>, at: usize) -> Option<usize> {
        walk(&self.0, window, at)
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The most bytes that it can span.
    #[cfg(test)]
    pub(crate) fn len_max(&self) -> usize {
        self.0.iter().map(|step| usize::from(step.max)).sum()
    }

    /// The sets of the bytes whose distance from the start is fixed.
    pub(crate) fn head(&self) -> Vec<Set> {
        let mut head = Vec::new();
        for step in &self.0 {
            head.extend(std::iter::repeat_n(step.set, usize::from(step.min)));
            if step.min != step.max {
                break;
            }
        }
        head
    }

    /// How many of the first bytes are always the same.
    pub(crate) fn literal_len(&self) -> usize {
        self.0.iter().take_while(|step| step.max == 1 && step.set.len() == 1).count()
    }
}

fn walk(steps: &[Step], window: &Window<'_>, mut at: usize) -> Option<usize> {
    let mut rest = steps;
    while let Some((step, tail)) = rest.split_first() {
        let run = window.run(at, &step.set, usize::from(step.max));
        if run < usize::from(step.min) {
            return None;
        }
        if step.yields {
            return (usize::from(step.min)..=run).rev().find_map(|n| walk(tail, window, at + n));
        }
        (at, rest) = (at + run, tail);
    }
    Some(at)
}

struct Reader<'p> {
    rest: &'p [u8],
    fold: bool,
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Result<Vec<Vec<Step>>, String> {
        let (mut done, mut rows) = (Vec::new(), vec![Vec::new()]);
        loop {
            match self.rest {
                [] | [b')', ..] => {
                    done.append(&mut rows);
                    return Ok(done);
                }
                [b'|', tail @ ..] => {
                    self.rest = tail;
                    done.append(&mut rows);
                    rows.push(Vec::new());
                }
                [b'(', tail @ ..] => {
                    self.rest = tail;
                    let inner = self.alternatives()?;
                    let [b')', tail @ ..] = self.rest else {
                        return Err("a group is not closed".to_owned());
                    };
                    self.rest = tail;
                    let (min, max) = self.repeat()?;
                    rows = product(&rows, &inner, min, max);
                }
                _ => {
                    let set = self.set()?;
                    let set = if self.fold { set.folded() } else { set };
                    let (min, max) = self.repeat()?;
                    for row in &mut rows {
                        row.push(Step { set, min, max, yields: false });
                    }
                }
            }
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        let (byte, tail) = self.rest.split_first().ok_or("the form ends too early")?;
        self.rest = tail;
        Ok(*byte)
    }

    fn set(&mut self) -> Result<Set, String> {
        match self.byte()? {
            b'\\' => self.escape(),
            b'[' => {
                let mut set = Set::EMPTY;
                loop {
                    match self.byte()? {
                        b']' => return Ok(set),
                        b'\\' => set = set.union(&self.escape()?),
                        low => match self.rest {
                            [b'-', high, tail @ ..] if *high != b']' => {
                                set = set.union(&Set::of(&[low, *high], b""));
                                self.rest = tail;
                            }
                            _ => set = set.with(low),
                        },
                    }
                }
            }
            byte @ (b'.' | b'*' | b'+' | b'^' | b'$' | b'?' | b'{') => {
                Err(format!("`{}` must be escaped", char::from(byte)))
            }
            byte => Ok(Set::EMPTY.with(byte)),
        }
    }

    fn escape(&mut self) -> Result<Set, String> {
        Ok(match self.byte()? {
            b'd' => Set::DIGIT,
            b'w' => Set::WORD,
            byte => Set::EMPTY.with(byte),
        })
    }

    fn repeat(&mut self) -> Result<(u16, u16), String> {
        match self.rest {
            [b'?', tail @ ..] => {
                self.rest = tail;
                Ok((0, 1))
            }
            [b'{', tail @ ..] => {
                let end = memchr::memchr(b'}', tail).ok_or("a repetition is not closed")?;
                let (inner, tail) = tail.split_at(end);
                self.rest = tail.get(1..).unwrap_or_default();
                let inner = String::from_utf8_lossy(inner);
                let (min, max) = inner.split_once(',').unwrap_or((&inner, &inner));
                match (min.parse(), max.parse()) {
                    (Ok(min), Ok(max)) if min <= max && max <= REPEAT_MAX => Ok((min, max)),
                    _ => Err(format!("`{{{inner}}}` is no repetition up to {REPEAT_MAX}")),
                }
            }
            _ => Ok((1, 1)),
        }
    }
}

fn product(rows: &[Vec<Step>], inner: &[Vec<Step>], min: u16, max: u16) -> Vec<Vec<Step>> {
    let mut out = Vec::new();
    for row in rows {
        for times in (min..=max).rev() {
            let mut made = vec![row.clone()];
            for _ in 0..times {
                made = made
                    .iter()
                    .flat_map(|row| inner.iter().map(|tail| [row.as_slice(), tail].concat()))
                    .collect();
            }
            out.append(&mut made);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(form: &str, text: &str) -> Option<usize> {
        let window = Window::new(text.as_bytes(), 0, true);
        let shapes = Shape::parse(form, false).unwrap();
        shapes.iter().filter_map(|shape| shape.end(&window, 0)).max()
    }

    #[test]
    fn forms_match_like_regular_expressions() {
        for form in [r"ab[0-9]{2,4}", r"a(b|cd)?\.[x-z]{1,3}", r"[a-c]{1,5}cab", r"(\d{2}-){2}\w"] {
            let regex = regex_automata::meta::Regex::new(&format!("^(?:{form})")).unwrap();
            for text in ["ab12", "ab12345", "ab1", "a.xyz", "acd.zz", "aabbcab", "cab", "12-34-x"] {
                let want = regex.find(text).map(|found| found.end());
                assert_eq!(end(form, text), want, "{form} on {text}");
            }
        }
    }

    #[test]
    fn what_is_not_a_form_is_refused() {
        for wrong in ["a(b", "a)", "[ab", "a{2", "a{3,2}", "a{9999}", "a*", "a+", ".x", r"a\"] {
            assert!(Shape::parse(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn heads_are_fixed_in_length() {
        let shapes = Shape::parse("ab[0-9]{2}c{1,3}d", false).unwrap();
        assert_eq!(shapes[0].head().len(), 5);
        assert_eq!((shapes[0].literal_len(), shapes[0].len_max()), (2, 8));
    }
}
