//! The API of those who run Baker Street: approvals, conversations and tokens.

use axum::http::StatusCode;
use bakerst_guard::approval::ApprovalFilter;
use bakerst_model::{ApprovalId, Code, Escaped};

use crate::exchange::Exchange;
use crate::hook::read;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{
    ApprovalAnswerRequest, ApprovalView, ClearRequest, ConversationView, TokenCreated,
    TokenRequest, TokenView,
};

/// The most requests in one list.
const LISTED_MAX: usize = 500;
/// The longest note to an answer.
const NOTE_BYTES_MAX: usize = 2_000;

/// `GET /api/approvals`.
pub(crate) async fn list_approvals(exchange: Exchange) -> Result<Reply, Problem> {
    let filter = match exchange.query.get("state") {
        None | Some("pending") => ApprovalFilter::Pending,
        Some("all") => ApprovalFilter::Latest,
        Some(other) => {
            let message = format!("`state` is `{}`, expected `pending` or `all`", Escaped(other));
            return Err(Problem::new(Code::BadQuery, message));
        }
    };
    let listed = exchange.gateway.desk.book.list(filter, LISTED_MAX).await?;
    Reply::json(&listed.into_iter().map(ApprovalView::from).collect::<Vec<_>>())
}

/// `GET /api/approvals/{id}`.
pub(crate) async fn show_approval(exchange: Exchange) -> Result<Reply, Problem> {
    let id = approval_id(&exchange.parameter)?;
    match exchange.gateway.desk.book.find(id).await? {
        Some(approval) => Reply::json(&ApprovalView::from(approval)),
        None => Err(no_such_approval(&exchange.parameter)),
    }
}

/// `POST /api/approvals/{id}`.
pub(crate) async fn answer_approval(exchange: Exchange) -> Result<Reply, Problem> {
    let id = approval_id(&exchange.parameter)?;
    let Exchange { gateway, caller, body, .. } = exchange;
    let ApprovalAnswerRequest { approve, note } = read(&body, &gateway.limits)?;
    let note = checked(note)?;
    let settled =
        whole(async move { gateway.settle_approval(id, approve, note, caller.actor()).await });
    Reply::json(&ApprovalView::from(settled.await?))
}

fn approval_id(text: &str) -> Result<ApprovalId, Problem> {
    ApprovalId::parse(text).ok_or_else(|| no_such_approval(text))
}

fn no_such_approval(text: &str) -> Problem {
    let message = format!("there is no request `{}`", Escaped(text));
    Problem::new(Code::NoSuchApproval, message)
}

/// `GET /api/conversations`.
pub(crate) async fn list_conversations(exchange: Exchange) -> Result<Reply, Problem> {
    let listed = exchange.gateway.conversations.book.list(None, LISTED_MAX).await?;
    Reply::json(&listed.into_iter().map(ConversationView::from).collect::<Vec<_>>())
}

/// `GET /api/conversations/{id}`.
pub(crate) async fn show_conversation(exchange: Exchange) -> Result<Reply, Problem> {
    let named = exchange.gateway.conversations_named(&exchange.parameter).await?;
    Reply::json(&named.into_iter().map(ConversationView::from).collect::<Vec<_>>())
}

/// `POST /api/conversations/{id}`.
pub(crate) async fn clear_conversation(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, parameter, body, .. } = exchange;
    let ClearRequest { note } = read(&body, &gateway.limits)?;
    let note = checked(note)?;
    let cleared =
        whole(async move { gateway.clear_conversation(&parameter, note, caller.actor()).await });
    let cleared = cleared.await?.into_iter().map(ConversationView::from);
    Reply::json(&cleared.collect::<Vec<_>>())
}

/// A person's note, if it says anything.
fn checked(note: Option<String>) -> Result<Option<String>, Problem> {
    let note = note.filter(|note| !note.trim().is_empty());
    match note.as_deref().map(str::len).filter(|bytes| *bytes > NOTE_BYTES_MAX) {
        None => Ok(note),
        Some(bytes) => Err(Problem::field(format!(
            "`note` is {bytes} bytes long, at most {NOTE_BYTES_MAX} are allowed"
        ))),
    }
}

/// `GET /api/tokens`.
pub(crate) async fn list_tokens(exchange: Exchange) -> Result<Reply, Problem> {
    let listed = exchange.gateway.tokens.list();
    Reply::json(&listed.iter().map(TokenView::from).collect::<Vec<_>>())
}

/// `POST /api/tokens`.
pub(crate) async fn create_token(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, body, .. } = exchange;
    let request: TokenRequest = read(&body, &gateway.limits)?;
    let made = whole(async move { gateway.create_token(request, caller.actor()).await });
    let (minted, record) = made.await?;
    let token = String::from_utf8_lossy(minted.text.expose()).into_owned();
    let created = TokenCreated { token, kept: TokenView::from(&record) };
    Reply::json_as(StatusCode::CREATED, &created)
}

/// `DELETE /api/tokens/{token}`.
pub(crate) async fn revoke_token(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, parameter, .. } = exchange;
    let revoked = whole(async move { gateway.revoke_token(parameter, caller.actor()).await });
    Reply::json(&TokenView::from(&revoked.await?))
}

/// Runs to its end even when whoever asked has gone: what was recorded must then happen.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(broken) => Err(Problem::new(Code::StoreFailed, broken.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_request_are_not_there() {
        for wrong in ["", "3", "apr-", "apr-x", "apr-99999999999999999999999"] {
            assert_eq!(approval_id(wrong).unwrap_err().code(), Code::NoSuchApproval, "{wrong}");
        }
    }
}
