//! What a server says to one request, message by message, whether it comes whole or as a stream.

use std::collections::VecDeque;

use axum::http::Response;
use bakerst_model::Limits;
use http_body_util::BodyExt as _;

use super::super::reply::{collected, is_stream};
use super::super::sse::Events;
use super::super::upstream::FromServer;

/// What is still to be heard of a server.
pub(crate) struct Hearing {
    body: Option<FromServer>,
    /// Puts a stream together; none where the answer comes whole.
    events: Option<Events>,
    ready: VecDeque<String>,
}

impl Hearing {
    /// What a server says in this response.
    pub(crate) fn of(response: Response<FromServer>, limits: &Limits) -> Self {
        let events = is_stream(&response).then(|| Events::new(limits.result_bytes_max));
        Self { body: Some(response.into_body()), events, ready: VecDeque::new() }
    }

    /// What a server has said already.
    pub(crate) fn said(text: String) -> Self {
        Self { body: None, events: None, ready: [text].into() }
    }

    /// The next message; none once there are no more.
    pub(crate) async fn next(&mut self, limits: &Limits) -> Result<Option<String>, String> {
        let Some(events) = &mut self.events else {
            return match self.body.take() {
                Some(body) => collected(body, limits).await.map(Some),
                None => Ok(self.ready.pop_front()),
            };
        };
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            match body.frame().await {
                Some(Ok(frame)) => {
                    let Some(piece) = frame.data_ref() else { continue };
                    let complete = events.push(piece).map_err(|error| error.to_string())?;
                    let said = complete.into_iter().filter_map(|event| event.data);
                    self.ready.extend(said.filter(|text| !text.is_empty()));
                }
                Some(Err(_)) | None => self.body = None,
            }
        }
    }
}
