//! Finding records in a log: filters, and the reading of lines that nobody has verified.
//!
//! What a filter says is defined by [`View`], the parsed record. Parsing every line would cost ten
//! times what reading it costs, so a [`Query`] first looks at bytes: what cannot match however its
//! escapes are resolved is passed over, and only the rest is parsed. The short cut may let too much
//! through, never too little.

mod filter;
mod moment;
mod needle;
mod order;
mod summary;
mod tally;
mod text;
mod view;

pub use filter::{Filter, Judged, Query};
pub use moment::{parse_moment, parse_span};
pub use order::Order;
pub use summary::{Summary, SummaryBuilder};
pub use tally::{Bucket, Counts, Tally};
pub use view::{ActorView, DetailView, View};
