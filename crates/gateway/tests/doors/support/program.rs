//! A program that is started for each session, and speaks as it is told.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bakerst_gateway::{McpProcess, McpProgram, McpRunning, McpServer};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf,
};
use tokio::task::JoinHandle;

type Play = dyn Fn(Pipes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// A program, and what is known of those that were started.
#[derive(Clone)]
pub(crate) struct Program {
    play: Arc<Play>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    started: AtomicUsize,
    running: AtomicUsize,
    stopped: AtomicUsize,
    is_broken: AtomicBool,
    heard: Arc<Mutex<Vec<Value>>>,
}

/// What one of them hears and says.
pub(crate) struct Pipes {
    /// Which it is, from 1.
    pub(crate) number: usize,
    reading: BufReader<ReadHalf<DuplexStream>>,
    writing: WriteHalf<DuplexStream>,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Pipes {
    /// The next message; none once nobody speaks to it any more.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = self.reading.read_line(&mut line).await.unwrap_or(0);
        if read == 0 {
            return None;
        }
        let message: Value = serde_json::from_str(&line).expect("each line is a message");
        self.heard.lock().unwrap().push(message.clone());
        Some(message)
    }

    /// The next message that is a request; what else comes is passed over.
    pub(crate) async fn asked(&mut self) -> Option<Value> {
        loop {
            let message = self.hear().await?;
            if message["method"].is_string() && !message["id"].is_null() {
                return Some(message);
            }
        }
    }

    /// Says something, whether anybody listens or not.
    pub(crate) async fn say(&mut self, message: &Value) {
        self.print(&format!("{message}\n")).await;
    }

    pub(crate) async fn print(&mut self, text: &str) {
        self.writing.write_all(text.as_bytes()).await.ok();
    }

    /// Answers a request.
    pub(crate) async fn answer(&mut self, asked: &Value, result: &Value) {
        self.say(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result })).await;
    }

    /// Answers the greeting, and every other request with what it was given and by whom.
    pub(crate) async fn echo(&mut self, asked: &Value) {
        let text = format!("{} says {}", self.number, asked["params"]["arguments"]);
        self.answer(asked, &json!({ "content": [{ "type": "text", "text": text }] })).await;
    }
}

impl Program {
    /// One that plays this part.
    pub(crate) fn new<P>(play: impl Fn(Pipes) -> P + Send + Sync + 'static) -> Self
    where
        P: Future<Output = ()> + Send + 'static,
    {
        Self { play: Arc::new(move |pipes| Box::pin(play(pipes))), counts: Arc::default() }
    }

    /// One that echoes.
    pub(crate) fn echoing() -> Self {
        Self::new(|mut pipes| async move {
            while let Some(asked) = pipes.asked().await {
                pipes.echo(&asked).await;
            }
        })
    }

    pub(crate) fn server(&self) -> McpServer {
        McpServer::Program(Arc::new(self.clone()))
    }

    /// From now on it cannot be started.
    pub(crate) fn break_down(&self) {
        self.counts.is_broken.store(true, Ordering::Relaxed);
    }

    /// How many were started.
    pub(crate) fn started(&self) -> usize {
        self.counts.started.load(Ordering::Relaxed)
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.counts.running.load(Ordering::Relaxed)
    }

    /// How many were told to stop.
    pub(crate) fn stopped(&self) -> usize {
        self.counts.stopped.load(Ordering::Relaxed)
    }

    /// What all of them heard.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.counts.heard.lock().unwrap().clone()
    }
}

impl McpProgram for Program {
    fn start(&self) -> Pin<Box<dyn Future<Output = io::Result<McpProcess>> + Send + '_>> {
        let number = self.counts.started.fetch_add(1, Ordering::Relaxed) + 1;
        if self.counts.is_broken.load(Ordering::Relaxed) {
            return Box::pin(async { Err(io::ErrorKind::NotFound.into()) });
        }
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (reading, writing) = tokio::io::split(theirs);
        let heard = self.counts.heard.clone();
        let pipes = Pipes { number, reading: BufReader::new(reading), writing, heard };
        let (playing, counts) = ((self.play)(pipes), self.counts.clone());
        counts.running.fetch_add(1, Ordering::Relaxed);
        let playing = tokio::spawn(async move {
            let _runs = Runs(counts);
            playing.await;
        });
        let (output, input) = tokio::io::split(ours);
        let running = Box::new(Playing { playing, counts: self.counts.clone() });
        let process = McpProcess { input: Box::new(input), output: Box::new(output), running };
        Box::pin(async { Ok(process) })
    }
}

/// Counts one that runs.
struct Runs(Arc<Counts>);

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Playing {
    playing: JoinHandle<()>,
    counts: Arc<Counts>,
}

impl McpRunning for Playing {
    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.counts.stopped.fetch_add(1, Ordering::Relaxed);
            self.playing.abort();
        })
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.playing.abort();
    }
}
