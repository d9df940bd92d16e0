//! Requests as rows.

use std::sync::Arc;

use bakerst_guard::approval::{
    Approval, ApprovalFilter, ApprovalRequest, ApprovalState, AskedBecause,
};
use bakerst_model::{AgentId, ApprovalId, ConversationId, Digest, ToolName, UnixMillis, UserId};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::database::{Unreadable, millis, read_digest, read_id, read_millis};

/// How a request that was taken back is told from one that nobody answered in time. Both are
/// `expired` in the table, so that versions which know no other word still read it.
const WITHDRAWN: &str = "withdrawn";

/// One request by number.
pub(super) fn find(books: &Transaction<'_>, id: ApprovalId) -> rusqlite::Result<Option<Approval>> {
    let mut find = books.prepare_cached("SELECT * FROM approvals WHERE id = ?1")?;
    find.query_row(params![number(id)], read).optional()
}

/// The latest requests.
pub(super) fn list(
    books: &Transaction<'_>,
    filter: ApprovalFilter,
    most: usize,
) -> rusqlite::Result<Vec<Approval>> {
    let mut list = books.prepare_cached(match filter {
        ApprovalFilter::Pending => {
            "SELECT * FROM approvals WHERE state = 'pending' ORDER BY id DESC LIMIT ?1"
        }
        ApprovalFilter::Latest => "SELECT * FROM approvals ORDER BY id DESC LIMIT ?1",
    })?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    list.query_map(params![most], read)?.collect()
}

/// Those that wait for an answer about one call.
pub(super) fn pending_of(
    books: &Transaction<'_>,
    binding: Digest,
) -> rusqlite::Result<Vec<Approval>> {
    let mut same = books.prepare_cached(
        "SELECT * FROM approvals WHERE state = 'pending' AND binding = ?1 ORDER BY id",
    )?;
    same.query_map(params![binding.as_bytes()], read)?.collect()
}

/// How many wait. Those that are overdue count until they were ended: it is by ending them that
/// the number stays bounded.
pub(super) fn count_pending(books: &Transaction<'_>) -> rusqlite::Result<usize> {
    let count = "SELECT count(*) FROM approvals WHERE state = 'pending'";
    let count: i64 = books.prepare_cached(count)?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Writes a new request down and gives its number.
pub(super) fn insert(books: &Transaction<'_>, request: &ApprovalRequest) -> rusqlite::Result<i64> {
    let ApprovalRequest {
        binding,
        conversation,
        agent,
        user,
        tool,
        input,
        reasons,
        policy,
        asked_at,
        expires_at,
        usable_seconds,
    } = request;
    let reasons: Vec<_> = reasons.iter().map(ReasonRow::from).collect();
    let reasons = serde_json::to_string(&reasons)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    books.execute(
        "INSERT INTO approvals (state, binding, conversation, agent, user, tool, input, reasons,
            policy, asked_at, expires_at, usable_seconds)
         VALUES ('pending', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            binding.as_bytes(),
            conversation.as_str(),
            agent.as_str(),
            user.as_ref().map(UserId::as_str),
            tool.as_str(),
            input,
            reasons,
            policy.as_bytes(),
            millis(*asked_at),
            expires_at.map(millis),
            i64::try_from(*usable_seconds).unwrap_or(i64::MAX),
        ],
    )?;
    Ok(books.last_insert_rowid())
}

/// Moves a request from one state to another; `false` when it does not stand there any more.
pub(super) fn update(
    books: &Transaction<'_>,
    id: ApprovalId,
    from: &ApprovalState,
    to: &ApprovalState,
) -> rusqlite::Result<bool> {
    let (by, at, usable_until, note) = columns(to);
    let mut update = books.prepare_cached(
        "UPDATE approvals
         SET state = ?3, settled_by = ?4, settled_at = ?5, usable_until = ?6, note = ?7
         WHERE id = ?1 AND state = ?2",
    )?;
    let changed = update.execute(params![
        number(id),
        word(from),
        word(to),
        by,
        at.map(millis),
        usable_until.map(millis),
        note,
    ])?;
    Ok(changed == 1)
}

type Columns<'s> = (Option<&'s str>, Option<UnixMillis>, Option<UnixMillis>, Option<&'s str>);

fn columns(state: &ApprovalState) -> Columns<'_> {
    match state {
        ApprovalState::Pending => (None, None, None, None),
        ApprovalState::Approved { by, at, usable_until } => {
            (Some(by), Some(*at), Some(*usable_until), None)
        }
        ApprovalState::Used { by, at } => (Some(by), Some(*at), None, None),
        ApprovalState::Denied { by, at, note } => (Some(by), Some(*at), None, note.as_deref()),
        ApprovalState::Expired { at } => (None, Some(*at), None, None),
        ApprovalState::Withdrawn { at } => (None, Some(*at), None, Some(WITHDRAWN)),
    }
}

/// A state as the table has it.
fn word(state: &ApprovalState) -> &'static str {
    match state {
        ApprovalState::Withdrawn { at } => ApprovalState::Expired { at: *at }.as_str(),
        state => state.as_str(),
    }
}

/// Reads one row.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Approval> {
    let id: i64 = row.get("id")?;
    Ok(Approval {
        id: ApprovalId(u64::try_from(id).map_err(|_| Unreadable("id"))?),
        request: read_request(row)?,
        state: read_state(row)?,
    })
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<ApprovalRequest> {
    let conversation = read_id(row, "conversation", ConversationId::parse)?;
    let reasons: String = row.get("reasons")?;
    let reasons: Vec<ReasonRow> =
        serde_json::from_str(&reasons).map_err(|_| Unreadable("reasons"))?;
    let usable_seconds: i64 = row.get("usable_seconds")?;
    Ok(ApprovalRequest {
        binding: read_digest(row, "binding")?,
        conversation: conversation.ok_or(Unreadable("conversation"))?,
        agent: read_id(row, "agent", AgentId::parse)?.ok_or(Unreadable("agent"))?,
        user: read_id(row, "user", UserId::parse)?,
        tool: read_id(row, "tool", ToolName::parse)?.ok_or(Unreadable("tool"))?,
        input: row.get("input")?,
        reasons: reasons.into_iter().map(AskedBecause::from).collect(),
        policy: read_digest(row, "policy")?,
        asked_at: read_millis(row, "asked_at")?.ok_or(Unreadable("asked_at"))?,
        expires_at: read_millis(row, "expires_at")?,
        usable_seconds: u64::try_from(usable_seconds).map_err(|_| Unreadable("usable_seconds"))?,
    })
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<ApprovalState> {
    let by = || -> rusqlite::Result<Arc<str>> { row.get("settled_by") };
    let time = |column| -> rusqlite::Result<UnixMillis> {
        Ok(read_millis(row, column)?.ok_or(Unreadable(column))?)
    };
    let state: String = row.get("state")?;
    Ok(match state.as_str() {
        "pending" => ApprovalState::Pending,
        "approved" => ApprovalState::Approved {
            by: by()?,
            at: time("settled_at")?,
            usable_until: time("usable_until")?,
        },
        "used" => ApprovalState::Used { by: by()?, at: time("settled_at")? },
        "denied" => {
            ApprovalState::Denied { by: by()?, at: time("settled_at")?, note: row.get("note")? }
        }
        "expired" => {
            let at = time("settled_at")?;
            match row.get::<_, Option<String>>("note")?.as_deref() {
                Some(WITHDRAWN) => ApprovalState::Withdrawn { at },
                _ => ApprovalState::Expired { at },
            }
        }
        _ => return Err(Unreadable("state").into()),
    })
}

fn number(id: ApprovalId) -> i64 {
    // Numbers beyond what was ever given name no request.
    i64::try_from(id.0).unwrap_or(-1)
}

#[derive(Deserialize, Serialize)]
struct ReasonRow {
    guardrail: String,
    code: String,
    message: String,
}

impl From<&AskedBecause> for ReasonRow {
    fn from(AskedBecause { guardrail, code, message }: &AskedBecause) -> Self {
        Self { guardrail: guardrail.clone(), code: code.clone(), message: message.clone() }
    }
}

impl From<ReasonRow> for AskedBecause {
    fn from(ReasonRow { guardrail, code, message }: ReasonRow) -> Self {
        Self { guardrail, code, message }
    }
}
