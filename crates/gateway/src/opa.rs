//! A remote OPA, asked over its REST API: `POST /v1/data/…`.
//!
//! It is waited for as long as the configuration says and no longer, read as far as the limits say
//! and no further, and followed nowhere. Whatever is not a sound answer is a [`NoAnswer`], and the
//! built-in rules answer instead.

mod cache;
mod reply;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Method, Request, header};
use bakerst_guard::authorization::{AuthorizeNeed, Consulted, NoAnswer, OpaAddress, OpaServer};
use bakerst_model::Limits;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use cache::{Cache, Key};

/// Connections that are kept open between questions.
const IDLE_MAX: usize = 8;

/// Asks, and remembers.
pub(crate) struct OpaDesk {
    seats: Semaphore,
    cache: Mutex<Cache>,
    idle: Mutex<Vec<(OpaAddress, Sender)>>,
    limits: Limits,
}

type Sender = SendRequest<Full<Bytes>>;

impl OpaDesk {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            seats: Semaphore::new(limits.opa_questions_max),
            cache: Mutex::new(Cache::new(limits.opa_cache_max)),
            idle: Mutex::default(),
            limits: limits.clone(),
        }
    }

    /// What the remote policy says; it always comes back, and in time.
    pub(crate) async fn ask(&self, need: &AuthorizeNeed) -> Consulted {
        let server = &*need.server;
        let key = Key::of(need);
        if let Some(remembered) = lock(&self.cache).find(&key, server, Instant::now()) {
            return remembered;
        }
        let Ok(_seat) = self.seats.try_acquire() else {
            return Consulted::Silent(NoAnswer::TooMany { max: self.limits.opa_questions_max });
        };
        let millis = server.timeout_millis;
        let asked = tokio::time::timeout(Duration::from_millis(millis), self.exchange(need)).await;
        match asked.unwrap_or(Err(NoAnswer::TooSlow { millis })) {
            Ok(answer) => {
                lock(&self.cache).keep(key, server, &answer, Instant::now());
                answer
            }
            Err(why) => Consulted::Silent(why),
        }
    }

    async fn exchange(&self, need: &AuthorizeNeed) -> Result<Consulted, NoAnswer> {
        let address = &need.server.address;
        if let Some(kept) = self.kept(address) {
            match self.send(kept, need).await {
                // It may have been closed while nobody looked.
                Err(NoAnswer::Unreachable(_)) => {}
                answered => return answered,
            }
        }
        self.send(connect(address).await?, need).await
    }

    async fn send(&self, mut sender: Sender, need: &AuthorizeNeed) -> Result<Consulted, NoAnswer> {
        sender.ready().await.map_err(|e| unreachable(&e))?;
        let response = sender.send_request(request(need)?).await.map_err(|e| unreachable(&e))?;
        let (head, body) = response.into_parts();
        let max = self.limits.opa_answer_bytes_max;
        let body = Limited::new(body, max).collect().await.map_err(|error| match error
            .downcast_ref::<LengthLimitError>(
        ) {
            Some(_) => NoAnswer::TooLong { max },
            None => NoAnswer::Garbled(error.to_string()),
        })?;
        let answer = reply::read(head.status.as_u16(), &body.to_bytes(), &self.limits);
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push((need.server.address.clone(), sender));
        }
        answer
    }

    fn kept(&self, address: &OpaAddress) -> Option<Sender> {
        let mut idle = lock(&self.idle);
        idle.retain(|(there, sender)| there == address && !sender.is_closed());
        idle.pop().map(|(_, sender)| sender)
    }
}

fn request(need: &AuthorizeNeed) -> Result<Request<Full<Bytes>>, NoAnswer> {
    let OpaServer { address, path, .. } = &*need.server;
    let host = match address {
        OpaAddress::Tcp(address) => address.to_string(),
        OpaAddress::Unix(_) => "localhost".to_owned(),
    };
    // What a function of the policy cannot work with is an error there as here, not silence.
    let uri = format!("/v1/data/{path}?strict-builtin-errors=true&provenance=true&metrics=true");
    let body = ["{\"input\":", &need.input, "}"].concat();
    Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| NoAnswer::Unreachable(e.to_string()))
}

async fn connect(address: &OpaAddress) -> Result<Sender, NoAnswer> {
    match address {
        OpaAddress::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(|e| unreachable(&e))?;
            stream.set_nodelay(true).map_err(|e| unreachable(&e))?;
            shake_hands(stream).await
        }
        OpaAddress::Unix(path) => {
            shake_hands(UnixStream::connect(path).await.map_err(|e| unreachable(&e))?).await
        }
    }
}

async fn shake_hands<S>(stream: S) -> Result<Sender, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|e| unreachable(&e))?;
    // It ends with its sender.
    tokio::spawn(connection);
    Ok(sender)
}

fn unreachable(error: &dyn std::error::Error) -> NoAnswer {
    NoAnswer::Unreachable(error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
