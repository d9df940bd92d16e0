//! Connections, of which the other side does as it likes.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::{HeaderValue, Response, StatusCode};
use bakerst_model::Limits;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::server::pace::{Patience, REST};

/// A client's end of a connection that is served.
struct Client {
    stream: DuplexStream,
    serving: JoinHandle<(End, Option<(DuplexStream, Bytes)>)>,
    stop: watch::Sender<bool>,
}

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Client {
    fn of(answer: impl Fn(http::Request<Body>) -> Answering + Send + 'static) -> Self {
        Self::within(64 << 10, answer)
    }

    /// With so many bytes on their way at most.
    fn within(
        bytes: usize,
        answer: impl Fn(http::Request<Body>) -> Answering + Send + 'static,
    ) -> Self {
        let (stream, theirs) = tokio::io::duplex(bytes);
        let (stop, stopping) = watch::channel(false);
        let patience = Patience::new(&Limits::default());
        let serving = tokio::spawn(async move { run(theirs, answer, patience, stopping).await });
        Self { stream, serving, stop }
    }

    async fn say(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// What comes next, up to and with this; the date is left out.
    async fn hear(&mut self, upto: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(upto.as_bytes()) {
            heard.push(self.stream.read_u8().await.unwrap_or_else(|_| {
                panic!("no `{upto}` in `{}`", String::from_utf8_lossy(&heard))
            }));
        }
        undated(&heard)
    }

    /// All that still comes.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // The other end is let go of with the outcome.
        let ended = async { drop((&mut self.serving).await.unwrap()) };
        let (read, ()) = tokio::join!(self.stream.read_to_end(&mut rest), ended);
        read.unwrap();
        undated(&rest)
    }

    /// Says this, and takes what comes until the connection ends.
    async fn exchange(mut self, bytes: &str) -> (String, End) {
        self.say(bytes).await;
        let end = self.serving.await.unwrap().0;
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        (undated(&rest), end)
    }
}

/// What is heard, without the date, which each head states.
fn undated(heard: &[u8]) -> String {
    let heard = String::from_utf8(heard.to_vec()).unwrap();
    let lines = heard.split_inclusive("\r\n");
    lines.filter(|line| !(line.starts_with("date: ") && line.ends_with(" GMT\r\n"))).collect()
}

fn answering(response: impl Future<Output = Response<Body>> + Send + 'static) -> Answering {
    Box::pin(response)
}

/// Answers each request with its target and its content.
fn echo(request: http::Request<Body>) -> Answering {
    answering(async move {
        let target = request.uri().to_string();
        match request.into_body().collect().await {
            Ok(content) => {
                let mut said = target.into_bytes();
                said.extend(content.to_bytes());
                Response::new(Body::from(said))
            }
            Err(error) => Response::new(Body::from(error.to_string())),
        }
    })
}

/// A body of pieces, and the length that it claims to have.
struct Pieces {
    coming: mpsc::Receiver<Result<Bytes, &'static str>>,
    claims: Option<u64>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.coming.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.claims.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// Answers each request with these pieces; the last may be that it breaks off.
fn pieces(
    pieces: &'static [Result<&'static str, &'static str>],
    claims: Option<u64>,
) -> impl Fn(http::Request<Body>) -> Answering + Send {
    move |_| {
        let (send, coming) = mpsc::channel(pieces.len().max(1));
        for piece in pieces {
            send.try_send(piece.map(Bytes::from)).unwrap();
        }
        answering(async move { Response::new(Body::new(Pieces { coming, claims })) })
    }
}

/// Answers one request with what comes here.
fn one_answer(
    coming: mpsc::Receiver<Result<Bytes, &'static str>>,
    claims: Option<u64>,
) -> impl Fn(http::Request<Body>) -> Answering + Send {
    let coming = std::sync::Mutex::new(Some(coming));
    move |_| {
        let coming = coming.lock().unwrap().take().unwrap();
        answering(async move { Response::new(Body::new(Pieces { coming, claims })) })
    }
}

const GET: &str = "GET / HTTP/1.1\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn one_connection_answers_one_request_after_another() {
    let mut client = Client::of(echo);
    client.say("GET /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.hear("\r\n/a").await, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/a");
    client.say("POST /2 HTTP/1.1\r\ncontent-length: 5\r\n\r\nhe").await;
    client.say("llo").await;
    assert_eq!(client.hear("/2hello").await, "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n/2hello");
    // As many at once as the client likes, and the answers in order.
    let two = "POST /3 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    let (said, end) = client.exchange(&[two, LAST, "never read"].concat()).await;
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n/3a",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n/",
    ];
    assert_eq!(said, answers.concat());
    assert!(matches!(end, End::Over));
}

#[tokio::test]
async fn an_answer_says_where_it_ends() {
    let last = "connection: close\r\n\r\n";
    for (claims, asked, want) in [
        (Some(7), LAST, "content-length: 7\r\nconnection: close\r\n\r\none two"),
        (
            None,
            LAST,
            "transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                      3\r\none\r\n4\r\n two\r\n0\r\n\r\n",
        ),
        (None, "GET / HTTP/1.0\r\n\r\n", "connection: close\r\n\r\none two"),
        (
            Some(7),
            "GET / HTTP/1.0\r\n\r\n",
            "content-length: 7\r\nconnection: close\r\n\r\none two",
        ),
        (
            Some(7),
            "HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n",
            "content-length: 7\r\nconnection: close\r\n\r\n",
        ),
        (
            None,
            "HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n",
            "transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        ),
    ] {
        let client = Client::of(pieces(&[Ok("one"), Ok(""), Ok(" two")], claims));
        let (said, _) = client.exchange(asked).await;
        assert_eq!(said, format!("HTTP/1.1 200 OK\r\n{want}"), "{asked:?} {claims:?}");
    }
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let client = Client::of(move |_| {
            answering(async move {
                let mut response = Response::new(Body::from("nothing of this"));
                *response.status_mut() = status;
                response
            })
        });
        let (said, _) = client.exchange(LAST).await;
        assert_eq!(said, format!("HTTP/1.1 {status}\r\n{last}"));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_what_it_claims_breaks_off() {
    const FAILS: &[Result<&str, &str>] = &[Ok("one"), Err("it failed")];
    const ONE: &[Result<&str, &str>] = &[Ok("one")];
    for (coming, claims, want) in [
        (FAILS, None, "transfer-encoding: chunked\r\n\r\n3\r\none\r\n"),
        (FAILS, Some(9), "content-length: 9\r\n\r\none"),
        (ONE, Some(4), "content-length: 4\r\n\r\none"),
        // Of what nobody was promised, nothing is said.
        (ONE, Some(2), "content-length: 2\r\n\r\n"),
    ] {
        let (said, end) = Client::of(pieces(coming, claims)).exchange(&[GET, GET].concat()).await;
        // What was said before may be out or not, but no end of it, nor another answer.
        let whole = format!("HTTP/1.1 200 OK\r\n{want}");
        assert!(whole.starts_with(&said), "{said:?}");
        assert!(matches!(end, End::Over));
    }
}

#[tokio::test]
async fn what_is_said_of_the_connection_is_the_servers_to_say() {
    let client = Client::of(|_| {
        answering(async {
            let mut response = Response::new(Body::from("hello"));
            for (name, value) in [
                ("content-length", "99"),
                ("transfer-encoding", "chunked"),
                ("connection", "close"),
                ("date", "never"),
                ("x", "y"),
            ] {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        })
    });
    // It ends although the client would have gone on.
    let (said, _) = client.exchange(&[GET, GET].concat()).await;
    let want = "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    assert_eq!(said, want);
}

#[tokio::test]
async fn whoever_waits_to_be_told_is_told_once_the_content_is_wanted() {
    let asks = "POST / HTTP/1.1\r\nexpect: 100-Continue\r\ncontent-length: 5\r\n\r\n";
    let mut client = Client::of(echo);
    client.say(asks).await;
    assert_eq!(client.hear("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.say("hello").await;
    assert!(client.hear("/hello").await.starts_with("HTTP/1.1 200 OK\r\n"));
    // Whoever sends it unasked is not told.
    client.say(&[asks, "hello"].concat()).await;
    assert!(client.hear("/hello").await.starts_with("HTTP/1.1 200 OK\r\n"));
    // And where nobody wants it, the connection ends, since it may come or not.
    let (said, _) = Client::of(pieces(&[Ok("no")], Some(2))).exchange(asks).await;
    assert_eq!(said, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
}

#[tokio::test]
async fn content_that_nobody_wants_is_passed_over_where_it_is_here() {
    let mut client = Client::of(pieces(&[Ok("no")], Some(2)));
    client.say("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n").await;
    assert_eq!(client.hear("no").await, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno");
    // What is not might be taken for the next request.
    let (said, _) = client.exchange("POST / HTTP/1.1\r\ncontent-length: 99\r\n\r\nGET / ").await;
    assert!(said.contains("connection: close"), "{said}");
}

#[tokio::test]
async fn content_that_breaks_off_is_an_error_and_the_last_thing_read() {
    for (content, why) in [
        ("content-length: 5\r\n\r\nhell", "the connection ended too early"),
        ("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", "the connection ended too early"),
        ("transfer-encoding: chunked\r\n\r\nx\r\n", "its chunks cannot be read"),
    ] {
        let mut client = Client::of(echo);
        client.say(&format!("POST / HTTP/1.1\r\n{content}")).await;
        client.stream.shutdown().await.unwrap();
        let said = client.rest().await;
        assert!(said.ends_with(why) && said.contains("connection: close"), "{said}");
    }
}

#[tokio::test]
async fn what_is_no_request_ends_the_connection_behind_those_before_it() {
    let (said, end) = Client::of(echo).exchange(&[GET, "hello\r\n\r\n"].concat()).await;
    assert_eq!(said, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n/");
    assert!(matches!(end, End::Bad(BadRequest::Head)));
}

/// Whether something was let go of.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn once_the_client_is_gone_nobody_works_on_its_answer() {
    for (begun, more) in [(false, ""), (true, ""), (false, "\r\n"), (false, GET)] {
        let let_go = Arc::new(AtomicBool::new(false));
        let flag = let_go.clone();
        let mut client = Client::of(move |_| {
            let flag = Flag(flag.clone());
            answering(async move {
                if !begun {
                    pending::<()>().await;
                }
                let (send, coming) = mpsc::channel(1);
                send.try_send(Ok(Bytes::from("begun"))).unwrap();
                tokio::spawn(async move {
                    send.closed().await;
                    drop(flag);
                });
                Response::new(Body::new(Pieces { coming, claims: None }))
            })
        });
        client.say(&[GET, more].concat()).await;
        if begun {
            client.hear("begun\r\n").await;
        }
        tokio::task::yield_now().await;
        assert!(!let_go.load(Ordering::Relaxed));
        client.stream.shutdown().await.unwrap();
        assert!(matches!(client.serving.await.unwrap().0, End::Over));
        while !let_go.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_stream_is_heard_as_it_comes() {
    let (send, coming) = mpsc::channel(1);
    let mut client = Client::of(one_answer(coming, None));
    client.say(LAST).await;
    for piece in ["one", "two"] {
        send.send(Ok(Bytes::from(piece))).await.unwrap();
        client.hear(&format!("3\r\n{piece}\r\n")).await;
    }
    drop(send);
    assert_eq!(client.rest().await, "0\r\n\r\n");
}

/// A way that holds 100 bytes, in both directions: who writes and who reads take turns.
#[tokio::test]
async fn a_narrow_way_carries_what_a_wide_one_does() {
    let content = "x".repeat(100_000);
    let mut client = Client::within(100, echo);
    let head = format!(
        "POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        content.len()
    );
    client.say(&(head + &content)).await;
    let said = client.rest().await;
    assert!(said.ends_with(&format!("\r\n\r\n/{content}")), "{} bytes", said.len());
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_take_what_they_asked_for_is_hung_up_on() {
    for claims in [None, Some(100_000)] {
        let (send, coming) = mpsc::channel(1);
        send.try_send(Ok(Bytes::from(vec![b'x'; 100_000]))).unwrap();
        let mut client = Client::within(100, one_answer(coming, claims));
        client.say(GET).await;
        let began = tokio::time::Instant::now();
        let end = client.serving.await.unwrap().0;
        assert!(matches!(end, End::Over), "{end:?}");
        assert!((REST..REST * 2).contains(&began.elapsed()));
        drop(send);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_it_slowly_but_steadily_gets_all_of_it() {
    for claims in [None, Some(2 << 20)] {
        let (send, coming) = mpsc::channel(1);
        send.try_send(Ok(Bytes::from(vec![b'x'; 2 << 20]))).unwrap();
        drop(send);
        let mut client = Client::of(one_answer(coming, claims));
        client.say(LAST).await;
        let (began, mut heard) = (tokio::time::Instant::now(), 0);
        let mut piece = vec![0; 32 << 10];
        loop {
            tokio::time::advance(REST / 4).await;
            match client.stream.read(&mut piece).await.unwrap() {
                0 => break,
                read => heard += read,
            }
            if heard > 2 << 20 && client.serving.is_finished() {
                drop((&mut client.serving).await.unwrap());
            }
        }
        assert!(heard > 2 << 20 && began.elapsed() > REST * 10, "{heard}");
    }
}

/// A stream with nothing to say is nobody's fault.
#[tokio::test(start_paused = true)]
async fn a_silent_stream_stays_open() {
    let (send, coming) = mpsc::channel(1);
    let mut client = Client::of(one_answer(coming, None));
    client.say(LAST).await;
    client.hear("\r\n\r\n").await;
    assert!(timeout(REST * 10, client.stream.read_u8()).await.is_err());
    send.send(Ok(Bytes::from("late"))).await.unwrap();
    drop(send);
    assert_eq!(client.rest().await, "4\r\nlate\r\n0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_slow_with_a_request_is_hung_up_on() {
    let head = Patience::new(&Limits::default()).head();
    for (said, within, is_begun) in
        [("", head, false), ("GET / HT", head, true), (GET, REST, false)]
    {
        let mut client = Client::of(echo);
        client.say(said).await;
        let began = tokio::time::Instant::now();
        let end = client.serving.await.unwrap().0;
        assert!(matches!(end, End::TooSlow { begun } if begun == is_begun), "{said:?} {end:?}");
        assert_eq!(began.elapsed().as_secs(), within.as_secs(), "{said:?}");
    }
    // A byte now and then makes it no better.
    let mut client = Client::of(echo);
    let began = tokio::time::Instant::now();
    while !client.serving.is_finished() {
        let _ = client.stream.write_all(b"X").await;
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() < head + Duration::from_secs(1));
    // Nor does an empty line, of which one half comes at a time.
    let mut client = Client::of(echo);
    client.say(GET).await;
    client.hear("\r\n\r\n/").await;
    let (began, mut half) = (tokio::time::Instant::now(), b"\r\n".chunks(1).cycle());
    while !client.serving.is_finished() {
        let _ = client.stream.write_all(half.next().unwrap()).await;
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() < head + Duration::from_secs(1));
}

/// The head of an answer is written while nobody holds the wire that its body may ask.
#[tokio::test]
async fn an_answer_may_be_made_of_the_request() {
    let mirror =
        |request: http::Request<Body>| answering(async move { Response::new(request.into_body()) });
    for content in
        ["content-length: 10\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"]
    {
        let mut client = Client::of(mirror);
        client.say(&format!("POST / HTTP/1.1\r\nexpect: 100-continue\r\n{content}")).await;
        client.hear("hello").await;
        client.say(if content.starts_with('c') { "world" } else { "0\r\n\r\n" }).await;
        let rest = client.rest().await;
        assert!(["world", "\r\n0\r\n\r\n"].contains(&rest.as_str()), "{rest:?}");
    }
}

#[tokio::test]
async fn a_stop_ends_what_rests_and_lets_the_rest_be_said() {
    // At rest, and in the middle of a head.
    let mut client = Client::of(echo);
    client.say(GET).await;
    client.hear("\r\n\r\n/").await;
    client.stop.send_replace(true);
    assert!(matches!(client.serving.await.unwrap().0, End::Over));
    let mut client = Client::of(echo);
    client.say("GET / HTTP/1.1\r\n").await;
    tokio::task::yield_now().await;
    client.stop.send_replace(true);
    tokio::task::yield_now().await;
    let (said, _) = client.exchange("\r\n").await;
    assert_eq!(said, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n/");
}

#[tokio::test]
async fn who_speaks_http2_is_recognised_however_it_is_cut() {
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for cut in 0..=preface.len() {
        let mut client = Client::of(echo);
        client.say(&preface[..cut]).await;
        tokio::task::yield_now().await;
        client.say(&preface[cut..]).await;
        client.say("more").await;
        let (end, rest) = client.serving.await.unwrap();
        assert!(matches!(end, End::Newer), "{cut} {end:?}");
        let (mut stream, mut first) = rest.map(|(stream, first)| (stream, first.to_vec())).unwrap();
        client.stream.shutdown().await.unwrap();
        stream.read_to_end(&mut first).await.unwrap();
        assert_eq!(first, [preface, "more"].concat().into_bytes(), "{cut}");
    }
    // Nobody changes over in the middle.
    let (_, end) = Client::of(echo).exchange(&[GET, preface].concat()).await;
    assert!(matches!(end, End::Bad(BadRequest::Head)));
}

#[tokio::test]
async fn a_body_that_outlives_its_connection_has_broken_off() {
    let (send, mut bodies) = mpsc::channel(1);
    let mut client = Client::of(move |request: http::Request<Body>| {
        send.try_send(request.into_body()).unwrap();
        answering(async { Response::new(Body::empty()) })
    });
    client.say("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhe").await;
    let body = bodies.recv().await.unwrap();
    // Somebody else reads it now, so nobody knows where the next request would begin.
    assert!(client.hear("\r\n\r\n").await.contains("connection: close"));
    drop(client.serving.await.unwrap());
    let error = body.collect().await.unwrap_err();
    assert_eq!(error.to_string(), "the connection ended too early");
}

/// Sends requests by another client, whose bodies have these pieces and a length or none.
async fn asked_by_another(bodies: &[(Vec<Vec<u8>>, bool)], way: usize) -> Vec<Vec<u8>> {
    let (ours, theirs) = tokio::io::duplex(way);
    let (_stop, stopping) = watch::channel(false);
    let patience = Patience::new(&Limits::default());
    let serving = run(theirs, echo, patience, stopping);
    let asking = async {
        let builder = hyper::client::conn::http1::Builder::new();
        let (mut sender, connection) = builder.handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for (pieces, has_length) in bodies {
            let (send, coming) = mpsc::channel(pieces.len().max(1));
            for piece in pieces {
                send.try_send(Ok(Bytes::from(piece.clone()))).unwrap();
            }
            drop(send);
            let length = pieces.iter().map(|piece| piece.len() as u64).sum();
            let body = Body::new(Pieces { coming, claims: has_length.then_some(length) });
            let request = http::Request::post("/").body(body).unwrap();
            let response = sender.send_request(request).await.unwrap();
            answers.push(response.into_body().collect().await.unwrap().to_bytes().to_vec());
        }
        answers
    };
    tokio::select! {
        answers = asking => answers,
        (end, _) = serving => panic!("{end:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn another_client_hears_what_it_said(
        bodies in vec((vec(vec(any::<u8>(), 0..3000), 0..6), any::<bool>()), 1..5),
        way in 16..20_000_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let heard = runtime.block_on(asked_by_another(&bodies, way));
        let want: Vec<Vec<u8>> = bodies
            .iter()
            .map(|(pieces, _)| [b"/".as_slice(), &pieces.concat()].concat())
            .collect();
        prop_assert_eq!(heard, want);
    }
}
