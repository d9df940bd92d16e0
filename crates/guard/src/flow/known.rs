//! Digests of what is trusted, exactly and in bounded room.

/// A sorted set of digests that grows to a bound and then takes no more: what it does not hold is
/// not known, and what is not known is not trusted.
#[derive(Clone, Debug)]
pub(super) struct Known {
    digests: Vec<u64>,
    max: usize,
    full: bool,
}

impl Known {
    pub(super) fn new(max: usize) -> Self {
        Self { digests: Vec::new(), max, full: false }
    }

    pub(super) fn contains(&self, digest: u64) -> bool {
        self.digests.binary_search(&digest).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Takes in what is new, as far as there is room, and says what that was.
    pub(super) fn learn(&mut self, mut digests: Vec<u64>) -> Vec<u64> {
        digests.sort_unstable();
        digests.dedup();
        digests.retain(|digest| !self.contains(*digest));
        // Most outputs bring nothing new, and sorting what is sorted takes its time too.
        if digests.is_empty() {
            return digests;
        }
        let room = self.max - self.digests.len();
        if digests.len() > room {
            self.full = true;
            digests.truncate(room);
        }
        self.digests.reserve_exact(digests.len());
        self.digests.extend(&digests);
        self.digests.sort();
        digests
    }

    pub(super) fn bytes(&self) -> usize {
        self.digests.capacity() * size_of::<u64>()
    }
}
