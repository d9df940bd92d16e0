//! Which tool brought which piece: enough to tell a person, in bounded room.

/// How many pieces have their origin kept.
const ENTRIES_MAX: usize = 24 << 10;

/// A sample of pieces with the place of their tool in a list. Each time it is full, every second
/// piece is let go, by digest: what remains is spread evenly over all outputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    entries: Vec<(u32, u16)>,
    /// Only digests that end in this many zeros are kept.
    zeros: u32,
}

impl Origins {
    /// Whether a piece is one to be kept, and was in no output that was learnt.
    pub(super) fn lacks(&self, digest: u64) -> bool {
        digest.trailing_zeros() >= self.zeros && self.tool_of(short(digest)).is_none()
    }

    /// Keeps where the pieces came from that it lacks.
    pub(super) fn learn(&mut self, lacking: &[u64], tool: u16) {
        let mut new: Vec<(u32, u16)> =
            lacking.iter().map(|digest| (short(*digest), tool)).collect();
        new.sort_unstable();
        new.dedup();
        self.entries.extend(new);
        self.entries.sort_unstable();
        while self.entries.len() > ENTRIES_MAX {
            self.zeros += 1;
            let zeros = self.zeros;
            self.entries.retain(|(digest, _)| digest.trailing_zeros() >= zeros);
        }
        self.entries.shrink_to(ENTRIES_MAX);
    }

    /// The tool that most of these pieces came from.
    pub(super) fn most(&self, digests: impl Iterator<Item = u64>) -> Option<u16> {
        let sampled = digests.filter(|digest| digest.trailing_zeros() >= self.zeros);
        let mut tools: Vec<u16> =
            sampled.filter_map(|digest| self.tool_of(short(digest))).collect();
        tools.sort_unstable();
        tools.chunk_by(|a, b| a == b).max_by_key(|same| same.len())?.first().copied()
    }

    fn tool_of(&self, digest: u32) -> Option<u16> {
        let at = self.entries.partition_point(|(known, _)| *known < digest);
        self.entries.get(at).filter(|(known, _)| *known == digest).map(|(_, tool)| *tool)
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(u32, u16)>()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let entries = self.entries.iter().flat_map(|(digest, tool)| {
            let [a, b, c, d] = digest.to_le_bytes();
            let [e, f] = tool.to_le_bytes();
            [a, b, c, d, e, f]
        });
        self.zeros.to_le_bytes().into_iter().chain(entries).collect()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (zeros, rest) = bytes.split_first_chunk::<4>()?;
        let (entries, left) = rest.as_chunks::<6>();
        if !left.is_empty() || entries.len() > ENTRIES_MAX {
            return None;
        }
        let read = |[a, b, c, d, e, f]: &[u8; 6]| {
            (u32::from_le_bytes([*a, *b, *c, *d]), u16::from_le_bytes([*e, *f]))
        };
        let mut entries: Vec<_> = entries.iter().map(read).collect();
        entries.sort_unstable();
        Some(Self { entries, zeros: u32::from_le_bytes(*zeros).min(32) })
    }
}

/// The lower half: its last bits are those that are sampled by.
#[expect(clippy::cast_possible_truncation, reason = "half of a digest is meant")]
fn short(digest: u64) -> u32 {
    digest as u32
}
