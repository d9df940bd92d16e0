//! Consumer mode: the hooks are there and do nothing.
//!
//! `enforcement: off` is a path of its own with types of its own. Nothing here can become a
//! `Recorded<Permit>`, so what was never judged is never taken for allowed.

use bakerst_model::ToolCall;

/// The hooks of consumer mode: no allocation, no wait, no judgement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passthrough;

/// What consumer mode says to a call: nothing was checked.
#[must_use]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unguarded(());

impl Passthrough {
    /// Lets a call pass unseen.
    #[inline]
    pub fn before(self, _call: &ToolCall) -> Unguarded {
        Unguarded(())
    }

    /// Lets a result pass unseen.
    #[inline]
    pub fn after<T>(self, result: T) -> (T, Unguarded) {
        (result, Unguarded(()))
    }
}
