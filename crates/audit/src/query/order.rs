//! Which end of a log comes first.

/// Which end of the log comes first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// As it was written.
    #[default]
    OldestFirst,
    /// Backwards.
    NewestFirst,
}
