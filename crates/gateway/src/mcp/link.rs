//! The door for servers that a client starts itself: a wrapper runs beside the client, starts the
//! server, and hands us the pipes of both over a Unix socket. From then on we read and write them
//! ourselves, and the wrapper does nothing but keep the server: a line that went through it would
//! be woken for twice more on its way, there and back.

mod ends;
mod lines;
mod moment;
mod talk;

use std::sync::Arc;
use std::time::Duration;

use bakerst_model::{AgentId, ConversationId, Principal, Role};
use serde::{Deserialize, Serialize};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::UnixStream;
use tokio::sync::watch;

pub use self::ends::LinkEnds;
use self::talk::Talk;
use super::relay::Relay;
use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::source::Source;

/// The longest first line.
const HELLO_BYTES_MAX: u64 = 4 << 10;
/// How long a wrapper may take to say who it is, and once more to hand over what it has.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// What a wrapper says first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkHello {
    /// The server, as policies may name it.
    pub server: String,
    /// The agent that the client is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The conversation that its calls belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
}

/// What a wrapper is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkWelcome {
    /// It may go on.
    Ready,
    /// It may not, for this reason.
    Refused(String),
}

/// What a wrapper is told of what it has handed over: one letter each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkNews {
    /// The client has said its last.
    ClientDone,
    /// The server has. The client gets what is left of it, and the link ends.
    ServerDone,
    /// One of the two said a line that is longer than any may be.
    TooLong,
}

impl LinkNews {
    const ALL: [Self; 3] = [Self::ClientDone, Self::ServerDone, Self::TooLong];

    /// The letter.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::ClientDone => b'c',
            Self::ServerDone => b's',
            Self::TooLong => b'l',
        }
    }

    /// The news of this letter.
    #[must_use]
    pub fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|news| news.letter() == letter)
    }
}

/// Serves one wrapper until it goes.
pub(crate) async fn serve(
    mut stream: UnixStream,
    uid: u32,
    gateway: Arc<Gateway>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut reading = BufReader::new(&mut stream);
    let greeted = tokio::time::timeout(HELLO_WITHIN, greet(&mut reading, &gateway, uid)).await;
    let (welcome, relay) = match greeted {
        Ok(Ok(relay)) => (LinkWelcome::Ready, Some(relay)),
        Ok(Err(why)) => (LinkWelcome::Refused(why), None),
        Err(_) => return,
    };
    let mut line = serde_json::to_string(&welcome).unwrap_or_default();
    line.push('\n');
    if stream.write_all(line.as_bytes()).await.is_err() {
        return;
    }
    let Some(relay) = relay else { return };
    let Ok(Ok(ends)) = tokio::time::timeout(HELLO_WITHIN, LinkEnds::taken_from(&stream)).await
    else {
        return;
    };
    let Ok(mut talk) = Talk::between(ends, relay) else { return };
    tokio::select! {
        () = talk.run(&mut stream) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    talk.say_last_words().await;
}

async fn greet(
    reading: &mut (impl AsyncBufRead + Unpin),
    gateway: &Arc<Gateway>,
    uid: u32,
) -> Result<Relay, String> {
    let mut line = String::new();
    let read = reading.take(HELLO_BYTES_MAX).read_line(&mut line).await;
    read.map_err(|error| error.to_string())?;
    let hello: LinkHello = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    let agent = hello.agent.as_deref().map(AgentId::parse).transpose();
    let agent = agent.map_err(|error| error.to_string())?;
    let named = agent.as_ref().map_or("", AgentId::as_str);
    let conversation = hello.conversation.unwrap_or_else(|| format!("mcp {uid} {named}"));
    let conversation = ConversationId::parse(&conversation).map_err(|error| error.to_string())?;
    // The system vouches for the account, and the socket is for that account alone. It speaks for
    // whichever agent it says: whoever can start a server can do what the server does.
    let principal = Principal {
        name: format!("wrapper (uid {uid})").into(),
        roles: [Role::Agent].into(),
        agent,
    };
    let caller = Caller::of_account(principal, Source::Link { uid });
    gateway.welcome(&caller).await.map_err(|problem| problem.message().to_owned())?;
    let server = hello.server.as_str().into();
    let (gateway, shown) = (gateway.clone(), Arc::default());
    Ok(Relay { gateway, caller, server, conversation, path: "mcp link", shown, in_rounds: true })
}
