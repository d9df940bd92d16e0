//! Reading, through [`read`]; [`talk`] has connections.

mod talk;

use axum::body::Body;
use axum::http;
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::http1::EXTRA_BYTES_MAX;
use crate::http1::parts::{CONTENT, HEADERS, cut};

/// What is read of these bytes, however they are cut.
#[track_caller]
fn told(bytes: &[u8]) -> String {
    let (whole, single) = (read([bytes]), read(bytes.chunks(1)));
    assert_eq!(whole.1.is_some(), single.1.is_some(), "{whole:?}, byte by byte {single:?}");
    if whole.1.is_none() {
        assert_eq!(whole, single, "byte by byte");
    }
    let (requests, broken) = whole;
    let mut told: Vec<String> = Vec::new();
    for Request { method, target, content, is_over, is_last, .. } in requests {
        let content = String::from_utf8(content).unwrap();
        let is_over = if is_over { "" } else { " and more to come" };
        let is_last = if is_last { ", last" } else { "" };
        told.push(format!("{method} {target} `{content}`{is_over}{is_last}"));
    }
    told.extend(broken.map(|broken| broken.to_string()));
    told.join("; ")
}

#[track_caller]
fn table(rows: &[(&str, &str)]) {
    for (bytes, want) in rows {
        assert_eq!(told(bytes.as_bytes()), *want, "{bytes:?}");
    }
}

const HEAD: &str = "the head breaks the rules of HTTP/1.1";
const LENGTH: &str = "the head does not say clearly where the request ends";

#[test]
fn a_request_ends_where_its_head_says() {
    table(&[
        ("", ""),
        ("GET / HTTP/1.1\r\n", ""),
        ("GET / HTTP/1.1\r\n\r\n", "GET / ``"),
        ("\r\n\r\nGET / HTTP/1.1\r\nx:\r\n\r\n", "GET / ``"),
        ("GET /a?b=c HTTP/1.0\r\n\r\n", "GET /a?b=c ``, last"),
        ("GET http://localhost/a HTTP/1.1\r\n\r\n", "GET http://localhost/a ``"),
        ("OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * ``"),
        ("CONNECT localhost:80 HTTP/1.1\r\n\r\n", "CONNECT localhost:80 ``"),
        ("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhell", "POST / `hell` and more to come"),
        ("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello", "POST / `hello`"),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length:5\r\n\r\nhello", "POST / `hello`"),
        ("POST / HTTP/1.0\r\ncontent-length: 5\r\n\r\nhello", "POST / `hello`, last"),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "POST / `hello`",
        ),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "POST / `hello` and more to come",
        ),
    ]);
}

#[test]
fn requests_follow_each_other_until_one_is_the_last() {
    let one = "POST /1 HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello";
    let two = "GET /2 HTTP/1.1\r\n\r\n";
    let chunks = "POST /3 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    assert_eq!(
        told([one, two, chunks, two].concat().as_bytes()),
        "POST /1 `hello`; GET /2 ``; POST /3 `a`; GET /2 ``"
    );
    // One line more than was said is passed over, and no other byte is.
    assert_eq!(told([one, "\r\n", two].concat().as_bytes()), "POST /1 `hello`; GET /2 ``");
    assert_eq!(told([one, "\n", two].concat().as_bytes()), format!("POST /1 `hello`; {HEAD}"));
    assert_eq!(told([one, " ", two].concat().as_bytes()), format!("POST /1 `hello`; {HEAD}"));
    for last in ["connection: close", "Connection: x, CLOSE"] {
        let last = format!("GET / HTTP/1.1\r\n{last}\r\n\r\n");
        assert_eq!(told([&last, two].concat().as_bytes()), "GET / ``, last");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for (headers, want) in [
        ("content-length: 5\r\ncontent-length: 6", LENGTH),
        ("content-length: 5, 5", LENGTH),
        ("content-length: +5", LENGTH),
        ("content-length: -5", LENGTH),
        ("content-length: 0x5", LENGTH),
        ("content-length: 5 5", LENGTH),
        ("content-length:", LENGTH),
        ("content-length: 99999999999999999999", LENGTH),
        ("content-length: 5\r\ntransfer-encoding: chunked", LENGTH),
        ("transfer-encoding: chunked\r\ncontent-length: 5", LENGTH),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", LENGTH),
        ("transfer-encoding: chunked, chunked", LENGTH),
        ("transfer-encoding: gzip, chunked", LENGTH),
        ("transfer-encoding: chunked, identity", LENGTH),
        ("transfer-encoding: identity", LENGTH),
        ("transfer-encoding: xchunked", LENGTH),
        ("transfer-encoding: \u{b}chunked", HEAD),
        ("transfer-encoding:", LENGTH),
        ("transfer-encoding : chunked", HEAD),
        (" transfer-encoding: chunked", HEAD),
        ("content-length : 5", HEAD),
        ("x: y\r\n content-length: 5", HEAD),
        ("x: y\ncontent-length: 5", HEAD),
        ("x: y\rcontent-length: 5", HEAD),
        ("x: \0", HEAD),
        ("x", HEAD),
        (": x", HEAD),
        ("x\u{e4}: y", HEAD),
    ] {
        let bytes = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\nhello");
        assert_eq!(told(bytes.as_bytes()), want, "{headers:?}");
    }
    table(&[
        ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", LENGTH),
        ("GET / HTTP/1.1\n\n", HEAD),
        ("GET / HTTP/1.1\r\n\n", HEAD),
        ("GET  / HTTP/1.1\r\n\r\n", HEAD),
        ("GET /  HTTP/1.1\r\n\r\n", HEAD),
        ("GET /\tHTTP/1.1\r\n\r\n", HEAD),
        ("GET / HTTP/1.1 \r\n\r\n", HEAD),
        (" GET / HTTP/1.1\r\n\r\n", HEAD),
        ("GET / HTTP/2.0\r\n\r\n", HEAD),
        ("GET / http/1.1\r\n\r\n", HEAD),
        ("GET /\r\n\r\n", HEAD),
        ("GET HTTP/1.1\r\n\r\n", HEAD),
        ("GET a HTTP/1.1\r\n\r\n", HEAD),
        ("GE\u{e4} / HTTP/1.1\r\n\r\n", HEAD),
        ("hello\r\n\r\n", HEAD),
        // What speaks TLS is told at its first byte.
        ("\u{16}", HEAD),
        ("\n", HEAD),
    ]);
}

#[test]
fn heads_without_end_are_refused_at_their_bounds() {
    let with = |headers: &str| told(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes());
    assert_eq!(with(&"a: b\r\n".repeat(HEADERS_MAX)), "GET / ``");
    assert_eq!(with(&"a: b\r\n".repeat(HEADERS_MAX + 1)), "there are more than 100 headers");
    let room = HEAD_BYTES_MAX - "GET / HTTP/1.1\r\na: \r\n\r\n".len();
    let too_long = "the head is longer than 65536 bytes";
    let bytes = |room: usize| format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(room));
    assert_eq!(read([bytes(room).as_bytes()]).1, None);
    assert_eq!(read([bytes(room + 1).as_bytes()]).1.unwrap().to_string(), too_long);
    // Without any end, too.
    let endless = format!("GET /{}", "O".repeat(HEAD_BYTES_MAX));
    assert_eq!(read([endless.as_bytes()]).1.unwrap().to_string(), too_long);
}

#[test]
fn what_is_no_content_is_bounded() {
    let with = |chunks: String| {
        told(format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").as_bytes())
    };
    let extension = |bytes: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(bytes - 1));
    assert_eq!(with(extension(EXTRA_BYTES_MAX)), "POST / `a`");
    let extras = "the request broke off: it holds more than 16384 bytes beside its content";
    assert!(with(extension(EXTRA_BYTES_MAX + 1)).ends_with(extras));
    assert!(with("x".into()).ends_with(" and more to come"));
    let chunk = "the request broke off: its chunks cannot be read";
    assert!(with("x\r\n".into()).ends_with(chunk));
    assert!(with("1\r\nab\r\n".into()).ends_with(chunk));
}

/// Requests, good and bad ones, of parts that such requests are made of.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let begin = select(vec![
        "POST / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\n",
        "\r\nPUT /a?b HTTP/1.1\r\n",
        "GET http://a/b HTTP/1.1\r\n",
        "POST / HTTP/1.0\r\n",
        "POST /\u{e4} HTTP/1.1\r\n",
        "POST / HTTP/1.1\n",
    ]);
    let header = select(HEADERS);
    let content = select(CONTENT);
    let one =
        (begin, vec(header, 0..3), vec(content, 0..3)).prop_map(|(begin, headers, content)| {
            [begin.to_owned(), headers.concat(), "\r\n".to_owned(), content.concat()].concat()
        });
    vec(one, 1..4).prop_map(|requests| requests.concat().into_bytes())
}

/// What another server makes of these bytes: the methods, targets and content of whole requests.
async fn read_by_another(bytes: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let (ours, mut theirs) = tokio::io::duplex(64 << 10);
    let heard = std::sync::Mutex::new(Vec::new());
    let service = service_fn(|request: http::Request<hyper::body::Incoming>| async {
        let (parts, body) = request.into_parts();
        if let Ok(body) = body.collect().await {
            let content = body.to_bytes().to_vec();
            heard.lock().unwrap().push((parts.method.to_string(), parts.uri.to_string(), content));
        }
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(ours), service);
    theirs.write_all(bytes).await.unwrap();
    theirs.shutdown().await.unwrap();
    let _ = connection.await;
    heard.into_inner().unwrap()
}

proptest! {
    #[test]
    fn requests_are_the_same_however_they_are_cut(
        bytes in requests(),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let (whole, pieces) = (read([bytes.as_slice()]), read(cut(&bytes, &cuts)));
        prop_assert_eq!(whole.1.is_some(), pieces.1.is_some());
        prop_assert_eq!(whole.0.len(), pieces.0.len());
        if whole.1.is_none() {
            prop_assert_eq!(whole, pieces);
        }
    }

    /// Where two readers differ on where a request ends, the next one can be smuggled in.
    #[test]
    fn what_is_accepted_is_read_by_another_server_alike(bytes in requests()) {
        let (ours, _) = read([bytes.as_slice()]);
        let ours: Vec<_> = ours.into_iter().filter(|request| request.is_over).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let theirs = runtime.block_on(read_by_another(&bytes));
        // It may go on where we refuse to.
        prop_assert!(ours.len() <= theirs.len(), "{ours:?} {theirs:?}");
        for (ours, theirs) in ours.iter().zip(theirs) {
            prop_assert_eq!((ours.method.to_string(), ours.target.clone(), ours.content.clone()), theirs);
        }
    }
}
