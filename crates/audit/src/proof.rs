//! Proofs: that one record is in a log, and that one log is the beginning of another.
//!
//! Both are the roots of a few ranges of leaves. [`ProofPlan`] says which, and takes the leaves of
//! the log one after another, so that a proof needs no more memory than itself.

use std::ops::Range;

use crate::tree::{Hash, Tree, node_hash};

/// The ranges whose roots make up a proof, while leaves are going by.
#[derive(Clone, Debug)]
pub struct ProofPlan {
    /// In the order of the proof.
    ranges: Vec<(Range<u64>, Tree)>,
}

impl ProofPlan {
    /// The proof that the leaf `index` is in the tree of the first `size` leaves; `None` when it
    /// is not.
    #[must_use]
    pub fn of_inclusion(index: u64, size: u64) -> Option<Self> {
        let mut ranges = Vec::new();
        let mut within = (index < size).then_some(0..size)?;
        while within.end - within.start > 1 {
            let split = split(&within);
            let (left, right) = (within.start..split, split..within.end);
            let (inside, beside) = if index < split { (left, right) } else { (right, left) };
            ranges.push(beside);
            within = inside;
        }
        // From the leaf to the root.
        ranges.reverse();
        Some(Self::of(ranges))
    }

    /// The proof that the tree of the first `old` leaves is the beginning of that of the first
    /// `new`; `None` when it cannot be, or when there is nothing to prove.
    #[must_use]
    pub fn of_consistency(old: u64, new: u64) -> Option<Self> {
        let mut ranges = Vec::new();
        let mut within = (0 < old && old < new).then_some(0..new)?;
        let mut whole = true;
        while within.end != old {
            let split = split(&within);
            if old <= split {
                ranges.push(split..within.end);
                within.end = split;
            } else {
                ranges.push(within.start..split);
                (within.start, whole) = (split, false);
            }
        }
        if !whole {
            ranges.push(within);
        }
        ranges.reverse();
        Some(Self::of(ranges))
    }

    fn of(ranges: Vec<Range<u64>>) -> Self {
        let ranges = ranges.into_iter().map(|range| (range.clone(), Tree::from(range.start)));
        Self { ranges: ranges.collect() }
    }

    /// Takes what is left of leaves that are gone: the tree over all before the first that is there.
    /// A proof of any leaf from there on needs no more of them. It comes before all other leaves.
    pub fn push_gone(&mut self, gone: &Tree) {
        for (range, tree) in &mut self.ranges {
            *tree = gone.within(range);
        }
    }

    /// Takes the leaf of an index. Leaves come in order, each once.
    pub fn push(&mut self, index: u64, leaf: Hash) {
        for (range, tree) in &mut self.ranges {
            if range.contains(&index) {
                tree.push(leaf);
            }
        }
    }

    /// The proof, once all leaves of the tree have gone by; `None` when some have not.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Hash>> {
        let whole = self.ranges.iter().all(|(range, tree)| tree.end() == range.end);
        whole.then(|| self.ranges.iter().map(|(_, tree)| tree.root()).collect())
    }
}

/// Where a tree over these leaves is split: behind the largest power of two that is smaller.
fn split(range: &Range<u64>) -> u64 {
    let leaves = range.end - range.start;
    range.start + (1_u64 << (leaves - 1).checked_ilog2().unwrap_or(0))
}

/// The root of the tree of `size` leaves in which `leaf` has this index, by its proof (RFC 9162,
/// 2.1.3.2); `None` when the proof has not that tree's shape.
#[must_use]
pub fn root_by_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash]) -> Option<Hash> {
    let (mut node, mut last) = (index, (index < size).then(|| size - 1)?);
    let mut root = *leaf;
    for hash in proof {
        if last == 0 {
            return None;
        }
        if node % 2 == 1 || node == last {
            root = node_hash(hash, &root);
            while node % 2 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            root = node_hash(&root, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether the tree of `old` leaves with this root is the beginning of the other, by its proof
/// (RFC 9162, 2.1.4.2).
#[must_use]
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size >= new_size {
        return old_size == new_size && old_root == new_root && proof.is_empty();
    }
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node % 2 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let mut hashes = proof.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            old_hash = node_hash(hash, &old_hash);
            new_hash = node_hash(hash, &new_hash);
            while node % 2 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::leaf_hash;

    fn leaf(index: u64) -> Hash {
        leaf_hash(&index.to_be_bytes())
    }

    fn root(size: u64) -> Hash {
        let mut tree = Tree::from(0);
        (0..size).for_each(|index| tree.push(leaf(index)));
        tree.root()
    }

    fn prove(mut plan: ProofPlan, size: u64) -> Vec<Hash> {
        (0..size).for_each(|index| plan.push(index, leaf(index)));
        plan.finish().unwrap()
    }

    #[test]
    fn every_leaf_of_every_tree_is_proved_to_be_in_it() {
        for size in 1..70 {
            for index in 0..size {
                let proof = prove(ProofPlan::of_inclusion(index, size).unwrap(), size);
                let proved = |index, leaf: &Hash| root_by_inclusion(index, size, leaf, &proof);
                assert_eq!(proved(index, &leaf(index)), Some(root(size)), "{index} of {size}");
                assert_ne!(proved(index, &leaf(index + 1)), Some(root(size)));
                assert_ne!(proved((index + 1) % (size + 1), &leaf(index)), Some(root(size)));
            }
            assert!(ProofPlan::of_inclusion(size, size).is_none());
        }
    }

    #[test]
    fn every_beginning_of_every_tree_is_proved_to_be_one() {
        for new in 1..70 {
            for old in 1..new {
                let proof = prove(ProofPlan::of_consistency(old, new).unwrap(), new);
                let (old_root, new_root) = (root(old), root(new));
                assert!(is_consistent((old, &old_root), (new, &new_root), &proof), "{old}, {new}");
                let other = leaf(9);
                assert!(!is_consistent((old, &other), (new, &new_root), &proof));
                assert!(!is_consistent((old, &old_root), (new, &other), &proof));
            }
            assert!(is_consistent((new, &root(new)), (new, &root(new)), &[]));
            assert!(ProofPlan::of_consistency(new, new).is_none());
        }
    }

    #[test]
    fn what_is_left_is_proved_without_what_is_gone() {
        for size in 1..20 {
            for (gone, index) in (0..size).flat_map(|gone| (gone..size).map(move |at| (gone, at))) {
                let mut before = Tree::from(0);
                (0..gone).for_each(|index| before.push(leaf(index)));
                let mut plan = ProofPlan::of_inclusion(index, size).unwrap();
                plan.push_gone(&before);
                (gone..size).for_each(|index| plan.push(index, leaf(index)));
                let proof = plan.finish().unwrap();
                let proved = root_by_inclusion(index, size, &leaf(index), &proof);
                assert_eq!(proved, Some(root(size)), "{index} of {size}, {gone} gone");
            }
        }
    }

    #[test]
    fn a_proof_over_missing_leaves_is_none() {
        let mut plan = ProofPlan::of_inclusion(3, 9).unwrap();
        (0..8).for_each(|index| plan.push(index, leaf(index)));
        assert_eq!(plan.finish(), None);
    }

    proptest! {
        #[test]
        fn no_proof_makes_the_verifiers_panic(
            sizes in (any::<u64>(), any::<u64>()), proof in prop::collection::vec(any::<Hash>(), 0..70),
        ) {
            let _ = root_by_inclusion(sizes.0, sizes.1, &leaf(0), &proof);
            let _ = is_consistent((sizes.0, &leaf(0)), (sizes.1, &leaf(1)), &proof);
        }

        #[test]
        fn a_proof_with_a_changed_hash_proves_nothing(
            size in 2..100_u64, index in 0..100_u64, at in any::<prop::sample::Index>(), bit in 0..8_u32,
        ) {
            let index = index % size;
            let mut proof = prove(ProofPlan::of_inclusion(index, size).unwrap(), size);
            let at = at.index(proof.len());
            proof[at][3] ^= 1_u8 << bit;
            prop_assert_ne!(root_by_inclusion(index, size, &leaf(index), &proof), Some(root(size)));
        }
    }
}
