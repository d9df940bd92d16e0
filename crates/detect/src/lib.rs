//! Text in, findings out.
//!
//! Nothing here knows what a tool, a policy or a verdict is: [`injection`] scores how much a text
//! reads like instructions to a model, [`redact`] finds and replaces secrets and personal data,
//! [`command`] tells what a command line would run, and [`pattern`] matches words that a policy
//! names. [`normalise`] takes disguises off first, and [`specimen`] makes texts to
//! measure all of it on. The guards decide what follows from it.
//!
//! Everything runs in time linear in the text, in bounded memory, and never panics on any input.
#![forbid(unsafe_code)]

pub mod command;
pub mod injection;
pub mod normalise;
pub mod pattern;
pub mod redact;
pub mod specimen;
