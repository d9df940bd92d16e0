//! Which pieces of text came from where nobody is trusted: a filter that may say yes wrongly, and
//! never no.

use super::conversation::Unreadable;

/// How large each segment is, in words of 64 bits: a power of two each. A conversation begins small
/// and ends at 2 MiB.
const SEGMENT_WORDS: [usize; 10] =
    [1 << 11, 1 << 13, 1 << 14, 1 << 15, 1 << 15, 1 << 15, 1 << 15, 1 << 15, 1 << 15, 1 << 15];
/// How many bits stand for a piece.
const PROBES: u32 = 4;

/// Segments, filled one after the other until 30 of 100 bits of each are set. One piece is then
/// taken for another with a chance of 0.8 % per segment, 8 % in a full filter; a value counts as
/// copied when half of its pieces are found, so that a value of twenty letters is taken for copied
/// by chance once in 10,000 times.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    segments: Vec<Segment>,
    full: bool,
}

#[derive(Clone, Debug)]
struct Segment {
    words: Vec<u64>,
    set: usize,
}

impl Segment {
    fn new(words: usize) -> Self {
        Self { words: vec![0; words], set: 0 }
    }

    fn bits(&self, digest: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        // Two halves give any number of independent bits.
        let (first, step) = (digest, digest.rotate_left(32) | 1);
        // A remainder by a power of two, which a processor takes without a division.
        let last = self.words.len() as u64 - 1;
        (0..PROBES).map(move |probe| {
            let bit = first.wrapping_add(step.wrapping_mul(u64::from(probe))) >> 7;
            (usize::try_from((bit >> 6) & last).unwrap_or_default(), 1 << (bit & 63))
        })
    }

    fn contains(&self, digest: u64) -> bool {
        let is_set = |(at, bit)| self.words.get(at).is_some_and(|word| word & bit != 0);
        self.bits(digest).all(is_set)
    }

    fn insert(&mut self, digest: u64) {
        for (at, bit) in self.bits(digest) {
            if let Some(word) = self.words.get_mut(at) {
                self.set += usize::from(*word & bit == 0);
                *word |= bit;
            }
        }
    }

    fn is_filled(&self) -> bool {
        self.set * 10 >= self.words.len() * 64 * 3
    }
}

impl Filter {
    pub(super) fn contains(&self, digest: u64) -> bool {
        self.segments.iter().any(|segment| segment.contains(digest))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether there was more than fits. From then on nothing is known not to be in it.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Takes a piece in; `None` when it was there already, or there is no room.
    pub(super) fn insert(&mut self, digest: u64) -> Option<usize> {
        if self.full || self.contains(digest) {
            return None;
        }
        if self.segments.last().is_none_or(Segment::is_filled) {
            let Some(words) = SEGMENT_WORDS.get(self.segments.len()) else {
                self.full = true;
                return None;
            };
            self.segments.push(Segment::new(*words));
        }
        self.segments.last_mut()?.insert(digest);
        Some(self.segments.len() - 1)
    }

    pub(super) fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.words.capacity() * size_of::<u64>()).sum()
    }

    pub(super) fn segment(&self, place: usize) -> Vec<u8> {
        let words = self.segments.get(place).map(|segment| &segment.words);
        words.into_iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Puts a segment back as it was kept. Segments come in order.
    pub(super) fn restore(&mut self, place: usize, bytes: &[u8]) -> Result<(), Unreadable> {
        let expected = SEGMENT_WORDS.get(place).map(|words| words * size_of::<u64>());
        if place != self.segments.len() || expected != Some(bytes.len()) {
            return Err(Unreadable("a segment"));
        }
        let (chunks, _) = bytes.as_chunks::<8>();
        let words: Vec<u64> = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        let set = words.iter().map(|word| word.count_ones() as usize).sum();
        self.segments.push(Segment { words, set });
        Ok(())
    }

    pub(super) fn mark_full(&mut self) {
        self.full = true;
    }
}
