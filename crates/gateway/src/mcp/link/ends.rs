//! The ends of a client's and a server's pipes, and how they come from one process to another.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream as StdStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};

/// The byte that the ends come with: a message without any would not arrive.
const HANDED_OVER: &[u8; 1] = b"e";

/// What somebody is listened to by.
pub(super) type Reading = Box<dyn AsyncRead + Send + Unpin>;
/// What somebody is spoken to by.
pub(super) type Writing = Box<dyn AsyncWrite + Send + Unpin>;

/// Where a client and a server speak and listen: pipes or sockets.
#[derive(Debug)]
pub struct LinkEnds {
    /// What the client says.
    pub from_client: OwnedFd,
    /// What the client hears.
    pub to_client: OwnedFd,
    /// What the server says.
    pub from_server: OwnedFd,
    /// What the server hears.
    pub to_server: OwnedFd,
}

impl LinkEnds {
    /// Gives all four to whoever is at the other end of `stream`. None of them is held here any more
    /// when this returns, so that each side sees when the other is done.
    ///
    /// # Errors
    /// When nobody takes them.
    pub async fn hand_over(self, stream: &UnixStream) -> io::Result<()> {
        let Self { from_client, to_client, from_server, to_server } = self;
        let ends = [&from_client, &to_client, &from_server, &to_server].map(|end| end.as_fd());
        let send = || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !control.push(SendAncillaryMessage::ScmRights(&ends)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            let sent =
                sendmsg(stream, &[IoSlice::new(HANDED_OVER)], &mut control, SendFlags::NOSIGNAL);
            Ok(sent.map(drop)?)
        };
        stream.async_io(Interest::WRITABLE, send).await
    }

    /// Takes what was handed over.
    pub(super) async fn taken_from(stream: &UnixStream) -> io::Result<Self> {
        let take = || {
            let (mut byte, mut taken) = ([0; 1], Vec::new());
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let into = &mut [IoSliceMut::new(&mut byte)];
            recvmsg(stream, into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(ends) = message {
                    taken.extend(ends);
                }
            }
            Ok(taken)
        };
        let taken = stream.async_io(Interest::READABLE, take).await?;
        let Ok([from_client, to_client, from_server, to_server]) = <[OwnedFd; 4]>::try_from(taken)
        else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        Ok(Self { from_client, to_client, from_server, to_server })
    }
}

/// An end to listen at.
pub(super) fn reading(end: OwnedFd) -> io::Result<Reading> {
    Ok(match Kind::of(end)? {
        Kind::Pipe(file) => Box::new(Receiver::from_file(file)?),
        Kind::Socket(stream) => Box::new(stream),
    })
}

/// An end to speak at.
pub(super) fn writing(end: OwnedFd) -> io::Result<Writing> {
    Ok(match Kind::of(end)? {
        Kind::Pipe(file) => Box::new(Sender::from_file(file)?),
        Kind::Socket(stream) => Box::new(stream),
    })
}

/// What an end is. Anything else cannot be waited for.
enum Kind {
    Pipe(File),
    Socket(UnixStream),
}

impl Kind {
    fn of(end: OwnedFd) -> io::Result<Self> {
        let file = File::from(end);
        let kind = file.metadata()?.file_type();
        if kind.is_fifo() {
            return Ok(Self::Pipe(file));
        }
        if !kind.is_socket() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let stream = StdStream::from(OwnedFd::from(file));
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream).map(Self::Socket)
    }
}
