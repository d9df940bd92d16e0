//! Answers that may be given again: to the same question, by the same policy, for a short while.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bakerst_guard::authorization::{AuthorizeNeed, Consulted, OpaServer};
use bakerst_model::Digest;
use tokio::time::Instant;

/// A question, by its digest.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(need: &AuthorizeNeed) -> Self {
        let OpaServer { address, path, .. } = &*need.server;
        let (address, input) = (address.to_string(), need.input.as_bytes());
        Self(*Digest::of_parts(&[address.as_bytes(), path.as_bytes(), input]).as_bytes())
    }
}

/// Answers of one revision of one server's policy.
pub(super) struct Cache {
    max: usize,
    revision: Option<Arc<str>>,
    server: Option<OpaServer>,
    answers: HashMap<Key, (Instant, Consulted)>,
    /// The oldest first.
    order: VecDeque<Key>,
}

impl Cache {
    pub(super) fn new(max: usize) -> Self {
        let (answers, order) = (HashMap::new(), VecDeque::new());
        Self { max, revision: None, server: None, answers, order }
    }

    pub(super) fn find(&self, key: &Key, server: &OpaServer, now: Instant) -> Option<Consulted> {
        let (at, answer) = self.answers.get(key)?;
        let fresh = Duration::from_secs(server.cache_seconds);
        let usable = self.server.as_ref() == Some(server) && now.duration_since(*at) < fresh;
        match answer {
            Consulted::Answered { opinion, decision_id, revision, .. } if usable => {
                Some(Consulted::Answered {
                    opinion: opinion.clone(),
                    decision_id: decision_id.clone(),
                    revision: revision.clone(),
                    metrics: None,
                    cached: true,
                })
            }
            _ => None,
        }
    }

    /// Keeps an answer. One by another revision drops all before; one without a revision is not
    /// kept, since nothing would tell when it no longer holds.
    pub(super) fn keep(&mut self, key: Key, server: &OpaServer, answer: &Consulted, now: Instant) {
        let Consulted::Answered { revision, .. } = answer else { return };
        if self.revision != *revision || self.server.as_ref() != Some(server) {
            self.answers.clear();
            self.order.clear();
            self.revision.clone_from(revision);
            self.server = Some(server.clone());
        }
        if revision.is_none() || server.cache_seconds == 0 || self.max == 0 {
            return;
        }
        if self.answers.insert(key, (now, answer.clone())).is_none() {
            self.order.push_back(key);
        }
        while self.answers.len() > self.max {
            let Some(oldest) = self.order.pop_front() else { break };
            self.answers.remove(&oldest);
        }
    }
}
