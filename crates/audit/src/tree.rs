//! The tree over a log: RFC 6962, whose leaves are the lines of the log.
//!
//! A [`Tree`] holds the roots of the largest complete subtrees of a range of leaves, so it is
//! small whatever the log's length, it grows leaf by leaf, and those of two neighbouring ranges
//! join: a log is hashed in pieces at once.

use std::ops::Range;

use bakerst_model::Digest;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of a leaf or a node.
pub type Hash = [u8; 32];

/// The subtrees of a range of leaves.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tree {
    begin: u64,
    end: u64,
    peaks: Vec<Peak>,
}

/// The root of a complete subtree of `2^level` leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Peak {
    level: u32,
    hash: Hash,
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(bytes);
    hash.finalize().into()
}

/// The hash of a node over its two children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    let (halves, _) = bytes.get_mut(1..).unwrap_or_default().as_chunks_mut::<32>();
    for (half, child) in halves.iter_mut().zip([left, right]) {
        *half = *child;
    }
    Sha256::digest(bytes).into()
}

impl Tree {
    /// No leaves yet; the first will have the index `begin`.
    #[must_use]
    pub fn from(begin: u64) -> Self {
        // One peak for each bit of a length, so that none is ever added by allocating.
        Self { begin, end: begin, peaks: Vec::with_capacity(64) }
    }

    /// The tree of `size` leaves whose peaks these are, the largest first; `None` when there are
    /// not as many as such a tree has.
    #[must_use]
    pub fn of_peaks(size: u64, hashes: &[Hash]) -> Option<Self> {
        let mut tree = Self::from(0);
        let levels = (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1);
        tree.peaks.extend(levels.zip(hashes).map(|(level, hash)| Peak { level, hash: *hash }));
        tree.end = size;
        (hashes.len() == size.count_ones() as usize).then_some(tree)
    }

    /// The peaks, the largest first.
    pub fn peaks(&self) -> impl Iterator<Item = &Hash> {
        self.peaks.iter().map(|peak| &peak.hash)
    }

    /// What this tree knows of a range: the peaks that lie in it, from its start on.
    pub(crate) fn within(&self, range: &Range<u64>) -> Self {
        let mut part = Self::from(range.start);
        let mut begin = self.begin;
        for peak in &self.peaks {
            let end = begin + (1 << peak.level);
            if begin == part.end && end <= range.end {
                part.add(*peak);
            }
            begin = end;
        }
        part
    }

    /// The index of the next leaf; the size of a tree that begins at 0.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.add(Peak { level: 0, hash: leaf });
    }

    /// Adds the leaves of the range that follows this one. Whether it does follow; nothing is
    /// added otherwise.
    pub fn join(&mut self, next: &Self) -> bool {
        let follows = next.begin == self.end;
        if follows {
            next.peaks.iter().for_each(|peak| self.add(*peak));
        }
        follows
    }

    /// The root: of the whole tree where the range begins at 0.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.peaks.iter().rev();
        match smallest_first.next() {
            None => Sha256::digest(b"").into(),
            Some(last) => {
                smallest_first.fold(last.hash, |right, left| node_hash(&left.hash, &right))
            }
        }
    }

    /// The root as a digest.
    #[must_use]
    pub fn root_digest(&self) -> Digest {
        Digest::from_bytes(self.root())
    }

    fn add(&mut self, mut peak: Peak) {
        self.end += 1 << peak.level;
        while let Some(left) = self.peaks.last().copied().filter(|left| left.level == peak.level) {
            // Two neighbours of one size are a pair if the left one is a left child.
            let pair = 2 << left.level;
            if !self.end.is_multiple_of(pair) {
                break;
            }
            self.peaks.pop();
            peak = Peak { level: left.level + 1, hash: node_hash(&left.hash, &peak.hash) };
        }
        self.peaks.push(peak);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hex;

    /// The leaves and roots that implementations of Certificate Transparency are tested with.
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn bytes(digits: &str) -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2);
        pairs.map(|pair| hex::parse::<1>(pair).unwrap()[0]).collect()
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let mut tree = Tree::from(0);
        assert_eq!(hex::text(&tree.root()), ROOTS[0]);
        for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            tree.push(leaf_hash(&bytes(leaf)));
            assert_eq!(hex::text(&tree.root()), *root);
        }
    }

    /// The definition of RFC 6962, word by word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [one] => *one,
            more => {
                let split = (more.len().next_power_of_two() / 2).min(more.len() - 1);
                let (left, right) = more.split_at(split);
                node_hash(&by_definition(left), &by_definition(right))
            }
        }
    }

    pub(crate) fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_tree_of_the_definition(
            n in 0..200_usize, mut cuts in prop::collection::vec(0..200_usize, 0..6),
        ) {
            let leaves = leaves(n);
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(n));
            cuts.extend([0, n]);
            cuts.sort_unstable();
            let mut whole = Tree::from(0);
            for range in cuts.windows(2) {
                let mut piece = Tree::from(range[0] as u64);
                leaves[range[0]..range[1]].iter().for_each(|leaf| piece.push(*leaf));
                prop_assert!(whole.join(&piece));
                let peaks: Vec<Hash> = whole.peaks().copied().collect();
                prop_assert_eq!(Tree::of_peaks(whole.end(), &peaks), Some(whole.clone()));
            }
            prop_assert_eq!(whole.root(), by_definition(&leaves));
            prop_assert!(!whole.clone().join(&Tree::from(n as u64 + 1)));
        }
    }
}
