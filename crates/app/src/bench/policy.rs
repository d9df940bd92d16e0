//! What a policy's own guardrails cost, and how fast recorded decisions are taken again.

mod flow;
mod rego;
mod replay;

use super::Figure;
use crate::failure::Failure;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let mut figures = flow::measure(full)?;
    figures.extend(rego::measure(full)?);
    figures.extend(replay::measure(full)?);
    Ok(figures)
}
