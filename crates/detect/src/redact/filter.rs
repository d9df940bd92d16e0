//! The first look: which places of a text are worth a rule's time.
//!
//! Every rule names neighbouring bytes, as sets, that each of its matches holds. Rules are dealt
//! into 64 buckets, and one table for each of the bytes tells in which buckets it may stand; a
//! place is a candidate if the tables of the first four agree on a bucket. That is four lookups a
//! byte for all rules together, whatever their number, with no dependence between neighbouring
//! places, so the processor overlaps them.

use super::set::Set;

/// How many neighbouring bytes a mark has.
pub(crate) const WIDTH: usize = 6;
/// How many of them every place is tested for; the others are looked at where those agree.
const FIRST: usize = 6;
const BUCKETS: usize = 64;
/// Places tested before the first branch.
pub(crate) const STRIDE: usize = 8;

/// The sets of neighbouring bytes of a rule.
pub(crate) type Mark = [Set; WIDTH];

/// Tables that name candidates, and what to try at them.
#[derive(Debug)]
pub(crate) struct Filter<T> {
    tables: [[u64; 256]; WIDTH],
    buckets: Vec<Vec<(Mark, T)>>,
}

impl<T: Copy> Filter<T> {
    /// Deals marks into buckets, alike ones together, so that few places fit a bucket by accident.
    /// The first `alone` marks, those that fit most often, get a bucket each.
    pub(crate) fn new(mut marks: Vec<(Mark, T)>, alone: usize) -> Self {
        let rest = marks.split_off(alone.min(marks.len()));
        let alone: Vec<_> = marks.into_iter().map(|mark| vec![mark]).collect();
        let mut marks = rest;
        marks.sort_by_key(|(mark, _)| mark.map(|set| set.words()));
        let mut groups: Vec<Vec<(Mark, T)>> = Vec::new();
        for (mark, what) in marks {
            match groups.last_mut() {
                Some(group) if group.iter().all(|(other, _)| *other == mark) => {
                    group.push((mark, what));
                }
                _ => groups.push(vec![(mark, what)]),
            }
        }
        let mut groups = cluster(groups, BUCKETS - alone.len().min(BUCKETS));
        groups.extend(alone);
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

    /// The candidates from `from` on and before `to`, in order.
    pub(crate) fn candidates<'f>(
        &'f self,
        text: &'f [u8],
        from: usize,
        to: usize,
    ) -> Candidates<'f, T> {
        Candidates { filter: self, text, block: from, next: from, bits: 0, to }
    }

    /// What to try at a candidate: the entries whose own mark fits.
    pub(crate) fn entries<'f>(&'f self, bytes: [u8; WIDTH]) -> impl Iterator<Item = T> + 'f {
        let mut rest = self
            .tables
            .iter()
            .zip(bytes)
            .fold(u64::MAX, |mask, (table, byte)| mask & look(table, byte));
        let buckets = std::iter::from_fn(move || {
            let bucket = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            Some(bucket as usize)
        });
        // The mark of a bucket with one entry is the mark of the entry, and was tested just now.
        let own = move |mark: &Mark| mark.iter().zip(bytes).all(|(set, byte)| set.has(byte));
        buckets.filter_map(|bucket| self.buckets.get(bucket)).flat_map(move |bucket| {
            let lone = bucket.len() == 1;
            bucket.iter().filter(move |(mark, _)| lone || own(mark)).map(|(_, what)| *what)
        })
    }

    #[inline(always)]
    fn fits(&self, four: &[u8; FIRST]) -> u64 {
        let [a, b, c, d, e, f] = &self.tables;
        let [u, v, w, x, y, z] = *four;
        look(a, u) & look(b, v) & look(c, w) & look(d, x) & look(e, y) & look(f, z)
    }
}

/// The places of a text that some bucket fits.
#[derive(Debug)]
pub(crate) struct Candidates<'f, T> {
    filter: &'f Filter<T>,
    text: &'f [u8],
    /// The block that `bits` tells about, and where the next one begins.
    block: usize,
    next: usize,
    bits: u32,
    to: usize,
}

impl<T: Copy> Candidates<'_, T> {
    /// Tests the next places until some fit; false at the end.
    #[inline]
    fn refill(&mut self) -> bool {
        while self.next + STRIDE <= self.to {
            let bytes =
                self.text.get(self.next..self.next + STRIDE + FIRST - 1).unwrap_or_default();
            let Ok(bytes) = <&[u8; STRIDE + FIRST - 1]>::try_from(bytes) else { break };
            let fours = || bytes.array_windows::<FIRST>();
            let any = fours().fold(0, |any, four| any | self.filter.fits(four));
            self.block = self.next;
            self.next += STRIDE;
            if any != 0 {
                let fits = fours().map(|four| u32::from(self.filter.fits(four) != 0));
                self.bits = fits.enumerate().fold(0, |bits, (step, fits)| bits | fits << step);
                return true;
            }
        }
        while self.next < self.to {
            let byte = |step: usize| self.text.get(self.next + step).copied().unwrap_or_default();
            self.bits = u32::from(
                self.filter.fits(&[byte(0), byte(1), byte(2), byte(3), byte(4), byte(5)]) != 0,
            );
            self.block = self.next;
            self.next += 1;
            if self.bits != 0 {
                return true;
            }
        }
        false
    }
}

impl<T: Copy> Iterator for Candidates<'_, T> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.bits == 0 && !self.refill() {
            return None;
        }
        let step = self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        Some(self.block + step as usize)
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
    mark.iter().map(|set| weight(set).max(1)).product()
}

/// How common the bytes of a set are in prose, code and logs, in about thousandths; digits count
/// for more, since they come in runs.
fn weight(set: &Set) -> u64 {
    const CLASSES: [(Set, u64); 6] = [
        (Set::of(b"", b" etaoinsr"), 20),
        (Set::of(b"az", b""), 5),
        (Set::of(b"09", b""), 30),
        (Set::of(b"", b".,-_:=/\"\n"), 10),
        (Set::of(b"AZ", b""), 2),
        (Set::of(b"\x00\x7F", b""), 1),
    ];
    CLASSES.iter().map(|(class, weight)| u64::from(set.common(class)) * weight).sum()
}

/// A group with its joined mark and what that costs, until it is joined to another one.
type Slot<T> = Option<(Mark, u64, Vec<(Mark, T)>)>;

/// Joins the two groups that cost the least together until there are no more than buckets.
fn cluster<T>(groups: Vec<Vec<(Mark, T)>>, buckets: usize) -> Vec<Vec<(Mark, T)>> {
    let slot = |group: Vec<(Mark, T)>| {
        let mark = joined(&group);
        Some((mark, cost(&mark), group))
    };
    let mut slots: Vec<Slot<T>> = groups.into_iter().map(slot).collect();
    let mut best: Vec<(u64, usize)> = (0..slots.len()).map(|row| cheapest(&slots, row)).collect();
    for _ in buckets..slots.len() {
        let Some((row, &(_, column))) = best.iter().enumerate().min_by_key(|(_, best)| **best)
        else {
            break;
        };
        let taken = slots.get_mut(column).and_then(Option::take);
        if let (Some(Some((mark, costs, group))), Some((more, _, moved))) =
            (slots.get_mut(row), taken)
        {
            *mark = union(mark, &more);
            *costs = cost(mark);
            group.extend(moved);
        }
        for at in 0..best.len() {
            let stale = at == row
                || at == column
                || best.get(at).is_some_and(|(_, with)| *with == row || *with == column);
            if let (true, Some(entry)) = (stale, best.get_mut(at)) {
                *entry = cheapest(&slots, at);
            }
        }
    }
    slots.into_iter().flatten().map(|(_, _, group)| group).collect()
}

/// The cheapest partner of a group among those after it, and what joining them adds.
fn cheapest<T>(slots: &[Slot<T>], row: usize) -> (u64, usize) {
    let Some(Some((mark, costs, _))) = slots.get(row) else { return (u64::MAX, row) };
    let later = slots.iter().enumerate().skip(row + 1);
    let added = later.filter_map(|(column, slot)| {
        let (other, others, _) = slot.as_ref()?;
        Some((cost(&union(mark, other)).saturating_sub(costs + others), column))
    });
    added.min().unwrap_or((u64::MAX, row))
}

fn union(mark: &Mark, other: &Mark) -> Mark {
    let mut both = *mark;
    both.iter_mut().zip(other).for_each(|(set, more)| *set = set.union(more));
    both
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
        let filter = Filter::new(marks, 2);
        for (n, word) in words.iter().enumerate() {
            for pad in [0, 1, 7, 15, 16, 17, 40] {
                let text = [&" ".repeat(pad), word.as_str()].concat();
                let at = filter.candidates(text.as_bytes(), 0, text.len()).next().unwrap();
                let mut bytes = text.as_bytes()[at..].iter().copied().chain([0; WIDTH]);
                let bytes = [(); WIDTH].map(|()| bytes.next().unwrap());
                assert_eq!(at, pad);
                assert!(filter.entries(bytes).any(|found| found == n), "{word}");
            }
        }
        assert_eq!(filter.candidates(b"nothing of it here, not at all....", 0, 34).next(), None);
    }
}
