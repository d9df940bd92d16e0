//! Who makes room where there is no more: what one client fills, others do not pay for.

use std::collections::HashMap;

use super::super::session::Owner;

/// Something that takes room.
pub(crate) struct Taken<K, S> {
    /// What it is known by.
    pub(crate) key: K,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// Whether it is in use.
    pub(crate) is_used: bool,
    /// Since when it is there, or unused.
    pub(crate) since: S,
}

/// What goes first to make room for one more of this owner's, and whether whose that is has more than
/// an equal share of all room: those who do go before anybody else, and among equals what is unused,
/// and for longest.
pub(crate) fn first_to_go<K, S: Ord>(
    taken: impl Iterator<Item = Taken<K, S>>,
    new: &Owner,
    max: usize,
) -> Option<(K, bool)> {
    let taken: Vec<_> = taken.collect();
    let mut owners = HashMap::from([(*new, 1_usize)]);
    for one in &taken {
        *owners.entry(one.owner).or_default() += 1;
    }
    let is_greedy = |one: &Taken<K, S>| {
        owners.get(&one.owner).is_some_and(|held| held.saturating_mul(owners.len()) > max)
    };
    let first = taken.iter().enumerate();
    let first = first.min_by_key(|(_, one)| (!is_greedy(one), one.is_used, &one.since));
    let (at, greedy) = first.map(|(at, one)| (at, is_greedy(one)))?;
    taken.into_iter().nth(at).map(|one| (one.key, greedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(letter: char) -> Owner {
        Owner::new(&letter.to_ascii_lowercase().to_string(), "", "")
    }

    /// One of each letter, in the order of their age; capital ones are in use.
    fn goes(all: &str, new: char) -> Option<(usize, bool)> {
        let taken = all.chars().enumerate().map(|(at, letter)| Taken {
            key: at,
            owner: owner(letter),
            is_used: letter.is_ascii_uppercase(),
            since: at,
        });
        first_to_go(taken, &owner(new), 4)
    }

    #[test]
    fn whoever_has_more_than_a_share_makes_room_first() {
        for (all, new, want) in [
            ("", 'a', None),
            ("a", 'a', Some((0, false))),
            ("aaaa", 'a', Some((0, true))),
            ("AaAa", 'a', Some((1, true))),
            ("AAAA", 'a', Some((0, true))),
            ("aaaa", 'b', Some((0, true))),
            ("abab", 'a', Some((0, true))),
            ("abab", 'b', Some((1, true))),
            ("baaa", 'b', Some((1, true))),
            ("bAAA", 'b', Some((1, true))),
            ("bAAa", 'b', Some((3, true))),
            ("abcd", 'd', Some((3, true))),
            ("abab", 'c', Some((0, true))),
        ] {
            assert_eq!(goes(all, new), want, "{all} {new}");
        }
    }
}
