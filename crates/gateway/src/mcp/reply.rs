//! Answers over HTTP: how a server's are read, and how ours begin.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use bakerst_model::Limits;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::message::{Id, Kind, Message, read_id};
use super::upstream::FromServer;
use crate::body::{Unread, whole as whole_body};

/// A server's whole answer.
pub(super) async fn collected(body: FromServer, limits: &Limits) -> Result<String, String> {
    let max = limits.result_bytes_max;
    let patience = Duration::from_millis(limits.upstream_millis_max);
    match whole_body(body, max, patience).await {
        Ok(whole) => String::from_utf8(whole.into())
            .map_err(|_| "the server's answer is not UTF-8".to_owned()),
        Err(Unread::TooLong | Unread::BrokeOff(_)) => Err(format!(
            "the server's answer broke off, or is longer than `result_bytes_max` allows ({max})"
        )),
        Err(Unread::TooSlow) => {
            Err("the server took longer than `upstream_millis_max` allows".to_owned())
        }
    }
}

/// Whether a message answers the request of this id.
pub(super) fn answers(text: &str, asked: &Id) -> bool {
    Message::read(text).is_ok_and(|message| is_answer_to(&message, asked))
}

/// Carries a request until its answer begins. What remains then, or once the client is gone, is
/// carried on beside it: most requests are done before, and need no task of their own.
pub(super) fn carried(
    carrying: impl Future<Output = ()> + Send + 'static,
    mut answer: oneshot::Receiver<Response<Body>>,
) -> impl Future<Output = Response<Body>> + Send {
    // Moved to where it stays before anything else: it is large.
    let mut carried = Carried(Some(Box::pin(carrying)));
    async move {
        let answered = poll_fn(|context| {
            let is_done = carried.0.as_mut().is_none_or(|on| on.as_mut().poll(context).is_ready());
            if is_done {
                carried.0 = None;
            }
            Pin::new(&mut answer).poll(context)
        });
        answered.await.unwrap_or_else(|_| whole(StatusCode::BAD_GATEWAY, String::new()))
    }
}

/// A request that is being carried. Where it is not done when it is let go, it goes on by itself.
struct Carried(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Drop for Carried {
    fn drop(&mut self) {
        if let (Some(on), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(on);
        }
    }
}

/// Whether a message, as it was read, answers the request of this id.
pub(super) fn is_answer_to(message: &Message<'_>, asked: &Id) -> bool {
    matches!(message.kind, Kind::Response { id: Some(id), .. } if read_id(id).as_ref() == Some(asked))
}

/// Whether a server answers with a stream of events.
pub(super) fn is_stream(response: &Response<FromServer>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    response.status().is_success() && kind.trim().eq_ignore_ascii_case("text/event-stream")
}

/// A server's status, as far as it says something to the client. What it thinks of our credential
/// is between it and us; and where it would send us, we do not go.
pub(super) fn status_for_client(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StatusCode::BAD_GATEWAY,
        status if status.is_redirection() => StatusCode::BAD_GATEWAY,
        status => status,
    }
}

/// An answer that is all there.
pub(super) fn whole(status: StatusCode, message: String) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if !message.is_empty() {
        *response.body_mut() = Body::from(message);
        let json = axum::http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    response
}
