//! Our own input and output. Clients mostly give us pipes or sockets, which can be waited for as
//! they are; anything else is read and written by a thread beside, which takes longer.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream as StdStream;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};

/// What the client says.
pub(super) fn input() -> Box<dyn AsyncRead + Unpin> {
    match End::of(io::stdin()) {
        Ok(End::Pipe(file)) => match Receiver::from_file(file) {
            Ok(pipe) => Box::new(pipe),
            Err(_) => Box::new(tokio::io::stdin()),
        },
        Ok(End::Socket(stream)) => Box::new(stream),
        Ok(End::Other) | Err(_) => Box::new(tokio::io::stdin()),
    }
}

/// What the client hears.
pub(super) fn output() -> Box<dyn AsyncWrite + Unpin> {
    match End::of(io::stdout()) {
        Ok(End::Pipe(file)) => match Sender::from_file(file) {
            Ok(pipe) => Box::new(pipe),
            Err(_) => Box::new(tokio::io::stdout()),
        },
        Ok(End::Socket(stream)) => Box::new(stream),
        Ok(End::Other) | Err(_) => Box::new(tokio::io::stdout()),
    }
}

/// What one of our ends is.
enum End {
    Pipe(File),
    Socket(UnixStream),
    Other,
}

impl End {
    fn of(end: impl AsFd) -> io::Result<Self> {
        let ours: OwnedFd = end.as_fd().try_clone_to_owned()?;
        let file = File::from(ours);
        let kind = file.metadata()?.file_type();
        if kind.is_fifo() {
            return Ok(Self::Pipe(file));
        }
        if !kind.is_socket() {
            return Ok(Self::Other);
        }
        let stream = StdStream::from(OwnedFd::from(file));
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream).map(Self::Socket)
    }
}
