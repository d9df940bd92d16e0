//! Which outputs were heard lately, so that one that comes again need not be read again.

/// How many are remembered: what an agent asks for over and over seldom takes turns with more.
const OUTPUTS_MAX: usize = 8;

/// The digests of the outputs that were heard last. Nothing is decided by them: an output of which
/// every piece is known brings nothing new, whether it is read again or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Lately {
    digests: [Option<u128>; OUTPUTS_MAX],
    next: usize,
}

impl Lately {
    pub(super) fn has(&self, digest: u128) -> bool {
        self.digests.contains(&Some(digest))
    }

    /// Remembers one in place of the oldest.
    pub(super) fn note(&mut self, digest: u128) {
        if let Some(slot) = self.digests.get_mut(self.next % OUTPUTS_MAX) {
            *slot = Some(digest);
            self.next += 1;
        }
    }
}
