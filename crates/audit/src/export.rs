//! Records in forms that other tools read.
//!
//! [`Table`] writes Parquet: a few columns for what everybody asks for, and the detail as JSON. It
//! is a small writer of our own, because the crates that can write everything bring a hundred
//! others. Whatever is exported says in an [`Extract`] where it came from.

mod columns;
mod extract;
mod parquet;
mod thrift;

pub use columns::Table;
pub use extract::Extract;
