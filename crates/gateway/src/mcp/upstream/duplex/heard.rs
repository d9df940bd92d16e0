//! What a client hears of a conversation: the answer to a request and what comes before it, or
//! what the server says of itself.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::mpsc;

use super::session::Session;
use super::switch::Said;
use crate::mcp::answer;
use crate::mcp::message::Id;
use crate::mcp::sse::Event;
use crate::mcp::upstream::Silent;

/// A request that waits for its answer. Once it is let go, nobody waits any more.
pub(super) struct Waiting {
    pub(super) said: mpsc::Receiver<Said>,
    pub(super) session: Arc<Session>,
    /// What the server knows the request by.
    pub(super) on_wire: Id,
    /// What its client does.
    pub(super) theirs: Id,
    pub(super) is_over: bool,
}

impl Waiting {
    /// The first that is said.
    pub(super) async fn first(&mut self, patience: Duration) -> Result<Said, Silent> {
        match tokio::time::timeout(patience, self.said.recv()).await {
            Ok(Some(said)) => {
                self.is_over |= matches!(said, Said::Last(_));
                Ok(said)
            }
            Ok(None) => {
                self.is_over = true;
                Err(Silent::Ended)
            }
            Err(_) => {
                self.is_over = true;
                self.session.give_up(&self.on_wire);
                Err(Silent::Slow)
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            self.session.let_go(&self.on_wire);
        }
    }
}

/// What a client hears, as events.
pub(crate) struct Heard {
    first: Option<Said>,
    from: Source,
}

enum Source {
    Request(Waiting),
    /// The conversation is held while somebody listens.
    Session(mpsc::Receiver<Said>, #[expect(dead_code, reason = "held")] Arc<Session>),
    Nothing,
}

impl Heard {
    /// This, and then what else comes of the request.
    pub(super) fn after(first: Said, waiting: Waiting) -> Self {
        Self { first: Some(first), from: Source::Request(waiting) }
    }

    /// What the server says of itself.
    pub(super) fn of(said: mpsc::Receiver<Said>, session: Arc<Session>) -> Self {
        Self { first: None, from: Source::Session(said, session) }
    }

    /// The next event, as it goes over the wire.
    pub(in crate::mcp::upstream) fn poll_event(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Bytes>> {
        if let Some(Said::Aside(text) | Said::Last(text)) = self.first.take() {
            return Poll::Ready(Some(written(text)));
        }
        let said = match &mut self.from {
            Source::Request(waiting) => ready!(waiting.said.poll_recv(context)),
            Source::Session(said, _) => ready!(said.poll_recv(context)),
            Source::Nothing => None,
        };
        let text = match said {
            Some(Said::Aside(text)) => return Poll::Ready(Some(written(text))),
            Some(Said::Last(text)) => Some(text),
            // Who asked hears that there is no answer, instead of nothing.
            None => match &self.from {
                Source::Request(waiting) => {
                    let words = Silent::Ended.to_string();
                    Some(answer::error(Some(&waiting.theirs), answer::INTERNAL, &words, None))
                }
                Source::Session(..) | Source::Nothing => None,
            },
        };
        if let Source::Request(waiting) = &mut self.from {
            waiting.is_over = true;
        }
        self.from = Source::Nothing;
        Poll::Ready(text.map(written))
    }
}

fn written(text: String) -> Bytes {
    Event::of(text).write().into()
}
