//! `bakerst mcp -- PROGRAM`: starts a server for a client, and hands every line of both to the
//! running Baker Street. What passes is decided there; nothing is decided here.

mod pipes;

use std::io;
use std::path::Path;
use std::time::Duration;

use bakerst_gateway::{LinkHello, LinkSide, LinkWelcome};
use bakerst_model::Code;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite,
    AsyncWriteExt as _, BufReader,
};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::children::{self, Child};
use crate::cli::{Global, Mcp};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Places;

/// The longest line of either side; one that is longer ends the link.
const LINE_BYTES_MAX: usize = 64 << 20;
/// How long a server may go on answering once its client is gone.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(5);
/// How long what a server has said may take to come through once it has ended. Something that it
/// started may keep its output open for ever.
const AFTERWORDS_WITHIN: Duration = Duration::from_millis(200);
/// Longer than any client stays.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);
/// How long Baker Street may take to let us in.
const WELCOME_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn run(mcp: &Mcp, global: &Global) -> Outcome {
    let socket = Places::of(global)?.link_socket();
    // One thread: what comes in at one end goes out at another, and no core is better than this.
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = built.map_err(|error| broken(&error.to_string()))?;
    runtime.block_on(async {
        let (reading, writing) = connect(&socket, mcp).await?;
        // The server is started only once somebody guards it.
        let started = children::command(&mcp.server, None).and_then(Child::start);
        let server = started.map_err(|error| {
            let message = format!("`{}` cannot be started: {error}", program(mcp));
            Failure::environment(Code::ServerNotStarted, message)
        })?;
        relay(reading, writing, server).await
    })
}

fn program(mcp: &Mcp) -> &str {
    mcp.server.first().map_or("", String::as_str)
}

/// Connects to the running Baker Street and says whose lines are to come.
async fn connect(
    socket: &Path,
    mcp: &Mcp,
) -> Result<(BufReader<OwnedReadHalf>, OwnedWriteHalf), Failure> {
    let not_there = |error: &io::Error| {
        let message = format!("no running Baker Street answers at `{}`: {error}", socket.display());
        Failure::environment(Code::NotRunning, message)
    };
    let stream = UnixStream::connect(socket).await.map_err(|error| not_there(&error))?;
    let (reading, mut writing) = stream.into_split();
    let mut reading = buffered(reading);
    let hello = LinkHello {
        server: mcp.name.clone().unwrap_or_else(|| name_of(program(mcp))),
        agent: mcp.agent.clone(),
        conversation: mcp.conversation.clone(),
    };
    let mut line = serde_json::to_string(&hello).unwrap_or_default();
    line.push('\n');
    let greeted = async {
        writing.write_all(line.as_bytes()).await?;
        let mut line = String::new();
        reading.read_line(&mut line).await?;
        serde_json::from_str(&line).map_err(io::Error::from)
    };
    let greeted = tokio::time::timeout(WELCOME_WITHIN, greeted).await;
    match greeted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(LinkWelcome::Ready) => Ok((reading, writing)),
        Ok(LinkWelcome::Refused(why)) => Err(Failure::new(Exit::Refused, Code::NotRunning, why)),
        Err(error) => Err(not_there(&error)),
    }
}

/// The name of a program without its folder.
fn name_of(program: &str) -> String {
    let name = Path::new(program).file_name().and_then(|name| name.to_str());
    name.unwrap_or("server").to_owned()
}

/// Hands lines to and fro until the client or the server is done.
async fn relay(
    reading: BufReader<OwnedReadHalf>,
    writing: OwnedWriteHalf,
    mut server: Child,
) -> Outcome {
    let (Some(to_server), Some(from_server)) = (server.input(), server.output()) else {
        return Err(broken("the server has no pipes"));
    };
    // Two sides write to one socket, a line at a time.
    let link = Mutex::new(writing);
    let ended = {
        let client = forward(LinkSide::Client, buffered(pipes::input()), &link);
        let answers = forward(LinkSide::Server, buffered(from_server), &link);
        let back = deliver(reading, pipes::output(), to_server);
        tokio::pin!(client, answers, back);
        let (mut listening, mut running) = (true, true);
        let last_words = tokio::time::sleep(FOREVER);
        tokio::pin!(last_words);
        loop {
            tokio::select! {
                // The client is done. What it asked for last may still be answered.
                client = &mut client, if listening => {
                    listening = false;
                    if running {
                        last_words.as_mut().reset(Instant::now() + LAST_WORDS_WITHIN);
                    }
                    if let Err(error) = client {
                        break Err(error);
                    }
                }
                () = server.ended(), if running => {
                    running = false;
                    last_words.as_mut().reset(Instant::now() + AFTERWORDS_WITHIN);
                }
                () = &mut last_words => break Ok(server.exit()),
                // The server is done: what it said last is still on its way through.
                answers = &mut answers => break match answers {
                    Ok(()) => {
                        link.lock().await.shutdown().await.ok();
                        (&mut back).await.map(|()| server.exit())
                    }
                    Err(error) => Err(error),
                },
                back = &mut back => break match back {
                    Ok(()) => Err(io::ErrorKind::ConnectionAborted.into()),
                    Err(error) => Err(error),
                },
                () = told_to_stop() => break Ok(Exit::Ok),
            }
        }
    };
    server.stop().await;
    ended.map_err(|error| broken(&error.to_string()))
}

/// Ends once somebody wants us to stop.
async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn buffered<R: AsyncRead>(reading: R) -> BufReader<R> {
    BufReader::with_capacity(64 << 10, reading)
}

fn broken(why: &str) -> Failure {
    Failure::environment(Code::LinkBroken, format!("the link to Baker Street broke: {why}"))
}

/// Hands the lines of one side to Baker Street, and then its end: a line with nothing in it.
async fn forward(
    side: LinkSide,
    mut reading: impl AsyncBufRead + Unpin,
    link: &Mutex<OwnedWriteHalf>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        line.push(side.letter());
        let room = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut reading).take(room).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return link.lock().await.write_all(&[side.letter(), b'\n']).await;
        }
        match line.last() {
            Some(b'\n') => {}
            // A last line without an end is still a line.
            _ if read <= LINE_BYTES_MAX => line.push(b'\n'),
            _ => {
                return Err(io::Error::other(format!(
                    "a line is longer than {LINE_BYTES_MAX} bytes"
                )));
            }
        }
        if line.len() > 2 {
            link.lock().await.write_all(&line).await?;
        }
    }
}

/// Hands what Baker Street lets through to whom it is for.
async fn deliver(
    mut reading: impl AsyncBufRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    server: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (mut server, mut line) = (Some(server), Vec::new());
    loop {
        line.clear();
        if reading.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let Some((letter, text)) = line.split_first() else { continue };
        match LinkSide::of_letter(*letter) {
            Some(LinkSide::Client) => {
                client.write_all(text).await?;
                client.flush().await?;
            }
            // The client has said its last.
            Some(LinkSide::Server) if text == b"\n" => server = None,
            Some(LinkSide::Server) => {
                // A server that has ended takes nothing more; its end is seen where it speaks.
                if let Some(server) = &mut server
                    && server.write_all(text).await.is_ok()
                {
                    server.flush().await.ok();
                }
            }
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
