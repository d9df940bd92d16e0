//! What a policy's own guardrails cost.

mod flow;

use super::Figure;
use crate::failure::Failure;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    flow::measure(full)
}
