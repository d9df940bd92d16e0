//! Bodies: bounded in length and in time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use bakerst_model::{Code, Limits};
use http_body_util::BodyExt as _;

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

/// Reads the whole body of a request.
pub(crate) async fn read(body: &mut Body, limits: &Limits) -> Result<Bytes, Problem> {
    let max = limits.body_bytes_max;
    // Known beforehand where the client says so; counted while reading in any case.
    let promised = body.size_hint().lower();
    if usize::try_from(promised).unwrap_or(usize::MAX) > max {
        return Err(too_long(&promised.to_string(), max));
    }
    let in_time = Duration::from_millis(limits.body_millis_max);
    whole(body, max, in_time).await.map_err(|unread| match unread {
        Unread::TooLong => too_long("too many", max),
        Unread::BrokeOff(error) => {
            Problem::new(Code::BodyNotJson, format!("the request body broke off: {error}"))
        }
        Unread::TooSlow => Problem::new(
            Code::BodyTooSlow,
            format!(
                "the request body took longer than `body_millis_max` allows ({})",
                limits.body_millis_max
            ),
        ),
    })
}

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum Unread<E> {
    /// It is longer than it may be.
    TooLong,
    /// It took longer than it may.
    TooSlow,
    /// It did not come to its end.
    BrokeOff(E),
}

/// Reads a whole body. For one that is here already nobody looks at the clock.
pub(crate) async fn whole<B>(
    body: B,
    bytes_max: usize,
    within: Duration,
) -> Result<Bytes, Unread<B::Error>>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let mut reading = pin!(gathered(body, bytes_max));
    match poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await {
        Poll::Ready(read) => read,
        Poll::Pending => {
            tokio::time::timeout(within, reading).await.unwrap_or(Err(Unread::TooSlow))
        }
    }
}

/// The pieces of a body as one; where there is only one, it is that.
async fn gathered<B>(mut body: B, bytes_max: usize) -> Result<Bytes, Unread<B::Error>>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (mut first, mut joined) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(Unread::BrokeOff)?.into_data() else { continue };
        if piece.len() > bytes_max.saturating_sub(first.len() + joined.len()) {
            return Err(Unread::TooLong);
        }
        if first.is_empty() && joined.is_empty() {
            first = piece;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&piece);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.into() })
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::Context;

    use hyper::body::Frame;

    use super::*;

    /// A body that comes in pieces, and then ends or never does.
    struct Pieces {
        pieces: VecDeque<&'static str>,
        ends: bool,
    }

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.pieces.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece.into())))),
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_whole_or_not_at_all() {
        for (pieces, ends, max, want) in [
            (&[] as &[&str], true, 0, "read ``"),
            (&["hello"], true, 5, "read `hello`"),
            (&["hel", "", "l", "o"], true, 5, "read `hello`"),
            (&["", "hello"], true, 5, "read `hello`"),
            (&["hello"], true, 4, "TooLong"),
            (&["hel", "lo"], true, 4, "TooLong"),
            (&["hel", "lo"], false, 4, "TooLong"),
            (&["hello"], false, 5, "TooSlow"),
        ] {
            let body = Pieces { pieces: pieces.iter().copied().collect(), ends };
            let read = match whole(body, max, Duration::from_secs(1)).await {
                Ok(read) => format!("read `{}`", str::from_utf8(&read).unwrap()),
                Err(unread) => format!("{unread:?}"),
            };
            assert_eq!(read, want, "{pieces:?} {ends} {max}");
        }
    }
}
