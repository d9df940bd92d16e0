//! Request bodies: bounded in length and in time.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use bakerst_model::{Code, Limits};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::problem::Problem;

/// How much of a body that nobody wants is read, so that whoever sends it gets to see why.
const DRAIN_BYTES_MAX: usize = 64 << 20;

/// Refuses what does not say that it is JSON.
pub(crate) fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.eq_ignore_ascii_case("application/json") && kinds.next().is_none() {
        true => Ok(()),
        false => Err(Code::BadContentType.into()),
    }
}

/// Reads a whole body.
pub(crate) async fn read(body: &mut Body, limits: &Limits) -> Result<Bytes, Problem> {
    let max = limits.body_bytes_max;
    // Known beforehand where the client says so; counted while reading in any case.
    let promised = body.size_hint().lower();
    if usize::try_from(promised).unwrap_or(usize::MAX) > max {
        return Err(too_long(&promised.to_string(), max));
    }
    let collected = Limited::new(&mut *body, max).collect();
    let in_time = tokio::time::timeout(Duration::from_millis(limits.body_millis_max), collected);
    match in_time.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long("too many", max)),
        Ok(Err(error)) => {
            Err(Problem::new(Code::BodyNotJson, format!("the request body broke off: {error}")))
        }
        Err(_) => Err(Problem::new(
            Code::BodyTooSlow,
            format!(
                "the request body took longer than `body_millis_max` allows ({})",
                limits.body_millis_max
            ),
        )),
    }
}

fn too_long(bytes: &str, max: usize) -> Problem {
    let message = format!("{bytes} bytes are more than `body_bytes_max` allows ({max})");
    Problem::new(Code::BodyTooLong, message)
}

/// Reads and forgets what is left of a body, within bounds: a client that is still sending when
/// the connection closes would never see the answer.
pub(crate) async fn drain(body: &mut Body, headers: &HeaderMap, limits: &Limits) {
    // Whoever asks before sending has not sent anything yet.
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    let read_on = async {
        let mut drained = 0;
        while let Some(Ok(frame)) = body.frame().await {
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    // What has not come by then is not waited for.
    let _ = tokio::time::timeout(Duration::from_millis(limits.body_millis_max), read_on).await;
}
