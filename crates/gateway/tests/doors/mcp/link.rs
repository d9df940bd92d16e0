//! The same door for servers that a client starts itself.

use std::os::fd::OwnedFd;

use bakerst_gateway::{LinkEnds, LinkNews};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::call;
use crate::support::{House, Plan};

/// A wrapper, and what stands at both of its ends.
pub(crate) struct Wrapper {
    link: UnixStream,
    client: BufReader<UnixStream>,
    server: BufReader<UnixStream>,
}

impl Wrapper {
    pub(super) async fn connect(house: &House) -> Self {
        Self::as_said(house, &json!({ "server": "files" })).await
    }

    /// A wrapper that introduces itself like this.
    pub(crate) async fn as_said(house: &House, hello: &Value) -> Self {
        let mut link = UnixStream::connect(&house.link).await.unwrap();
        assert_eq!(greeted(&mut link, &hello.to_string()).await, "\"ready\"");
        let (client, theirs) = pair();
        let (server, servers) = pair();
        let ends = LinkEnds {
            from_client: theirs.try_clone().unwrap(),
            to_client: theirs,
            from_server: servers.try_clone().unwrap(),
            to_server: servers,
        };
        ends.hand_over(&link).await.unwrap();
        Self { link, client: BufReader::new(client), server: BufReader::new(server) }
    }

    fn side(&mut self, side: char) -> &mut BufReader<UnixStream> {
        match side {
            'c' => &mut self.client,
            's' => &mut self.server,
            other => panic!("nobody is called `{other}`"),
        }
    }

    /// What one of the two says, be it a message or not.
    async fn say(&mut self, side: char, line: &[u8]) {
        let side = self.side(side);
        side.write_all(&[line, b"\n"].concat()).await.unwrap();
    }

    /// What one of the two says.
    pub(crate) async fn from(&mut self, side: char, message: &Value) {
        self.say(side, message.to_string().as_bytes()).await;
    }

    /// The next message, and to whom it goes.
    pub(crate) async fn next(&mut self) -> (char, Value) {
        let (mut told, mut asked) = (Vec::new(), Vec::new());
        let (to, line) = tokio::select! {
            read = self.client.read_until(b'\n', &mut told) => (read.map(|_| 'c'), told),
            read = self.server.read_until(b'\n', &mut asked) => (read.map(|_| 's'), asked),
        };
        assert!(!line.is_empty(), "the link ended");
        (to.unwrap(), serde_json::from_slice(&line).unwrap())
    }

    /// What the wrapper is told next; nothing once the link is over.
    async fn news(&mut self) -> Option<LinkNews> {
        LinkNews::of_letter(self.link.read_u8().await.ok()?)
    }
}

/// Two ends: one for whoever speaks, one to be handed over.
fn pair() -> (UnixStream, OwnedFd) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (UnixStream::from_std(ours).unwrap(), theirs.into())
}

/// What a wrapper hears that says `hello`.
async fn greeted(link: &mut UnixStream, hello: &str) -> String {
    link.write_all(format!("{hello}\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    // Byte for byte where more may follow would be slow; nothing does.
    BufReader::new(link).read_line(&mut line).await.unwrap_or(0);
    line.trim_end().to_owned()
}

fn answer(id: u64, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }] } })
}

#[tokio::test]
async fn a_server_answers_what_it_was_asked_and_nothing_else() {
    let house = House::new().await;
    let mut wrapper = Wrapper::connect(&house).await;
    let lookup = call(2, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let ping = json!({ "jsonrpc": "2.0", "id": 4, "method": "ping" });
    wrapper.from('s', &answer(2, "before the question")).await;
    wrapper.from('s', &ping).await;
    assert_eq!(wrapper.next().await, ('c', ping.clone()));
    wrapper.from('c', &lookup).await;
    assert_eq!(wrapper.next().await.0, 's');
    wrapper.from('c', &lookup).await;
    let (to, told) = wrapper.next().await;
    assert_eq!(
        (to, &told["error"]["message"]),
        ('c', &json!("a request of this id is open already"))
    );
    wrapper.from('s', &answer(3, "to another")).await;
    wrapper.say('s', b"not a message").await;
    wrapper.say('s', b"not even \xff text").await;
    wrapper.from('s', &answer(2, "once")).await;
    wrapper.from('s', &answer(2, "twice")).await;
    assert_eq!(wrapper.next().await, ('c', answer(2, "once")));
    wrapper.from('s', &ping).await;
    assert_eq!(wrapper.next().await, ('c', ping));
}

#[tokio::test]
async fn a_call_that_is_taken_back_over_pipes_never_reaches_the_server() {
    let house = House::new().await;
    let mut wrapper = Wrapper::connect(&house).await;
    wrapper.from('c', &call(5, "filesystem_delete", &json!({ "path": "/data/old" }))).await;
    house.approvals.claimed(2).await;
    let back = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } });
    wrapper.from('c', &back).await;
    let ping = json!({ "jsonrpc": "2.0", "id": 6, "method": "ping" });
    wrapper.from('c', &ping).await;
    assert_eq!(wrapper.next().await, ('s', ping));
    house.answer("apr-1", true).await;
    wrapper.client.get_mut().shutdown().await.unwrap();
    assert_eq!(wrapper.news().await, Some(LinkNews::ClientDone));
    let mut rest = Vec::new();
    wrapper.server.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "nothing but the end of the client reaches the server");
}

#[tokio::test]
async fn what_a_server_said_last_reaches_a_client_that_is_slow() {
    let house = House::new().await;
    let mut wrapper = Wrapper::connect(&house).await;
    let lookup = call(2, "timezone_lookup", &json!({ "city": "Tokyo" }));
    wrapper.from('c', &lookup).await;
    assert_eq!(wrapper.next().await.0, 's');
    let long = answer(2, &"It is late in Tokyo. ".repeat(20_000));
    wrapper.from('s', &long).await;
    wrapper.server.get_mut().shutdown().await.unwrap();
    assert_eq!(wrapper.news().await, Some(LinkNews::ServerDone));
    let mut heard = Vec::new();
    wrapper.client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&heard).unwrap(), long);
    assert_eq!(wrapper.news().await, None);
}

#[tokio::test]
async fn what_is_no_pipe_is_not_taken() {
    let house = House::new().await;
    let mut link = UnixStream::connect(&house.link).await.unwrap();
    assert_eq!(greeted(&mut link, "{\"server\":\"files\"}").await, "\"ready\"");
    let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let ends =
        LinkEnds { from_client: file(), to_client: file(), from_server: file(), to_server: file() };
    ends.hand_over(&link).await.unwrap();
    assert_eq!(link.read(&mut [0]).await.unwrap(), 0);
    let mut silent = UnixStream::connect(&house.link).await.unwrap();
    assert_eq!(greeted(&mut silent, "{\"server\":\"files\"}").await, "\"ready\"");
    silent.write_all(b"a byte that nothing comes with").await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
}

/// A server that asks for more than may be judged at once is told so, and nothing is kept of it.
#[tokio::test]
async fn a_server_has_as_many_questions_open_as_there_may_be_requests() {
    let asked = "  sampling/createMessage: { risk: read, requires_approval: true, schema: { type: object } }\n  timezone_lookup:";
    let plan = Plan::new().policy_with("  timezone_lookup:", asked);
    // Of one request, one may wait for a person: the first question stays open.
    let house = plan.limits(|limits| limits.requests_max = 1).open().await;
    let mut wrapper = Wrapper::connect(&house).await;
    for id in 0..2 {
        let wanted = json!({ "jsonrpc": "2.0", "id": id, "method": "sampling/createMessage", "params": { "messages": [] } });
        wrapper.from('s', &wanted).await;
    }
    let (to, told) = wrapper.next().await;
    assert_eq!((to, &told["id"]), ('s', &json!(1)));
    assert_eq!(told["error"]["message"], "more requests are open than `requests_max` allows");
    house.approvals.claimed(1).await;
}

#[tokio::test]
async fn a_line_without_end_ends_the_link() {
    let house = Plan::new().limits(|limits| limits.result_bytes_max = 10_000).open().await;
    let mut wrapper = Wrapper::connect(&house).await;
    wrapper.server.write_all(&vec![b's'; 100_000]).await.ok();
    assert_eq!(wrapper.news().await, Some(LinkNews::TooLong));
    assert_eq!(wrapper.news().await, None);
}

#[tokio::test]
async fn a_wrapper_says_who_it_is_or_is_turned_away() {
    let house = House::new().await;
    for hello in
        ["nonsense", r#"{"server":"files","rank":"root"}"#, r#"{"server":"files","agent":""}"#]
    {
        let mut link = UnixStream::connect(&house.link).await.unwrap();
        assert!(greeted(&mut link, hello).await.starts_with("{\"refused\""), "{hello}");
        assert_eq!(link.read(&mut [0]).await.unwrap_or(0), 0);
    }
}

/// Nothing of a session stays behind once its wrapper is gone.
#[tokio::test]
async fn a_thousand_wrappers_leave_nothing_behind() {
    let house = Plan::new().limits(|limits| limits.connections_max = 4).open().await;
    for _ in 0..1000 {
        drop(connect_when_free(&house).await);
    }
}

/// Connects as soon as a seat is free: the last one's is given back a moment after it is gone.
async fn connect_when_free(house: &House) -> UnixStream {
    loop {
        let mut link = UnixStream::connect(&house.link).await.unwrap();
        if link.write_all(b"{\"server\":\"files\"}\n").await.is_ok()
            && link.read(&mut [0]).await.is_ok_and(|bytes| bytes > 0)
        {
            return link;
        }
    }
}
