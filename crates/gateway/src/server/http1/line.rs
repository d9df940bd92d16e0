//! One connection, request after request.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::BadRequest;
use super::answer::{Answer, Asked, Date};
use super::head::{Head, Heads};
use super::incoming::Incoming;
use super::wire::{Gone, Shared};
use crate::server::pace::{Deadline, Patience, REST};

/// What a connection that speaks HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How a connection ended.
#[derive(Debug)]
pub(in crate::server) enum End {
    /// Both sides are done with it, or it broke.
    Over,
    /// The other side took too long, with a request that it had begun or without one.
    TooSlow {
        /// Whether it had begun one.
        begun: bool,
    },
    /// What came is no request.
    Bad(BadRequest),
    /// It was not begun: the other side speaks HTTP/2.
    Newer,
}

/// Answers requests until the other side has no more, is too slow, or the server stops. Returns the
/// stream, and what came of it that is still to be read.
pub(in crate::server) async fn run<S, F, Fut>(
    stream: S,
    answer: F,
    patience: Patience,
    stopping: watch::Receiver<bool>,
) -> (End, Option<(S, Bytes)>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Fn(Request<Body>) -> Fut,
    Fut: Future<Output = Response<Body>>,
{
    let mut line = Line::new(stream, patience);
    let end = line.answer_all(answer, stopping).await;
    (end, line.wire.end())
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waits {
    /// The rest of a head.
    Head,
    /// The next request, if there is one.
    Request,
    /// The other side, to take what it asked for, of which it has taken so many steps.
    Reader(u64),
    /// Nothing but us.
    Not,
}

struct Line<S> {
    wire: Shared<S>,
    heads: Heads,
    date: Date,
    patience: Patience,
    deadline: Deadline,
    waits: Waits,
    /// Whether nothing was asked on it yet: it owes a request, and may be of another version.
    is_fresh: bool,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Line<S> {
    fn new(stream: S, patience: Patience) -> Self {
        let (heads, date, deadline) = (Heads::default(), Date::default(), Deadline::new());
        let (wire, waits, is_fresh) = (Shared::new(stream), Waits::Not, true);
        Self { wire, heads, date, patience, deadline, waits, is_fresh }
    }

    async fn answer_all<F, Fut>(&mut self, answer: F, mut stopping: watch::Receiver<bool>) -> End
    where
        F: Fn(Request<Body>) -> Fut,
        Fut: Future<Output = Response<Body>>,
    {
        let stopped = stopping.clone();
        let mut stop = pin!(async move {
            if stopping.wait_for(|stopping| *stopping).await.is_err() {
                // Whoever could have told is gone.
                pending::<()>().await;
            }
        });
        loop {
            let asking = poll_fn(|context| {
                let asked = self.poll_request(context);
                // Once it was told, nothing is awaited of it any more.
                let stops = asked.is_pending()
                    && (*stopped.borrow() || stop.as_mut().poll(context).is_ready());
                match stops && self.wire.lock().rest().is_empty() {
                    true => Poll::Ready(Err(End::Over)),
                    false => asked,
                }
            });
            let (request, mut asked) = match asking.await {
                Ok(asked) => asked,
                Err(end) => return end,
            };
            let Ok(response) = self.answered(answer(request)).await else { return End::Over };
            let is_whole = self.wire.is_ours_alone() && self.wire.lock().is_whole();
            asked.is_last |= !is_whole || *stopped.borrow();
            let mut answer = Answer::begin(response, asked, &mut self.date, &self.wire);
            let said = poll_fn(|context| self.poll_say(context, &mut answer)).await;
            if said.is_err() || answer.is_last() {
                return End::Over;
            }
            self.wire.lock().shrink();
        }
    }

    /// The next request. The client is waited for as long as it may take.
    fn poll_request(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(Request<Body>, Asked), End>> {
        let mut wire = self.wire.lock();
        loop {
            if self.is_fresh && wire.rest().starts_with(PREFACE) {
                return Poll::Ready(Err(End::Newer));
            }
            let may_be_newer = self.is_fresh && PREFACE.starts_with(wire.rest());
            let head = if may_be_newer { Ok(None) } else { wire.head(&mut self.heads) };
            match head {
                Ok(None) => {}
                Ok(Some(head)) => {
                    (self.heads, self.is_fresh, self.waits) = (Heads::default(), false, Waits::Not);
                    let Head { request, content, is_last, expects } = head;
                    let asked = Asked {
                        head_only: request.method() == Method::HEAD,
                        is_modern: request.version() == Version::HTTP_11,
                        is_last,
                    };
                    let body = match wire.begin(content, expects) {
                        Some(whole) => Body::from(whole),
                        None => Body::new(Incoming(self.wire.clone())),
                    };
                    return Poll::Ready(Ok((request.map(|()| body), asked)));
                }
                Err(bad) => return Poll::Ready(Err(End::Bad(bad))),
            }
            let begun = !wire.rest().is_empty();
            match wire.poll_read(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(Gone)) => return Poll::Ready(Err(End::Over)),
                Poll::Pending => {
                    // Who has begun a head and took it back again has no more time for another.
                    let (waits, time) = match begun || self.is_fresh || self.waits == Waits::Head {
                        true => (Waits::Head, self.patience.head()),
                        false => (Waits::Request, REST),
                    };
                    if std::mem::replace(&mut self.waits, waits) != waits {
                        self.deadline.set(time);
                    }
                    return self.deadline.poll(context).map(|()| Err(End::TooSlow { begun }));
                }
            }
        }
    }

    /// Waits for an answer for as long as the client does.
    async fn answered(
        &self,
        answering: impl Future<Output = Response<Body>>,
    ) -> Result<Response<Body>, Gone> {
        let mut answering = pin!(answering);
        poll_fn(|context| match answering.as_mut().poll(context) {
            Poll::Ready(response) => Poll::Ready(Ok(response)),
            Poll::Pending => self.poll_gone(context).map(Err),
        })
        .await
    }

    fn poll_say(
        &mut self,
        context: &mut Context<'_>,
        answer: &mut Answer,
    ) -> Poll<Result<(), Gone>> {
        let said = answer.poll(context, &self.wire);
        if said.is_ready() {
            self.waits = Waits::Not;
            return said;
        }
        let (steps, nothing_left) = {
            let mut wire = self.wire.lock();
            (wire.steps(), wire.out().is_empty())
        };
        let waits = if nothing_left { Waits::Not } else { Waits::Reader(steps) };
        if std::mem::replace(&mut self.waits, waits) != waits {
            self.deadline.set(REST);
        }
        if !nothing_left && self.deadline.poll(context).is_ready() {
            return Poll::Ready(Err(Gone));
        }
        self.poll_gone(context).map(Err)
    }

    fn poll_gone(&self, context: &mut Context<'_>) -> Poll<Gone> {
        self.wire.lock().poll_gone(context, self.wire.is_ours_alone())
    }
}
