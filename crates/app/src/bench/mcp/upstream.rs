//! A tool server that answers every call at once, so that nothing of its own is measured.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use bakerst_model::Code;

use crate::bench::load::whole_body;
use crate::bench::server::{Server, own_command, start};
use crate::cli::BenchUpstream;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;

/// What the answer to a call says.
pub(super) const ANSWERED: &str = "UTC+9";
/// What the answer to a greeting says.
pub(super) const BEGUN: &str = "mock-tools";

const RESULT: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\
    \"text\":\"Tokyo is at UTC+9 all year round and knows no summer time.\"}]}}";
const GREETING: &str = "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\",\
    \"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"mock-tools\",\"version\":\"1\"}}}";

/// The server, in a process of its own.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    _server: Server,
}

impl Upstream {
    pub(super) fn start() -> io::Result<Self> {
        let (server, line) = start(command("http")?)?;
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { address, _server: server })
    }
}

/// What starts one.
pub(super) fn command(kind: &str) -> io::Result<Command> {
    let mut command = own_command()?;
    command.args(["bench", "mcp", "--serve-upstream", kind]);
    Ok(command)
}

/// Serves until nobody asks any more.
pub(in crate::bench) fn serve(upstream: BenchUpstream) -> Outcome {
    let served = match upstream {
        BenchUpstream::Http => serve_http(),
        BenchUpstream::Pipes => serve_pipes(),
    };
    let failed = |e: io::Error| Failure::environment(Code::AddressUnusable, e.to_string());
    served.map(|()| Exit::Ok).map_err(failed)
}

fn serve_http() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    print::line(listener.local_addr()?.to_string());
    for stream in listener.incoming() {
        let stream = stream?;
        // A connection that breaks concerns nobody but its client.
        thread::spawn(move || answer(stream).ok());
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let written = |body: &str, more: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let result = written(RESULT, "");
    let (mut buffer, mut filled, mut sessions) = (vec![0; 64 << 10], 0, 0);
    loop {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default())?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let Some(body) = whole_body(buffer.get(..filled).unwrap_or_default())? else { continue };
        if is_greeting(body) {
            sessions += 1;
            let session = format!("mcp-session-id: session-{sessions}\r\n");
            stream.write_all(written(GREETING, &session).as_bytes())?;
        } else {
            stream.write_all(result.as_bytes())?;
        }
        filled = 0;
    }
}

fn serve_pipes() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let (mut line, result) = (Vec::new(), [RESULT, "\n"].concat());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        output.write_all(result.as_bytes())?;
        output.flush()?;
    }
}

fn is_greeting(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"method\":\"initialize\"").is_some()
}
