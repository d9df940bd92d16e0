//! Inputs that records must not hold as they are: sealed on their way into the log, and opened for
//! whoever takes decisions again.

use std::sync::Arc;

use bakerst_audit::sealed_input::{open_input, seal_input};
use bakerst_model::{Appending, Digest, Event, Journal, JournalError, Secret};
use bakerst_secrets::{MasterKey, SEAL_RANDOM_BYTES, open, seal};

/// The name under which the key is kept.
pub(crate) const INPUT_KEY: &str = "input-key";
/// What sealed inputs are for, so that nothing else passes for one.
const AAD: &[u8] = b"recorded input";

/// The key of all sealed inputs.
pub(crate) struct InputKey(MasterKey);

impl InputKey {
    /// The key as it is kept.
    pub(crate) fn of(secret: &Secret) -> Self {
        let derived = Digest::of_parts(&[b"bakerst input key v1", secret.expose()]);
        Self(MasterKey::new(*derived.as_bytes()))
    }

    /// The input that a record holds sealed.
    pub(crate) fn open(&self, sealed: &str) -> Option<String> {
        open_input(sealed, |bytes| open(&self.0, bytes, AAD).ok().map(|plain| plain.to_vec()))
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut random = [0; SEAL_RANDOM_BYTES];
        getrandom::fill(&mut random).ok()?;
        seal(&self.0, plain, AAD, &random).ok()
    }
}

/// A journal that seals what events withhold. One without this drops it.
pub(crate) struct InputSealer {
    inner: Arc<dyn Journal>,
    key: InputKey,
}

impl InputSealer {
    pub(crate) fn new(inner: Arc<dyn Journal>, key: InputKey) -> Self {
        Self { inner, key }
    }
}

impl Journal for InputSealer {
    fn append(&self, event: Event) -> Appending<'_> {
        match seal_input(event, |plain| self.key.seal(plain)) {
            Ok(event) => self.inner.append(event),
            Err(why) => {
                let why = format!("its input cannot be sealed: {why}");
                Appending::done(Err(JournalError::Unwritable(why.into())))
            }
        }
    }
}
