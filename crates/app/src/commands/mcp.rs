//! `bakerst mcp -- PROGRAM`: starts a server for a client, and hands the pipes of both to the
//! running Baker Street. What passes is decided there; nothing is decided here.

mod ends;

use std::io;
use std::path::Path;
use std::time::Duration;

use bakerst_gateway::{LinkEnds, LinkHello, LinkNews, LinkWelcome};
use bakerst_model::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::children::{self, Child};
use crate::cli::{Global, Mcp};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Places;

/// The longest welcome.
const WELCOME_BYTES_MAX: usize = 4 << 10;
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
    // One thread: there is hardly anything to do.
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = built.map_err(|error| broken(&error.to_string()))?;
    runtime.block_on(async {
        let link = connect(&socket, mcp).await?;
        // The server is started only once somebody guards it.
        let started = children::command(&mcp.server, None).and_then(Child::start);
        let server = started.map_err(|error| {
            let message = format!("`{}` cannot be started: {error}", program(mcp));
            Failure::environment(Code::ServerNotStarted, message)
        })?;
        keep(link, server).await
    })
}

fn program(mcp: &Mcp) -> &str {
    mcp.server.first().map_or("", String::as_str)
}

/// Connects to the running Baker Street and says whose lines are to come.
async fn connect(socket: &Path, mcp: &Mcp) -> Result<UnixStream, Failure> {
    let not_there = |error: &io::Error| {
        let message = format!("no running Baker Street answers at `{}`: {error}", socket.display());
        Failure::environment(Code::NotRunning, message)
    };
    let mut link = UnixStream::connect(socket).await.map_err(|error| not_there(&error))?;
    let hello = LinkHello {
        server: mcp.name.clone().unwrap_or_else(|| name_of(program(mcp))),
        agent: mcp.agent.clone(),
        conversation: mcp.conversation.clone(),
    };
    let mut line = serde_json::to_string(&hello).unwrap_or_default();
    line.push('\n');
    let greeted = async {
        link.write_all(line.as_bytes()).await?;
        let welcome = first_line(&mut link).await?;
        serde_json::from_slice(&welcome).map_err(io::Error::from)
    };
    let greeted = tokio::time::timeout(WELCOME_WITHIN, greeted).await;
    match greeted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(LinkWelcome::Ready) => Ok(link),
        Ok(LinkWelcome::Refused(why)) => Err(Failure::new(Exit::Refused, Code::NotRunning, why)),
        Err(error) => Err(not_there(&error)),
    }
}

/// The first line, and nothing of what follows it.
async fn first_line(link: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while line.len() < WELCOME_BYTES_MAX {
        match link.read_u8().await? {
            b'\n' => return Ok(line),
            byte => line.push(byte),
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// The name of a program without its folder.
fn name_of(program: &str) -> String {
    let name = Path::new(program).file_name().and_then(|name| name.to_str());
    name.unwrap_or("server").to_owned()
}

/// Hands over all four ends, and keeps the server until Baker Street is done with them.
async fn keep(mut link: UnixStream, mut server: Child) -> Outcome {
    let (Some(to_server), Some(from_server)) = (server.input(), server.output()) else {
        return Err(broken("the server has no pipes"));
    };
    let handed_over = async {
        let (from_client, to_client) = (ends::input()?, ends::output()?);
        let ends = LinkEnds {
            from_client,
            to_client: to_client.end,
            from_server: from_server.into_owned_fd()?,
            to_server: to_server.into_owned_fd()?,
        };
        ends.hand_over(&link).await.map(|()| to_client.copied)
    };
    let ended = match handed_over.await {
        Ok(copied) => {
            let ended = wait(&mut link, &mut server).await;
            // Whoever reads what we copy for them gets all of it.
            if let Some(copied) = copied {
                tokio::time::timeout(LAST_WORDS_WITHIN, copied).await.ok();
            }
            ended
        }
        Err(error) => Err(error),
    };
    server.stop().await;
    ended.map_err(|error| broken(&error.to_string()))
}

/// Waits until the client or the server is done.
async fn wait(link: &mut UnixStream, server: &mut Child) -> io::Result<Exit> {
    let (mut running, mut over) = (true, false);
    let last_words = tokio::time::sleep(FOREVER);
    tokio::pin!(last_words);
    loop {
        tokio::select! {
            news = link.read_u8() => match news.ok().map(LinkNews::of_letter) {
                // What the client asked for last may still be answered.
                Some(Some(LinkNews::ClientDone)) if running => {
                    last_words.as_mut().reset(Instant::now() + LAST_WORDS_WITHIN);
                }
                Some(Some(LinkNews::ClientDone)) => {}
                Some(Some(LinkNews::ServerDone)) => {
                    over = true;
                    last_words.as_mut().reset(Instant::now() + FOREVER);
                }
                Some(Some(LinkNews::TooLong)) => return Err(io::Error::other("a line is too long")),
                Some(None) => return Err(io::ErrorKind::InvalidData.into()),
                None if over => return Ok(server.exit()),
                None => return Err(io::ErrorKind::ConnectionAborted.into()),
            },
            () = server.ended(), if running => {
                running = false;
                if !over {
                    last_words.as_mut().reset(Instant::now() + AFTERWORDS_WITHIN);
                }
            }
            () = &mut last_words => return Ok(server.exit()),
            () = told_to_stop() => return Ok(Exit::Ok),
        }
    }
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

fn broken(why: &str) -> Failure {
    Failure::environment(Code::LinkBroken, format!("the link to Baker Street broke: {why}"))
}
