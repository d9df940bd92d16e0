//! Our values in columns. What is read back is checked like anything else from outside: the file
//! may have been edited.

use std::error::Error;
use std::fmt;

use bakerst_model::{Digest, UnixMillis};
use rusqlite::Row;
use rusqlite::types::Type;

/// A column that holds what was never written there.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) &'static str);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the column `{}` holds what was never written there", self.0)
    }
}

impl Error for Unreadable {}

impl From<Unreadable> for rusqlite::Error {
    fn from(unreadable: Unreadable) -> Self {
        Self::FromSqlConversionFailure(0, Type::Null, Box::new(unreadable))
    }
}

/// SQLite counts in 63 bits; times beyond are at the end of time.
pub(crate) fn millis(at: UnixMillis) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// Reads a time.
pub(crate) fn read_millis(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<UnixMillis>> {
    let Some(at) = row.get::<_, Option<i64>>(column)? else { return Ok(None) };
    Ok(Some(UnixMillis(u64::try_from(at).map_err(|_| Unreadable(column))?)))
}

/// Reads a digest.
pub(crate) fn read_digest(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Digest> {
    let bytes: Vec<u8> = row.get(column)?;
    let bytes = bytes.try_into().map_err(|_| Unreadable(column))?;
    Ok(Digest::from_bytes(bytes))
}

/// Reads an identifier by its own parser.
pub(crate) fn read_id<T, E>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    Ok(Some(parse(&text).map_err(|_| Unreadable(column))?))
}
