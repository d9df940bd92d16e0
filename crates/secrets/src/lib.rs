//! Secrets at rest.
//!
//! [`seal`] encrypts a text under a data key of its own and wraps that key with the master key;
//! it is pure, and its random bytes are passed in. [`SealedFile`] keeps named secrets in one file
//! of that form, and [`MasterKey`] is read from a file that nobody else may read. The master key
//! can be kept elsewhere than what it seals, so that a copied state folder gives nothing away.
//!
//! A file is only ever replaced whole: after a crash there is the old one or the new one.
#![forbid(unsafe_code)]

mod content;
mod error;
mod master;
mod replace;
mod seal;
mod sealed_file;

pub use error::SecretsError;
pub use master::MasterKey;
pub use seal::{SEAL_RANDOM_BYTES, SealError, open, seal};
pub use sealed_file::{SEALED_BYTES_MAX, SealedFile};
