//! The same door for servers that a client starts itself.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::call;
use crate::support::{House, Plan};

/// A wrapper, and what stands at both of its ends.
pub(crate) struct Wrapper {
    reading: BufReader<OwnedReadHalf>,
    writing: OwnedWriteHalf,
}

impl Wrapper {
    pub(super) async fn connect(house: &House) -> Self {
        Self::as_said(house, &json!({ "server": "files" })).await
    }

    /// A wrapper that introduces itself like this.
    pub(crate) async fn as_said(house: &House, hello: &Value) -> Self {
        let mut wrapper = Self::raw(house).await;
        wrapper.say(&hello.to_string()).await;
        assert_eq!(wrapper.line().await.unwrap(), "\"ready\"");
        wrapper
    }

    async fn raw(house: &House) -> Self {
        let (reading, writing) = UnixStream::connect(&house.link).await.unwrap().into_split();
        Self { reading: BufReader::new(reading), writing }
    }

    async fn say(&mut self, line: &str) {
        self.writing.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// What one of the two says.
    pub(crate) async fn from(&mut self, side: char, message: &Value) {
        self.say(&format!("{side}{message}")).await;
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        // A connection that is cut off while it is written to ends in an error.
        let read = self.reading.read_line(&mut line).await.unwrap_or(0);
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The next message, and to whom it goes.
    pub(crate) async fn next(&mut self) -> (char, Value) {
        let line = self.line().await.expect("the link ended");
        (line.chars().next().unwrap(), serde_json::from_str(&line[1..]).unwrap_or_default())
    }
}

fn answer(id: u64, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }] } })
}

#[tokio::test]
async fn a_server_answers_what_it_was_asked_and_nothing_else() {
    let house = House::new().await;
    let mut wrapper = Wrapper::connect(&house).await;
    let lookup = call(2, "timezone_lookup", &json!({ "city": "Tokyo" }));
    wrapper.from('s', &answer(2, "before the question")).await;
    wrapper.from('c', &lookup).await;
    assert_eq!(wrapper.next().await.0, 's');
    wrapper.from('c', &lookup).await;
    let (to, told) = wrapper.next().await;
    assert_eq!(
        (to, &told["error"]["message"]),
        ('c', &json!("a request of this id is open already"))
    );
    wrapper.from('s', &answer(3, "to another")).await;
    wrapper.say("snot a message").await;
    wrapper.from('s', &answer(2, "once")).await;
    wrapper.from('s', &answer(2, "twice")).await;
    assert_eq!(wrapper.next().await, ('c', answer(2, "once")));
    let ping = json!({ "jsonrpc": "2.0", "id": 4, "method": "ping" });
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
    wrapper.say("c").await;
    assert_eq!(wrapper.line().await.unwrap(), "s", "the end of the client reaches the server");
}

#[tokio::test]
async fn a_line_without_end_ends_the_link() {
    let house = Plan::new().limits(|limits| limits.result_bytes_max = 10_000).open().await;
    let mut wrapper = Wrapper::connect(&house).await;
    wrapper.writing.write_all(&vec![b's'; 100_000]).await.ok();
    assert_eq!(wrapper.line().await, None);
}

#[tokio::test]
async fn a_wrapper_says_who_it_is_or_is_turned_away() {
    let house = House::new().await;
    for hello in
        ["nonsense", r#"{"server":"files","rank":"root"}"#, r#"{"server":"files","agent":""}"#]
    {
        let mut wrapper = Wrapper::raw(&house).await;
        wrapper.say(hello).await;
        assert!(wrapper.line().await.unwrap().starts_with("{\"refused\""), "{hello}");
        assert_eq!(wrapper.line().await, None);
    }
}

/// Nothing of a session stays behind once its wrapper is gone.
#[tokio::test]
async fn a_thousand_wrappers_leave_nothing_behind() {
    let house = Plan::new().limits(|limits| limits.connections_max = 4).open().await;
    for _ in 0..1000 {
        drop(Wrapper::connect_when_free(&house).await);
    }
}

impl Wrapper {
    /// Connects as soon as a seat is free: the last one's is given back a moment after it is gone.
    async fn connect_when_free(house: &House) -> Self {
        loop {
            let mut wrapper = Self::raw(house).await;
            if wrapper.writing.write_all(b"{\"server\":\"files\"}\n").await.is_ok()
                && wrapper.reading.fill_buf().await.is_ok_and(|bytes| !bytes.is_empty())
            {
                return wrapper;
            }
        }
    }
}
