use std::pin::pin;
use std::task::Waker;

use axum::http::header::HeaderValue;
use axum::http::{HeaderMap, Method, Uri};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const REAL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nreal";
const FORGED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";

/// What a server does once it has read a request.
#[derive(Clone)]
enum Does {
    /// Answers in these words.
    Says(String),
    /// Answers, and says something more a little later.
    Adds(&'static str, &'static str),
    /// Answers and closes the connection.
    Leaves(&'static str),
    /// Answers as soon as it has read the head, and reads no more.
    Interrupts(&'static str),
}
use Does::{Adds, Interrupts, Leaves, Says};

fn says(words: &str) -> Does {
    Says(words.to_owned())
}

/// A server whose connections do what is written for them, and the way to it.
struct Scripted {
    pool: Arc<Pool>,
    /// By which connection each request came.
    asked: Arc<Mutex<Vec<usize>>>,
    /// How many connections the other side has closed.
    closed: Arc<AtomicUsize>,
}

impl Scripted {
    async fn start(scripts: Vec<Vec<Does>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, closed) = (Arc::<Mutex<Vec<usize>>>::default(), Arc::<AtomicUsize>::default());
        let (heard, left) = (asked.clone(), closed.clone());
        tokio::spawn(async move {
            for (number, script) in scripts.into_iter().enumerate() {
                let (stream, _) = listener.accept().await.unwrap();
                let (heard, left) = (heard.clone(), left.clone());
                tokio::spawn(async move {
                    if play(stream, script, || heard.lock().unwrap().push(number)).await.is_none() {
                        left.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { pool: Pool::new("127.0.0.1".to_owned(), port, None), asked, closed }
    }

    async fn send(&self, text: &str) -> Result<Response<FromServer>, Silent> {
        let constant = Constant::new(HeaderValue::from_static("localhost"), &HeaderMap::new());
        let (method, path, client) = (&Method::POST, &Uri::from_static("/mcp"), &HeaderMap::new());
        self.pool.send(&Asked { method, path, client, session: None, text }, &constant).await
    }

    /// Asks, and reads all of the answer.
    async fn ask(&self) -> Result<String, Silent> {
        let read = self.send("{}").await?.into_body().collect().await;
        let text = |bytes: Bytes| String::from_utf8(bytes.into()).unwrap();
        Ok(read.map_or_else(|bad| bad.to_string(), |body| text(body.to_bytes())))
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }
}

/// Does what is written, then waits for the other side to close; none once it has.
async fn play(mut stream: TcpStream, script: Vec<Does>, mut heard: impl FnMut()) -> Option<()> {
    for does in script {
        let mut request = Vec::new();
        while !request.ends_with(b"{}") {
            if stream.read_buf(&mut request).await.ok()? == 0 {
                return None;
            }
            if let (Interrupts(words), true) = (&does, request.len() > 1000) {
                stream.write_all(words.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
            }
        }
        heard();
        match does {
            Says(words) => stream.write_all(words.as_bytes()).await.unwrap(),
            Adds(words, more) => {
                stream.write_all(words.as_bytes()).await.unwrap();
                a_while().await;
                stream.write_all(more.as_bytes()).await.unwrap();
            }
            Interrupts(_) => unreachable!("it has interrupted"),
            Leaves(words) => {
                stream.write_all(words.as_bytes()).await.unwrap();
                return Some(());
            }
        }
    }
    while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    None
}

/// Lets all others do what they have to do, and the runtime hear of what they did.
async fn a_while() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nreal\r\n0\r\n\r\n";
    let long =
        format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{}", "x".repeat(1_000_000));
    let server =
        Scripted::start(vec![vec![says(REAL), says(chunked), Says(long), says(REAL)]]).await;
    assert_eq!(server.ask().await.unwrap(), "real");
    assert_eq!(server.ask().await.unwrap(), "real");
    assert_eq!(server.ask().await.unwrap().len(), 1_000_000);
    assert_eq!(server.ask().await.unwrap(), "real");
    assert_eq!(server.asked(), [0, 0, 0, 0]);
}

/// Whoever asks next would take them for the answer.
#[tokio::test]
async fn bytes_after_an_answers_end_never_answer_the_next_request() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nreal\r\n0\r\n\r\n";
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    let announced = "HTTP/1.1 204 No Content\r\ncontent-length: 42\r\n\r\n";
    for (does, want) in [
        (Says(format!("{REAL}{FORGED}")), "real"),
        (Says(format!("{chunked}{FORGED}")), "real"),
        (Says(format!("{empty}{FORGED}")), ""),
        (Says(format!("{REAL}\r\n")), "real"),
        (Adds(REAL, FORGED), "real"),
        (Adds(chunked, FORGED), "real"),
        (Adds(announced, FORGED), ""),
        (Adds(REAL, "\r\n"), "real"),
    ] {
        let server = Scripted::start(vec![vec![does, says(FORGED)], vec![says(REAL)]]).await;
        assert_eq!(server.ask().await.unwrap(), want);
        a_while().await;
        assert_eq!(server.ask().await.unwrap(), "real");
        assert_eq!(server.asked(), [0, 1]);
    }
}

/// The runtime tells a task that has done much that there is nothing to read, so that others get
/// their turn. That is not to be believed.
#[tokio::test]
async fn what_was_said_unasked_is_noticed_by_a_task_that_has_used_up_its_turn() {
    let server = Scripted::start(vec![vec![Adds(REAL, FORGED)]]).await;
    assert_eq!(server.ask().await.unwrap(), "real");
    a_while().await;
    std::future::poll_fn(|context| {
        while std::pin::pin!(tokio::task::coop::consume_budget()).poll(context).is_ready() {}
        assert!(server.pool.kept().is_none());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let server =
        Scripted::start(vec![vec![Leaves(REAL)], vec![Leaves(REAL)], vec![says(REAL)]]).await;
    for _ in 0..3 {
        assert_eq!(server.ask().await.unwrap(), "real");
        a_while().await;
    }
    assert_eq!(server.asked(), [0, 1, 2]);
}

#[tokio::test]
async fn a_request_that_may_have_reached_the_server_is_not_sent_again() {
    let server = Scripted::start(vec![vec![says(REAL), Leaves("")], vec![says(REAL)]]).await;
    assert_eq!(server.ask().await.unwrap(), "real");
    assert_eq!(server.ask().await, Err(Silent::Away));
    assert_eq!(server.asked(), [0, 0]);
}

#[tokio::test]
async fn a_server_that_ends_the_connection_is_asked_on_another() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nreal",
        "HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nreal",
    ] {
        let server =
            Scripted::start(vec![vec![says(answer), says(FORGED)], vec![says(REAL)]]).await;
        assert_eq!(server.ask().await.unwrap(), "real");
        assert_eq!(server.ask().await.unwrap(), "real");
        assert_eq!(server.asked(), [0, 1]);
    }
    let until_closed = Leaves("HTTP/1.1 200 OK\r\n\r\nreal");
    let server = Scripted::start(vec![vec![until_closed], vec![says(REAL)]]).await;
    assert_eq!((server.ask().await, server.ask().await), (Ok("real".into()), Ok("real".into())));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_never_an_end() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nreal",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nreal\r\n",
    ] {
        let server = Scripted::start(vec![vec![Leaves(answer)]]).await;
        assert_eq!(
            server.ask().await.unwrap(),
            "the answer broke off: the connection ended too early"
        );
    }
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-le"] {
        let server = Scripted::start(vec![vec![Leaves(answer)]]).await;
        assert_eq!(server.ask().await, Err(Silent::Away));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_rules_ends_its_connection() {
    let both = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\nreal";
    let server = Scripted::start(vec![vec![says(both), says(REAL)], vec![says(REAL)]]).await;
    assert_eq!(server.ask().await, Err(Silent::Garbled));
    assert_eq!(server.ask().await.unwrap(), "real");
    assert_eq!(server.asked(), [0, 1]);
    assert_eq!(server.closed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_request_or_an_answer_that_is_given_up_ends_its_connection() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\nreal";
    let server =
        Scripted::start(vec![vec![says("HTTP/1.1 200")], vec![says(half)], vec![says(REAL)]]).await;
    tokio::select! {
        biased;
        _ = server.ask() => panic!("there is no answer"),
        () = async { while server.asked().is_empty() { a_while().await } } => {}
    }
    let mut begun = server.send("{}").await.unwrap().into_body();
    assert_eq!(begun.frame().await.unwrap().unwrap().into_data().unwrap(), "real");
    drop(begun);
    assert_eq!(server.ask().await.unwrap(), "real");
    while server.closed.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.asked(), [0, 1, 2]);
}

/// What of it the server has not read would be read as the next request.
#[tokio::test]
async fn a_server_that_answers_before_it_has_heard_all_is_asked_on_another() {
    let refused = "HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nlong";
    let server = Scripted::start(vec![vec![Interrupts(refused)], vec![says(REAL)]]).await;
    let answer = server.send(&"x".repeat(32 << 20)).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "long");
    assert_eq!(server.ask().await.unwrap(), "real");
    assert_eq!(server.asked(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_uses_is_closed() {
    let server = Scripted::start(vec![vec![says(REAL)], vec![says(REAL)]]).await;
    assert_eq!(server.ask().await.unwrap(), "real");
    a_while().await;
    tokio::time::advance(ROUND).await;
    a_while().await;
    assert_eq!(server.closed.load(Ordering::Relaxed), 0);
    tokio::time::advance(ROUND).await;
    while server.closed.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!server.pool.idle().is_swept);
}

#[tokio::test]
async fn who_comes_to_a_crowd_lets_others_have_their_turn_and_then_is_sent() {
    for (out, waits) in [(CROWD - 1, false), (CROWD, true)] {
        let server = Scripted::start(vec![vec![says(REAL), says(REAL), says(REAL)]]).await;
        assert_eq!(server.ask().await.unwrap(), "real");
        server.pool.out.store(out, Ordering::Relaxed);
        {
            let mut asking = pin!(server.ask());
            let begun = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(begun.is_pending());
            // What is sent has taken the connection that was kept.
            assert_eq!(!server.pool.idle().lines.is_empty(), waits, "{out}");
            assert_eq!(server.pool.out.load(Ordering::Relaxed), out + 1);
            assert_eq!(asking.await.unwrap(), "real");
        }
        drop(pin!(server.ask()).poll(&mut Context::from_waker(Waker::noop())));
        // Those that were answered are out no more, nor are those that nobody waits for.
        assert_eq!(server.pool.out.load(Ordering::Relaxed), out);
    }
}
