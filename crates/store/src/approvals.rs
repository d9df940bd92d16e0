//! Requests for approval.
//!
//! What an answer or a claim means is decided by [`Approval::answered`] and [`Approval::claim`];
//! here it is written down, under the condition that the request still stands as it was judged.
//! Of two answers one wins, and an approval is used once, whoever races whom.

mod rows;

use std::sync::Arc;

use bakerst_guard::approval::{
    Approval, ApprovalAnswer, ApprovalBook, ApprovalFilter, ApprovalRequest, ApprovalState,
    BookError, Claim,
};
use bakerst_model::{ApprovalId, Digest, Pending, UnixMillis};
use rusqlite::{Transaction, params};

use crate::Database;
use crate::database::{Stop, millis};

/// How many of the latest requests are kept once they are settled. The log keeps them all.
const SETTLED_KEPT: i64 = 10_000;

/// The book of approvals in the state database.
#[derive(Clone, Debug)]
pub struct Approvals {
    database: Arc<Database>,
    pending_max: usize,
}

impl Approvals {
    /// The book in this database, in which at most `pending_max` requests may wait.
    #[must_use]
    pub fn new(database: Arc<Database>, pending_max: usize) -> Self {
        Self { database, pending_max }
    }
}

type Step<T> = Result<T, Stop<BookError>>;

impl ApprovalBook for Approvals {
    fn open(&self, request: ApprovalRequest) -> Pending<'_, Result<(Approval, bool), BookError>> {
        let pending_max = self.pending_max;
        self.database.run(move |books| open(books, request, pending_max))
    }

    fn find(&self, id: ApprovalId) -> Pending<'_, Result<Option<Approval>, BookError>> {
        self.database.run(move |books| Ok(rows::find(books, id)?))
    }

    fn list(
        &self,
        filter: ApprovalFilter,
        most: usize,
    ) -> Pending<'_, Result<Vec<Approval>, BookError>> {
        self.database.run(move |books| Ok(rows::list(books, filter, most)?))
    }

    fn answer(
        &self,
        id: ApprovalId,
        answer: ApprovalAnswer,
    ) -> Pending<'_, Result<Approval, BookError>> {
        self.database.run(move |books| settle_by_answer(books, id, &answer))
    }

    fn claim(
        &self,
        id: ApprovalId,
        binding: Digest,
        now: UnixMillis,
    ) -> Pending<'_, Result<Claim, BookError>> {
        self.database.run(move |books| claim(books, id, binding, now))
    }

    fn withdraw(
        &self,
        id: ApprovalId,
        now: UnixMillis,
    ) -> Pending<'_, Result<Option<Approval>, BookError>> {
        self.database.run(move |books| withdraw(books, id, now))
    }

    fn expire(&self, now: UnixMillis) -> Pending<'_, Result<Vec<Approval>, BookError>> {
        self.database.run(move |books| expire(books, now))
    }
}

fn open(
    books: &Transaction<'_>,
    request: ApprovalRequest,
    pending_max: usize,
) -> Step<(Approval, bool)> {
    let now = request.asked_at;
    let same = rows::pending_of(books, request.binding)?;
    // One that is overdue waits for nothing but to be ended.
    if let Some(pending) = same.into_iter().find(|same| !same.is_overdue(now)) {
        return Ok((pending, false));
    }
    if rows::count_pending(books)? >= pending_max {
        return Err(Stop::Refused(BookError::Full { max: pending_max }));
    }
    let id = rows::insert(books, &request)?;
    books.execute(
        "DELETE FROM approvals WHERE id <= ?1 AND state IN ('used', 'denied', 'expired')",
        params![id.saturating_sub(SETTLED_KEPT)],
    )?;
    let id = ApprovalId(u64::try_from(id).unwrap_or_default());
    Ok((Approval { id, request, state: ApprovalState::Pending }, true))
}

fn settle_by_answer(
    books: &Transaction<'_>,
    id: ApprovalId,
    answer: &ApprovalAnswer,
) -> Step<Approval> {
    let approval = rows::find(books, id)?.ok_or(Stop::Refused(BookError::NoSuch(id)))?;
    let settled = |state| Stop::Refused(BookError::Settled { id, state });
    let Some(state) = approval.answered(answer) else {
        let overdue = approval.is_overdue(answer.at);
        return Err(settled(if overdue { "expired" } else { approval.state.as_str() }));
    };
    if !rows::update(books, id, &approval.state, &state)? {
        return Err(settled("settled"));
    }
    Ok(Approval { state, ..approval })
}

fn claim(books: &Transaction<'_>, id: ApprovalId, binding: Digest, now: UnixMillis) -> Step<Claim> {
    let Some(approval) = rows::find(books, id)? else { return Ok(Claim::Mismatch) };
    let claim = approval.claim(binding, now);
    if let Claim::Granted { by } = &claim {
        let used = ApprovalState::Used { by: by.clone(), at: now };
        if !rows::update(books, id, &approval.state, &used)? {
            return Ok(Claim::Mismatch);
        }
    }
    Ok(claim)
}

fn withdraw(books: &Transaction<'_>, id: ApprovalId, now: UnixMillis) -> Step<Option<Approval>> {
    let Some(approval) = rows::find(books, id)? else { return Ok(None) };
    let Some(state) = approval.withdrawn(now) else { return Ok(None) };
    let moved = rows::update(books, id, &approval.state, &state)?;
    Ok(moved.then_some(Approval { state, ..approval }))
}

/// Ends requests that nobody answered in time and approvals that were not used in time.
fn expire(books: &Transaction<'_>, now: UnixMillis) -> Step<Vec<Approval>> {
    let mut expire = books.prepare_cached(
        "UPDATE approvals SET state = 'expired', settled_at = ?1
         WHERE (state = 'pending' AND expires_at <= ?1)
            OR (state = 'approved' AND usable_until <= ?1)
         RETURNING *",
    )?;
    let ended = expire.query_map(params![millis(now)], rows::read)?;
    let mut ended: Vec<Approval> = ended.collect::<rusqlite::Result<_>>()?;
    ended.sort_by_key(|approval| approval.id);
    Ok(ended)
}
