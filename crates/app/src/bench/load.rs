//! The load generator: many connections, each its own thread, in an open loop or a closed one.
//!
//! In the open loop, requests are due at fixed times whatever the server does. A request that is sent late because
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

/// What is sent, over and over. Every answer must be a 200 that says what is wanted: a refusal
/// would be quicker than what is to be measured.
#[derive(Clone)]
pub(super) struct Ask {
    bytes: Arc<[u8]>,
    wanted: &'static str,
}

impl Ask {
    /// A body to be posted, with these further headers.
    pub(super) fn post(path: &str, headers: &str, body: &str, wanted: &'static str) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        Self { bytes: (head + body).into_bytes().into(), wanted }
    }
}

/// Asks for `how_long` at a steady pace and gathers the latencies in nanoseconds.
pub(super) fn run(target: &Target, ask: &Ask, how_long: Duration) -> io::Result<Histogram<u64>> {
    let began = Instant::now() + Duration::from_millis(20);
    let mut all = histogram()?;
    for one in side_by_side(|worker| {
        let (target, ask) = (target.clone(), ask.clone());
        move || work(&target, &ask, began, how_long, worker)
    })? {
        all.add(one).map_err(io::Error::other)?;
    }
    Ok(all)
}

/// Asks anew as soon as there is an answer, for `how_long`, and counts the answers.
pub(super) fn saturate(target: &Target, ask: &Ask, how_long: Duration) -> io::Result<u64> {
    let until = Instant::now() + how_long;
    let counted = side_by_side(|_| {
        let (target, ask) = (target.clone(), ask.clone());
        move || {
            let (mut line, mut answers) = (Line::connect(&target)?, 0);
            while Instant::now() < until {
                line.ask(&ask)?;
                answers += 1;
            }
            Ok(answers)
        }
    })?;
    Ok(counted.into_iter().sum())
}

/// Does the same work on all connections, a thread each.
fn side_by_side<T, F>(work: impl Fn(u32) -> F) -> io::Result<Vec<T>>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let workers: Vec<_> = (0..CONNECTIONS).map(|worker| thread::spawn(work(worker))).collect();
    let done = workers
        .into_iter()
        .map(|worker| worker.join().map_err(|_| io::Error::other("a load thread panicked"))?);
    done.collect()
}

/// Room for every latency from a tenth of a microsecond to a minute.
pub(super) fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(100, 60_000_000_000, 3).map_err(io::Error::other)
}

fn work(
    target: &Target,
    ask: &Ask,
    began: Instant,
    how_long: Duration,
    worker: u32,
) -> io::Result<Histogram<u64>> {
    let (mut line, mut latencies) = (Line::connect(target)?, histogram()?);
    let interval = Duration::from_secs(1) * CONNECTIONS / RATE;
    let mut due = began + interval * worker / CONNECTIONS;
    while due < began + how_long {
        let waited = due.checked_duration_since(Instant::now());
        waited.into_iter().for_each(thread::sleep);
        let from = if waited.is_some() { Instant::now() } else { due };
        line.ask(ask)?;
        latencies.saturating_record(nanos(from.elapsed()));
        due += interval;
    }
    Ok(latencies)
}

/// A time as it is kept.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// One connection.
pub(super) struct Line {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Line {
    pub(super) fn connect(target: &Target) -> io::Result<Self> {
        Ok(Self { stream: target.connect()?, buffer: vec![0; 16 << 10] })
    }

    /// Asks, and reads the answer.
    pub(super) fn ask(&mut self, ask: &Ask) -> io::Result<()> {
        self.stream.write_all(&ask.bytes)?;
        let mut filled = 0;
        loop {
            let room = self.buffer.get_mut(filled..).filter(|room| !room.is_empty());
            let room = room.ok_or_else(|| io::Error::other("the answer is too long"))?;
            let read = self.stream.read(room)?;
            if read == 0 {
                return Err(io::Error::other("the server closed the connection"));
            }
            filled += read;
            let so_far = self.buffer.get(..filled).unwrap_or_default();
            if let Some(body) = whole_body(so_far)? {
                let is_wanted = memchr::memmem::find(body, ask.wanted.as_bytes()).is_some();
                return match is_wanted && so_far.starts_with(b"HTTP/1.1 200") {
                    true => Ok(()),
                    false => {
                        let refused = String::from_utf8_lossy(so_far);
                        Err(io::Error::other(format!("refused: {refused}")))
                    }
                };
            }
        }
    }
}

/// The body of a message, once all of it is there.
pub(super) fn whole_body(message: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some(end) = memchr::memmem::find(message, b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(message.get(..end).unwrap_or_default()).to_lowercase();
    if head.lines().any(|line| line == "transfer-encoding: chunked") {
        // Whoever had to wait long for an answer gets it as a stream of events.
        let rest = message.get(end + 4..).unwrap_or_default();
        return Ok(rest.ends_with(b"\r\n0\r\n\r\n").then_some(rest));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .and_then(|length| length.trim().parse().ok())
        .ok_or_else(|| io::Error::other("a message without content-length"))?;
    Ok(message.get(end + 4..end + 4 + length))
}

/// Latencies of a guarded server, and of its baseline.
pub(super) struct Added {
    guarded: Histogram<u64>,
    base: Histogram<u64>,
}

impl Added {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { guarded: histogram()?, base: histogram()? })
    }

    /// Measures both in turn, so that a machine that changes its mind changes it for both.
    pub(super) fn compare(
        (guarded, guarded_ask): (&Target, &Ask),
        (base, base_ask): (&Target, &Ask),
        rounds: u32,
        how_long: Duration,
    ) -> io::Result<Self> {
        let mut added = Self::new()?;
        run(guarded, guarded_ask, how_long / 3)?;
        for _ in 0..rounds {
            added.take(&run(guarded, guarded_ask, how_long)?, &run(base, base_ask, how_long)?)?;
        }
        Ok(added)
    }

    /// Adds what one round found.
    pub(super) fn take(
        &mut self,
        guarded: &Histogram<u64>,
        base: &Histogram<u64>,
    ) -> io::Result<()> {
        self.guarded.add(guarded).and_then(|()| self.base.add(base)).map_err(io::Error::other)
    }

    /// What guarding adds, in microseconds.
    pub(super) fn added(&self, percentile: f64) -> f64 {
        self.guarded(percentile) - self.base(percentile)
    }

    pub(super) fn guarded(&self, percentile: f64) -> f64 {
        micros(&self.guarded, percentile)
    }

    pub(super) fn base(&self, percentile: f64) -> f64 {
        micros(&self.base, percentile)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn micros(latencies: &Histogram<u64>, percentile: f64) -> f64 {
    latencies.value_at_percentile(percentile) as f64 / 1000.0
}
