//! Listeners, and how many connections they take.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use bakerst_model::{Code, Limits};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::{self, Terms};
use super::http2::Bounds;
use super::pace::Patience;
use super::rerun::Rerun;
use crate::gateway::Gateway;
use crate::mcp;
use crate::problem::Problem;
use crate::source::Source;

/// How long to rest when the system has no connection to give.
const REST: Duration = Duration::from_millis(100);

/// Something that connections come from.
pub(super) trait Listen: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Source)>> + Send;
}

pub(super) struct Tcp(pub(super) TcpListener);
pub(super) struct Hook(pub(super) UnixListener);
pub(super) struct Control(pub(super) UnixListener);

impl Listen for Tcp {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Source)> {
        let (stream, peer) = self.0.accept().await?;
        // Answers are one small packet each; holding them back only adds delay.
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?.ip().to_canonical();
        Ok((stream, Source::Tcp { peer: peer.ip().to_canonical(), local }))
    }
}

impl Listen for Hook {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Source)> {
        let (stream, _) = self.0.accept().await?;
        Ok((stream, Source::Socket))
    }
}

impl Listen for Control {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Source)> {
        let (stream, _) = self.0.accept().await?;
        let uid = stream.peer_cred()?.uid();
        Ok((stream, Source::Control { uid }))
    }
}

/// So many connections at once.
pub(super) fn seats(max: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)))
}

/// All listeners of a server.
pub(super) struct Floor {
    loops: JoinSet<JoinSet<()>>,
    patience: Patience,
    bounds: Bounds,
    stopping: watch::Receiver<bool>,
}

impl Floor {
    pub(super) fn new(limits: &Limits, stopping: watch::Receiver<bool>) -> Self {
        let (patience, bounds) = (Patience::new(limits), Bounds::new(limits));
        Self { loops: JoinSet::new(), patience, bounds, stopping }
    }

    /// Begins to take connections.
    pub(super) fn open<L, F, Fut>(&mut self, listener: L, answer: F, seats: Arc<Semaphore>)
    where
        L: Listen + Sync,
        F: Fn(Source, Request<Body>) -> Fut + Clone + Send + Sync + Unpin + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        let terms = Terms { patience: self.patience, bounds: self.bounds, seats };
        self.loops.spawn(take(listener, answer, terms, self.stopping.clone()));
    }

    /// Begins to take wrappers.
    pub(super) fn link(
        &mut self,
        listener: UnixListener,
        own_uid: u32,
        gateway: Arc<Gateway>,
        seats: Arc<Semaphore>,
    ) {
        self.loops.spawn(take_links(listener, own_uid, gateway, seats, self.stopping.clone()));
    }

    /// Waits for what is being worked on; what takes longer is cut off.
    pub(super) async fn clear(mut self, within: Duration) {
        let all = async {
            while let Some(connections) = self.loops.join_next().await {
                if let Ok(mut connections) = connections {
                    while connections.join_next().await.is_some() {}
                }
            }
        };
        // Dropping a set of tasks ends them.
        tokio::time::timeout(within, all).await.ok();
    }
}

/// Takes connections until the server stops, and hands over those that are still open.
async fn take<L, F, Fut>(
    listener: L,
    answer: F,
    terms: Terms,
    mut stopping: watch::Receiver<bool>,
) -> JoinSet<()>
where
    L: Listen,
    F: Fn(Source, Request<Body>) -> Fut + Clone + Send + Sync + Unpin + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let stopped = stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopping.wait_for(|stopping| *stopping) => return connections,
        };
        let Ok((stream, source)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        match terms.seats.clone().try_acquire_owned() {
            Ok(seat) => {
                let (answer, stopped, terms) = (answer.clone(), stopped.clone(), terms.clone());
                connections.spawn(Rerun::new(async move {
                    connection::run(stream, source, answer, &terms, stopped).await;
                    drop(seat);
                }));
            }
            Err(_) => {
                let message = "as many connections are open as `connections_max` allows";
                let problem = Problem::new(Code::TooBusy, message);
                connections.spawn(connection::say_and_close(stream, problem));
            }
        }
    }
}

/// Takes wrappers of the account that runs this process until the server stops.
async fn take_links(
    listener: UnixListener,
    own_uid: u32,
    gateway: Arc<Gateway>,
    seats: Arc<Semaphore>,
    mut stopping: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut links = JoinSet::new();
    let stopped = stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = links.join_next() => continue,
            _ = stopping.wait_for(|stopping| *stopping) => return links,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let ours = stream.peer_cred().is_ok_and(|peer| peer.uid() == own_uid);
        // Whoever is one too many, or of another account, sees the connection end.
        if let (true, Ok(seat)) = (ours, seats.clone().try_acquire_owned()) {
            let (gateway, stopped) = (gateway.clone(), stopped.clone());
            links.spawn(Rerun::new(async move {
                mcp::link::serve(stream, own_uid, gateway, stopped).await;
                drop(seat);
            }));
        }
    }
}
