//! The first look: which places of a text are worth a rule's time.
//!
//! Every rule names four neighbouring bytes, as sets, that each of its matches holds. Rules are
//! dealt into 64 buckets, and one table for each of the four bytes tells in which buckets it may
//! stand; a place is a candidate if all four tables agree on a bucket. That is four lookups a
//! byte for all rules together, whatever their number, with no dependence between neighbouring
//! places, so the processor overlaps them.

use super::set::Set;

/// How many neighbouring bytes are looked at.
pub(crate) const WIDTH: usize = 4;
const BUCKETS: usize = 64;
/// Places tested before the first branch.
const STRIDE: usize = 16;

/// The four sets of a rule.
pub(crate) type Mark = [Set; WIDTH];

/// Tables that name candidates, and what to try at them.
#[derive(Debug)]
pub(crate) struct Filter<T> {
    tables: [[u64; 256]; WIDTH],
    buckets: Vec<Vec<(Mark, T)>>,
}

impl<T: Copy> Filter<T> {
    /// Deals marks into buckets, alike ones together, so that few places fit a bucket by accident.
    pub(crate) fn new(mut marks: Vec<(Mark, T)>) -> Self {
        let key = |mark: &Mark| mark.map(|set| set.bytes().next().map(|b| b.to_ascii_lowercase()));
        marks.sort_by_key(|(mark, _)| (mark.map(|set| set.len() > 2), key(mark)));
        let mut groups: Vec<Vec<(Mark, T)>> = Vec::new();
        for (mark, what) in marks {
            match groups.last_mut() {
                Some(group) if group.iter().all(|(other, _)| *other == mark) => {
                    group.push((mark, what));
                }
                _ => groups.push(vec![(mark, what)]),
            }
        }
        while groups.len() > BUCKETS {
            merge_cheapest(&mut groups);
        }
        let mut tables = [[0_u64; 256]; WIDTH];
        for (bucket, group) in groups.iter().enumerate() {
            for (table, set) in tables.iter_mut().zip(joined(group)) {
                for (entry, byte) in table.iter_mut().zip(0..=u8::MAX) {
                    *entry |= u64::from(set.has(byte)) << bucket;
                }
            }
        }
        Self { tables, buckets: groups }
    }

    /// The first candidate from `from` on and before `to`, with its buckets.
    #[inline]
    pub(crate) fn next(&self, text: &[u8], from: usize, to: usize) -> Option<(usize, u64)> {
        let mut at = from;
        while at + STRIDE <= to {
            let Some(block) = text.get(at..at + STRIDE + WIDTH - 1) else { break };
            let Ok(block) = <&[u8; STRIDE + WIDTH - 1]>::try_from(block) else { break };
            let mut any = 0;
            for four in block.array_windows::<WIDTH>() {
                any |= self.fits(four);
            }
            if any != 0 {
                let found = block.array_windows().map(|four| self.fits(four)).enumerate();
                if let Some((step, mask)) = found.into_iter().find(|(_, mask)| *mask != 0) {
                    return Some((at + step, mask));
                }
            }
            at += STRIDE;
        }
        (at..to).find_map(|at| {
            let byte = |step: usize| text.get(at + step).copied().unwrap_or_default();
            let mask = self.fits(&[byte(0), byte(1), byte(2), byte(3)]);
            (mask != 0).then_some((at, mask))
        })
    }

    /// What to try at a candidate: the entries of its buckets whose own mark fits.
    pub(crate) fn entries<'f>(
        &'f self,
        mask: u64,
        four: [u8; WIDTH],
    ) -> impl Iterator<Item = T> + 'f {
        let mut rest = mask;
        let buckets = std::iter::from_fn(move || {
            let bucket = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            Some(bucket as usize)
        });
        buckets
            .filter_map(|bucket| self.buckets.get(bucket))
            .flatten()
            .filter(move |(mark, _)| mark.iter().zip(four).all(|(set, byte)| set.has(byte)))
            .map(|(_, what)| *what)
    }

    #[inline(always)]
    fn fits(&self, four: &[u8; WIDTH]) -> u64 {
        let [a, b, c, d] = &self.tables;
        let [w, x, y, z] = *four;
        look(a, w) & look(b, x) & look(c, y) & look(d, z)
    }
}

#[inline(always)]
fn look(table: &[u64; 256], byte: u8) -> u64 {
    table.get(usize::from(byte)).copied().unwrap_or_default()
}

fn joined<T>(group: &[(Mark, T)]) -> Mark {
    let mut sets = [Set::EMPTY; WIDTH];
    for (mark, _) in group {
        for (set, more) in sets.iter_mut().zip(mark) {
            *set = set.union(more);
        }
    }
    sets
}

/// How often a place fits by accident, from how common its bytes are.
pub(crate) fn cost(mark: &Mark) -> u64 {
    mark.iter().map(|set| set.bytes().map(weight).sum::<u64>().max(1)).product()
}

fn weight(byte: u8) -> u64 {
    match byte {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 20,
        b'a'..=b'z' => 9,
        b'0'..=b'9' => 8,
        b'A'..=b'Z' | b'.' | b',' | b'-' | b'_' | b':' | b'=' | b'/' | b'"' | b'\n' => 4,
        128.. => 1,
        _ => 2,
    }
}

/// Joins the two neighbours that cost the least together.
fn merge_cheapest<T>(groups: &mut Vec<Vec<(Mark, T)>>) {
    let marks: Vec<(Mark, u64)> =
        groups.iter().map(|group| joined(group)).map(|mark| (mark, cost(&mark))).collect();
    let mut best = (u64::MAX, 0);
    for (left, pair) in marks.array_windows::<2>().enumerate() {
        let [(mark, alone), (other, other_alone)] = pair;
        let mut both = *mark;
        both.iter_mut().zip(other).for_each(|(set, more)| *set = set.union(more));
        best = best.min((cost(&both).saturating_sub(alone + other_alone), left));
    }
    let (_, left) = best;
    let moved = groups.remove(left + 1);
    if let Some(group) = groups.get_mut(left) {
        group.extend(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(text: &str) -> Mark {
        let mut bytes = text.bytes();
        [(); WIDTH].map(|()| bytes.next().map_or(Set::ANY, |byte| Set::EMPTY.with(byte).folded()))
    }

    #[test]
    fn every_mark_is_found_wherever_it_stands() {
        let words: Vec<String> = (0..200).map(|n| format!("{:x}-{n}", n * 37)).collect();
        let marks = words.iter().enumerate().map(|(n, word)| (mark(word), n)).collect();
        let filter = Filter::new(marks);
        for (n, word) in words.iter().enumerate() {
            for pad in [0, 1, 7, 15, 16, 17, 40] {
                let text = [&" ".repeat(pad), word.as_str()].concat();
                let (at, mask) = filter.next(text.as_bytes(), 0, text.len()).unwrap();
                let mut four = text.as_bytes()[at..].iter().copied().chain([0; WIDTH]);
                let four = [(); WIDTH].map(|()| four.next().unwrap());
                assert_eq!(at, pad);
                assert!(filter.entries(mask, four).any(|found| found == n), "{word}");
            }
        }
        assert_eq!(filter.next(b"nothing of it here, not at all....", 0, 34), None);
    }
}
