//! Our own input and output, as they can be handed to another process. Clients mostly give us pipes
//! or sockets, which are handed over as they are; anything else is copied through a pipe by a
//! thread beside, which takes longer.

use std::fs::File;
use std::io::{self, PipeWriter, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::thread;

use tokio::sync::oneshot;

/// What the client hears.
pub(super) struct Output {
    pub(super) end: OwnedFd,
    /// Ends once all is copied, where it has to be.
    pub(super) copied: Option<oneshot::Receiver<()>>,
}

/// What the client says.
pub(super) fn input() -> io::Result<OwnedFd> {
    if let Some(end) = handed_over(io::stdin())? {
        return Ok(end);
    }
    let (reading, writing) = pipe()?;
    // A thread of its own, which nobody waits for: it may read for ever.
    thread::Builder::new().spawn(move || copy_input(writing))?;
    Ok(reading.into())
}

fn copy_input(mut writing: PipeWriter) {
    // Whoever reads sees the end, whatever it comes from.
    io::copy(&mut io::stdin().lock(), &mut writing).ok();
}

/// What the client hears.
pub(super) fn output() -> io::Result<Output> {
    if let Some(end) = handed_over(io::stdout())? {
        return Ok(Output { end, copied: None });
    }
    let (mut reading, writing) = pipe()?;
    let (done, copied) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        io::copy(&mut reading, &mut io::stdout()).ok();
        done.send(())
    })?;
    Ok(Output { end: writing.into(), copied: Some(copied) })
}

/// An end of ours, if another process can wait for it.
fn handed_over(end: impl AsFd) -> io::Result<Option<OwnedFd>> {
    let file = File::from(end.as_fd().try_clone_to_owned()?);
    let kind = file.metadata()?.file_type();
    Ok((kind.is_fifo() || kind.is_socket()).then(|| file.into()))
}
