//! The journal port, and the proof that something was recorded before it was acted upon.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::{Code, Event, Seq};

/// A future behind a port, so that edges of different kinds can stand behind one pointer.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an event could not be recorded. Whatever was to follow from it must not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The medium refused: full, read-only, broken.
    #[error("the audit log cannot be written: {0}")]
    Unwritable(Arc<str>),
    /// An earlier write left the log in doubt; it takes nothing more until a restart has
    /// checked it.
    #[error("the audit log is closed since an earlier failure: {0}")]
    Closed(Arc<str>),
}

impl JournalError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unwritable(_) => Code::LogUnwritable,
            Self::Closed(_) => Code::LogClosed,
        }
    }
}

/// Where events are kept. When `append` has answered, the event is as durable as was asked for.
pub trait Journal: Send + Sync {
    /// Appends one event and says where it stands.
    fn append(&self, event: Event) -> Appending<'_>;
}

/// An event on its way into a journal. Most are there at once, and nothing is put aside for them.
#[must_use = "an event that nobody waits for may not be recorded"]
pub enum Appending<'j> {
    /// It was taken, or refused.
    Done(Ready<Result<Seq, JournalError>>),
    /// The journal takes its time.
    Waits(Pending<'j, Result<Seq, JournalError>>),
}

impl<'j> Appending<'j> {
    /// What was decided at once.
    pub fn done(appended: Result<Seq, JournalError>) -> Self {
        Self::Done(ready(appended))
    }

    /// What will be decided.
    pub fn waits(appending: impl Future<Output = Result<Seq, JournalError>> + Send + 'j) -> Self {
        Self::Waits(Box::pin(appending))
    }

    /// Has this look at what comes of it.
    pub fn inspect(self, look: impl FnOnce(&Result<Seq, JournalError>) + Send + 'j) -> Self {
        match self {
            Self::Done(appended) => {
                let appended = appended.into_inner();
                look(&appended);
                Self::done(appended)
            }
            Self::Waits(appending) => Self::waits(async move {
                let appended = appending.await;
                look(&appended);
                appended
            }),
        }
    }
}

impl Future for Appending<'_> {
    type Output = Result<Seq, JournalError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Done(appended) => Pin::new(appended).poll(context),
            Self::Waits(appending) => appending.as_mut().poll(context),
        }
    }
}

/// A value that can say what the log must know about it.
pub trait Accountable {
    /// The event that accounts for it.
    fn account(&self) -> Event;
}

/// A value whose event is in the log.
///
/// There is no other way to one than [`Recorded::record`], so a function that takes a
/// `Recorded<Permit>` cannot be called with a decision that nobody will find again.
#[derive(Debug)]
pub struct Recorded<T> {
    inner: T,
    seq: Seq,
}

impl<T: Accountable> Recorded<T> {
    /// Records the value's event; only once the journal has answered is there a `Recorded`.
    ///
    /// # Errors
    /// When the journal could not take the event. The value is dropped: nothing may follow.
    pub async fn record(journal: &dyn Journal, value: T) -> Result<Self, JournalError> {
        let seq = journal.append(value.account()).await?;
        Ok(Self { inner: value, seq })
    }
}

impl<T> Recorded<T> {
    /// Where it stands in the log.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// What was recorded.
    pub fn get(&self) -> &T {
        &self.inner
    }

    /// What was recorded, to act upon.
    pub fn into_inner(self) -> T {
        self.inner
    }
}
