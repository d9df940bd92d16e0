//! The load generator: an open loop over many connections, each its own thread.
//!
//! Requests are due at fixed times whatever the server does. A request that is sent late because
//! the one before it was slow counts from when it was due, so that a stall is not hidden; one that
//! is late because the timer woke late counts from when it was sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Connections.
pub(super) const CONNECTIONS: u32 = 16;
/// Requests a second, over all connections.
pub(super) const RATE: u32 = 2_000;

/// Where the load goes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Target {
    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                Ok(Box::new(stream))
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// Sends `request` for `how_long` and gathers the latencies in nanoseconds. Every answer must be
/// a 200 that says `"allow":true`: a refusal would be quicker than what is to be measured.
pub(super) fn run(
    target: &Target,
    request: &Arc<[u8]>,
    how_long: Duration,
) -> io::Result<Histogram<u64>> {
    let began = Instant::now() + Duration::from_millis(20);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|worker| {
            let (target, request) = (target.clone(), request.clone());
            thread::spawn(move || work(&target, &request, began, how_long, worker))
        })
        .collect();
    let mut all = histogram()?;
    for worker in workers {
        let one = worker.join().map_err(|_| io::Error::other("a load thread panicked"))??;
        all.add(one).map_err(io::Error::other)?;
    }
    Ok(all)
}

fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(100, 60_000_000_000, 3).map_err(io::Error::other)
}

fn work(
    target: &Target,
    request: &[u8],
    began: Instant,
    how_long: Duration,
    worker: u32,
) -> io::Result<Histogram<u64>> {
    let (mut stream, mut latencies) = (target.connect()?, histogram()?);
    let interval = Duration::from_secs(1) * CONNECTIONS / RATE;
    let mut due = began + interval * worker / CONNECTIONS;
    let mut buffer = vec![0; 16 << 10];
    while due < began + how_long {
        let waited = due.checked_duration_since(Instant::now());
        waited.into_iter().for_each(thread::sleep);
        let from = if waited.is_some() { Instant::now() } else { due };
        stream.write_all(request)?;
        read_answer(&mut *stream, &mut buffer)?;
        let nanos = u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
        latencies.saturating_record(nanos);
        due += interval;
    }
    Ok(latencies)
}

fn read_answer(stream: &mut dyn Stream, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    loop {
        let room = buffer.get_mut(filled..).filter(|room| !room.is_empty());
        let read = stream.read(room.ok_or_else(|| io::Error::other("the answer is too long"))?)?;
        if read == 0 {
            return Err(io::Error::other("the server closed the connection"));
        }
        filled += read;
        let so_far = buffer.get(..filled).unwrap_or_default();
        if let Some(body) = whole_body(so_far)? {
            return match contains(body, b"\"allow\":true") && so_far.starts_with(b"HTTP/1.1 200") {
                true => Ok(()),
                false => {
                    Err(io::Error::other(format!("refused: {}", String::from_utf8_lossy(so_far))))
                }
            };
        }
    }
}

/// The body, once all of it is there.
fn whole_body(answer: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .and_then(|length| length.trim().parse().ok())
        .ok_or_else(|| io::Error::other("an answer without content-length"))?;
    Ok(answer.get(end + 4..end + 4 + length))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
