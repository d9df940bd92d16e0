//! The audit log: how fast it is written, verified and read.

mod query;

use super::Figure;
use crate::failure::Failure;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    query::measure(full)
}
