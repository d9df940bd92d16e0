//! The audit log: how fast it is written, verified and read.

mod disk;
mod memory;
mod query;

use super::Figure;
use crate::failure::Failure;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let mut figures = memory::measure(full)?;
    figures.extend(disk::measure(full)?);
    figures.extend(query::measure(full)?);
    Ok(figures)
}
