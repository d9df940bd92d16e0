//! The servers: listeners, connections, and an orderly end.

mod accept;
mod connection;
pub mod http1;
mod http2;
mod pace;
mod replayed;
mod rerun;

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use bakerst_model::Limits;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;

use crate::body;
use crate::gateway::Gateway;
use crate::housekeeping;
use crate::reply::{Audience, Reply};
use crate::router::Doors;
use crate::source::Source;

use accept::{Control, Hook, Tcp};

/// How long requests may take to end once the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Connections to the control socket; it has its own count, so that agents cannot take them all.
const CONTROL_CONNECTIONS_MAX: usize = 64;

/// Where to listen.
#[derive(Debug, Default)]
pub struct Listeners {
    /// For everybody, over TCP.
    pub tcp: Vec<TcpListener>,
    /// For everybody, over a Unix socket.
    pub hook: Option<UnixListener>,
    /// For wrappers around servers that clients start, of the account that runs this process.
    pub link: Option<UnixListener>,
    /// For the account that runs this process and for root, without tokens.
    pub control: Option<UnixListener>,
}

/// Serves until `shutdown` ends; then finishes what is being worked on, within ten seconds.
/// Calls that wait for a person are then answered that the question is still open.
///
/// # Errors
/// When it cannot be told which account this process runs as.
pub async fn serve(
    listeners: Listeners,
    gateway: Arc<Gateway>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let Listeners { tcp, hook, link, control } = listeners;
    let (public, operators) = (Doors::public(&gateway), Doors::control(&gateway, own_uid()?));
    let stopping = gateway.stopping();
    let public = move |source: Source, request: Request<Body>| {
        let doors = public.clone();
        async move { doors.answer(source, request).await }
    };
    let operators = move |source: Source, request: Request<Body>| {
        let doors = operators.clone();
        async move { doors.answer(source, request).await }
    };
    let limits = &gateway.limits;
    let mut floor = accept::Floor::new(limits, stopping);
    let shared = accept::seats(limits.connections_max);
    for listener in tcp {
        floor.open(Tcp(listener), public.clone(), shared.clone());
    }
    if let Some(listener) = hook {
        floor.open(Hook(listener), public, shared.clone());
    }
    if let Some(listener) = link {
        floor.link(listener, own_uid()?, gateway.clone(), shared);
    }
    if let Some(listener) = control {
        floor.open(Control(listener), operators, accept::seats(CONTROL_CONNECTIONS_MAX));
    }
    let house = tokio::spawn(housekeeping::keep(gateway.clone()));
    shutdown.await;
    gateway.close();
    floor.clear(STOP_WITHIN).await;
    // It ends by itself, and what it could not record is in readiness.
    house.await.ok();
    Ok(())
}

/// Serves the same way, and answers `{"allow":true}` to everything. It guards nothing: it is what
/// a bench compares the real doors with, and no configuration leads to it.
///
/// # Errors
/// Never yet; it is like [`serve`].
pub async fn serve_noop(
    listeners: Listeners,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let Listeners { tcp, hook, link: _, control: _ } = listeners;
    let (stop, stopping) = watch::channel(false);
    let mut floor = accept::Floor::new(&limits, stopping);
    let shared = accept::seats(limits.connections_max);
    let limits = Arc::new(limits);
    let answer = move |_: Source, request: Request<Body>| {
        let limits = limits.clone();
        async move { noop(request, &limits).await }
    };
    for listener in tcp {
        floor.open(Tcp(listener), answer.clone(), shared.clone());
    }
    if let Some(listener) = hook {
        floor.open(Hook(listener), answer, shared);
    }
    shutdown.await;
    stop.send_replace(true);
    floor.clear(STOP_WITHIN).await;
    Ok(())
}

async fn noop(request: Request<Body>, limits: &Limits) -> Response<Body> {
    let mut body = request.into_body();
    let reply = match body::read(&mut body, limits).await {
        Ok(_) => Reply::document(r#"{"allow":true}"#.into()),
        Err(problem) => Reply::problem(&problem, Audience::Agent),
    };
    reply.into_response()
}

/// The account that this process runs as, asked of the system by way of a socket to ourselves.
///
/// # Errors
/// When there can be no socket. It must be called within a runtime.
pub fn own_uid() -> io::Result<u32> {
    let (ours, _theirs) = UnixStream::pair()?;
    Ok(ours.peer_cred()?.uid())
}

/// Binds a Unix socket with these access rights. A socket that nobody answers any more is
/// replaced; one that is in use, or a file of another kind, is left alone.
///
/// # Errors
/// When the place is taken or cannot be written.
pub fn bind_socket(path: &Path, mode: u32) -> io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt as _;
    if let Ok(there) = std::fs::symlink_metadata(path) {
        if !there.file_type().is_socket() || std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}
