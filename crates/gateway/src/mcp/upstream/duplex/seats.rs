//! How many conversations there may be, and how soon one may begin again that ended too soon.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bakerst_model::Limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::mcp::session::Owner;
use crate::mcp::upstream::Silent;

/// How long all conversations together may take to end.
const PARTING: Duration = Duration::from_secs(10);
/// A server that ends sooner than this after its start will not do better at once.
const SOON: Duration = Duration::from_secs(10);
/// How long after the first time it is started again, and at most.
const RESTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How many owners' failures are remembered; beyond, those go that count for nothing any more.
const OWNERS_MAX: usize = 1024;

/// Room for conversations, with all servers together.
#[derive(Clone)]
pub(in crate::mcp::upstream) struct Seats {
    free: Arc<Semaphore>,
    all: u32,
}

impl Seats {
    pub(in crate::mcp::upstream) fn new(limits: &Limits) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let all = limits.server_sessions_max.min(most);
        let free = Arc::new(Semaphore::new(all));
        Self { free, all: u32::try_from(all).unwrap_or(u32::MAX) }
    }

    /// A seat, until it is dropped.
    pub(super) fn take(&self) -> Result<OwnedSemaphorePermit, Silent> {
        self.free.clone().try_acquire_owned().map_err(|_| Silent::Full)
    }

    /// Waits a while until all have gone.
    pub(in crate::mcp::upstream) async fn until_empty(&self) {
        // Who has not gone by then is left to whatever ends programs when we end.
        let _ = tokio::time::timeout(PARTING, self.free.acquire_many(self.all)).await;
    }
}

/// What is remembered of conversations that ended too soon.
#[derive(Default)]
pub(super) struct Starts(HashMap<Owner, Failing>);

struct Failing {
    times: u32,
    until: Instant,
}

impl Starts {
    /// Whether one may begin for this owner.
    pub(super) fn may(&self, owner: &Owner) -> Result<(), Silent> {
        let now = Instant::now();
        match self.0.get(owner) {
            Some(failing) if failing.until > now => {
                let seconds = (failing.until - now).as_secs() + 1;
                Err(Silent::Resting { seconds })
            }
            _ => Ok(()),
        }
    }

    /// One ended by itself after it had lived for so long.
    pub(super) fn ended(&mut self, owner: &Owner, lived: Duration) {
        match lived < SOON {
            true => self.failed(owner),
            false => drop(self.0.remove(owner)),
        }
    }

    /// One could not begin, or ended soon.
    pub(super) fn failed(&mut self, owner: &Owner) {
        let now = Instant::now();
        if self.0.len() >= OWNERS_MAX {
            self.0.retain(|_, failing| failing.until > now);
        }
        let (first, last) = RESTS;
        let failing = self.0.entry(*owner).or_insert(Failing { times: 0, until: now });
        let rest = first.saturating_mul(1 << failing.times.min(10)).min(last);
        failing.times = failing.times.saturating_add(1);
        failing.until = now + rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_dies_again_and_again_rests_longer_and_longer() {
        let (ann, eve) = (Owner::new("ann", "", "files"), Owner::new("eve", "", "files"));
        let mut starts = Starts::default();
        let mut rests = Vec::new();
        for _ in 0..8 {
            assert_eq!(starts.may(&ann), Ok(()));
            starts.ended(&ann, Duration::from_secs(1));
            let Err(Silent::Resting { seconds }) = starts.may(&ann) else { panic!("no rest") };
            rests.push(seconds - 1);
            tokio::time::advance(Duration::from_secs(seconds)).await;
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        starts.ended(&ann, Duration::from_secs(1));
        assert_eq!(starts.may(&eve), Ok(()), "one owner's failures are no other's");
        starts.ended(&ann, Duration::from_secs(60));
        assert_eq!(starts.may(&ann), Ok(()), "one that lived is started at once");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_many_owners_are_forgotten_once_they_count_for_nothing() {
        let mut starts = Starts::default();
        for owner in 0..(2 * OWNERS_MAX) {
            starts.failed(&Owner::new(&owner.to_string(), "", "files"));
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(starts.0.len() <= OWNERS_MAX, "{}", starts.0.len());
    }
}
