use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::http1::EXTRA_BYTES_MAX;
use crate::http1::parts::{CONTENT, HEADERS, cut};

/// What becomes of these bytes, however they are cut, on a connection that stays or ends.
#[track_caller]
fn told(bytes: &[u8], is_ended: bool) -> String {
    let whole = read([bytes], is_ended);
    let single = read(bytes.chunks(1), is_ended);
    assert_eq!(whole.is_err(), single.is_err(), "{whole:?}, byte by byte {single:?}");
    if whole.is_ok() {
        assert_eq!(whole, single, "byte by byte");
    }
    match whole {
        Err(bad) => format!("{bad}"),
        Ok(None) => "nothing yet".to_owned(),
        Ok(Some(Whole { status, content, is_over, is_kept })) => {
            let content = String::from_utf8(content).unwrap();
            let is_over = if is_over { "" } else { " and more to come" };
            let is_kept = if is_kept { ", kept" } else { "" };
            format!("{status} `{content}`{is_over}{is_kept}")
        }
    }
}

const HEAD: &str = "the head of the answer cannot be read";
const LENGTH: &str = "the answer does not say clearly where it ends";
const CHUNK: &str = "the answer broke off: its chunks cannot be read";
const EXTRAS: &str = "the answer broke off: it holds more than 16384 bytes beside its content";

/// Answers after which another request may be sent.
const WHOLE: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nreal",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nreal\r\n0\r\n\r\n",
];

#[track_caller]
fn table(rows: &[(&str, &str)]) {
    for (bytes, want) in rows {
        assert_eq!(told(bytes.as_bytes(), false), *want, "{bytes:?}");
    }
}

#[test]
fn an_answer_ends_where_its_head_says() {
    table(&[
        ("", "nothing yet"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r", "nothing yet"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "200 `` and more to come"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", "200 `hell` and more to come"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "200 `hello`, kept"),
        ("HTTP/1.1 404\r\nContent-Length:5\t\r\n\r\nhello", "404 `hello`, kept"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "200 ``, kept"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\nhello",
            "200 `hello`, kept",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "200 `hello` and more to come"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "204 ``, kept"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "304 ``, kept"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "200 `hello`, kept",
        ),
    ]);
}

#[test]
fn only_an_answer_that_came_whole_has_ended() {
    for (bytes, want) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
            "the answer broke off: the connection ended too early",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "200 `hello`"),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "200 `hello`"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "the answer broke off: the connection ended too early",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r",
            "the answer broke off: the connection ended too early",
        ),
    ] {
        assert_eq!(told(bytes.as_bytes(), true), want, "{bytes:?}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    for (headers, want) in [
        ("content-length: 5\r\ncontent-length: 6\r\n", LENGTH),
        ("content-length: 5, 5\r\n", LENGTH),
        ("content-length: +5\r\n", LENGTH),
        ("content-length: -5\r\n", LENGTH),
        ("content-length: 0x5\r\n", LENGTH),
        ("content-length: 5 5\r\n", LENGTH),
        ("content-length:\r\n", LENGTH),
        ("content-length: 18446744073709551616\r\n", LENGTH),
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", LENGTH),
        ("transfer-encoding: chunked\r\ncontent-length: 15\r\n", LENGTH),
        ("transfer-encoding: gzip, chunked\r\n", LENGTH),
        ("transfer-encoding: chunked, identity\r\n", LENGTH),
        ("transfer-encoding: identity\r\n", LENGTH),
        ("transfer-encoding: xchunked\r\n", LENGTH),
        ("transfer-encoding:\r\n", LENGTH),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", LENGTH),
        ("transfer-encoding : chunked\r\n", HEAD),
        (" transfer-encoding: chunked\r\n", HEAD),
        ("a: b\r\n transfer-encoding: chunked\r\n", HEAD),
        ("a: b\n", HEAD),
        ("a: b\rc: d\r\n", HEAD),
        ("a: \0\r\n", HEAD),
        ("a\r\n", HEAD),
        (": a\r\n", HEAD),
        ("ä: b\r\n", HEAD),
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n{chunks}");
        assert_eq!(told(bytes.as_bytes(), false), want, "{bytes:?}");
    }
    table(&[
        ("\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", HEAD),
        ("HTTP/1.1 200 OK\n\n", HEAD),
        ("HTTP/1.1 200 OK\r\n\n", HEAD),
        ("HTTP/2.0 200 OK\r\n\r\n", HEAD),
        ("HTTP/1.2 200 OK\r\n\r\n", HEAD),
        ("HTTP/1.1  200 OK\r\n\r\n", HEAD),
        ("HTTP/1.1 20 OK\r\n\r\n", HEAD),
        ("HTTP/1.1 099 OK\r\n\r\n", HEAD),
        ("HTTP/1.1 2000 OK\r\n\r\n", HEAD),
        ("{\"jsonrpc\":\"2.0\"}", HEAD),
        ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", LENGTH),
        ("HTTP/1.1 204 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", LENGTH),
    ]);
}

#[test]
fn bytes_after_an_answers_end_make_its_connection_the_last() {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    for answer in WHOLE {
        assert_eq!(told(answer.as_bytes(), false), "200 `real`, kept");
        for more in [forged, "\r\n", "\n", "H", "\0"] {
            assert_eq!(told(format!("{answer}{more}").as_bytes(), false), "200 `real`");
        }
    }
    // What announces content that must not be there may be followed by it.
    table(&[
        ("HTTP/1.1 204 OK\r\ncontent-length: 49\r\n\r\n", "204 ``"),
        ("HTTP/1.1 204 OK\r\ntransfer-encoding: chunked\r\n\r\n", "204 ``"),
        ("HTTP/1.1 304 OK\r\ncontent-length: 49\r\n\r\n", "304 ``"),
        ("HTTP/1.1 204 OK\r\ncontent-length: 0\r\n\r\n", "204 ``, kept"),
    ]);
}

#[test]
fn a_server_that_wants_the_connection_to_end_is_asked_no_more_on_it() {
    for (head, want) in [
        ("HTTP/1.1 200 OK\r\nconnection: close", "200 `hello`"),
        ("HTTP/1.1 200 OK\r\nConnection: Keep-Alive , CLOSE", "200 `hello`"),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\nconnection: keep-alive", "200 `hello`"),
        ("HTTP/1.1 200 OK\r\nconnection: keep-alive", "200 `hello`, kept"),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive", "200 `hello`"),
        ("HTTP/1.0 200 OK", "200 `hello`"),
    ] {
        let bytes = format!("{head}\r\ncontent-length: 5\r\n\r\nhello");
        assert_eq!(told(bytes.as_bytes(), false), want, "{bytes:?}");
    }
}

#[test]
fn provisional_answers_are_passed_over_and_counted() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let provisional = "HTTP/1.1 103 Early Hints\r\ncontent-length: 50\r\nlink: </a>\r\n\r\n";
    let with = |times| told(format!("{}{answer}", provisional.repeat(times)).as_bytes(), false);
    assert_eq!(with(1), "200 `ok`, kept");
    assert_eq!(with(PROVISIONAL_MAX), "200 `ok`, kept");
    assert_eq!(with(PROVISIONAL_MAX + 1), "more than 8 provisional answers come before the answer");
    table(&[
        (
            "HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n",
            "the server switches to another protocol",
        ),
        ("HTTP/1.1 100 Continue\r\n\r\n", "nothing yet"),
    ]);
}

#[test]
fn heads_without_end_are_refused_at_their_bounds() {
    let with = |headers: &str| {
        told(format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n").as_bytes(), false)
    };
    assert_eq!(with(&"a: b\r\n".repeat(HEADERS_MAX - 1)), "200 ``, kept");
    assert_eq!(with(&"a: b\r\n".repeat(HEADERS_MAX)), "the answer has more than 100 headers");
    let room = HEAD_BYTES_MAX - "HTTP/1.1 200 OK\r\na: \r\ncontent-length: 0\r\n\r\n".len();
    assert_eq!(with(&format!("a: {}\r\n", "b".repeat(room))), "200 ``, kept");
    let too_long = "the head of the answer is longer than 32768 bytes";
    assert_eq!(with(&format!("a: {}\r\n", "b".repeat(room + 1))), too_long);
    // Without any end, too.
    let endless = format!("HTTP/1.1 200 {}", "O".repeat(HEAD_BYTES_MAX));
    assert_eq!(told(endless.as_bytes(), false), too_long);
}

#[test]
fn chunks_are_read_strictly() {
    for (chunks, want) in [
        ("0\r\n\r\n", "200 ``, kept"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "200 `0123456789`, kept"),
        ("00A\r\n0123456789\r\n000\r\n\r\n", "200 `0123456789`, kept"),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "200 `abc`, kept"),
        ("1;a=b\r\na\r\n0 ; x\r\n\r\n", "200 `a`, kept"),
        ("1\r\na\r\n0\r\nexpires: never\r\nx: y\r\n\r\n", "200 `a`, kept"),
        ("1\r\na\r\n0\r\nexpires: never\r\n", "200 `a` and more to come"),
        ("1\r\na\r\n", "200 `a` and more to come"),
        ("5\r\nhel", "200 `hel` and more to come"),
        ("0000000000000001\r\na\r\n0\r\n\r\n", "200 `a`, kept"),
        ("00000000000000001\r\na\r\n0\r\n\r\n", CHUNK),
        ("ffffffffffffffff\r\na", "200 `a` and more to come"),
        ("+1\r\na\r\n0\r\n\r\n", CHUNK),
        ("-1\r\na\r\n0\r\n\r\n", CHUNK),
        ("0x1\r\na\r\n0\r\n\r\n", CHUNK),
        (" 1\r\na\r\n0\r\n\r\n", CHUNK),
        ("1 \r\na\r\n0\r\n\r\n", CHUNK),
        ("1_\r\na\r\n0\r\n\r\n", CHUNK),
        ("1 1\r\na\r\n0\r\n\r\n", CHUNK),
        ("\r\n0\r\n\r\n", CHUNK),
        (";a\r\n0\r\n\r\n", CHUNK),
        ("1\na\r\n0\r\n\r\n", CHUNK),
        ("1\r\na\n0\r\n\r\n", CHUNK),
        ("1\r\nab\r\n0\r\n\r\n", CHUNK),
        ("1\r\na0\r\n\r\n", CHUNK),
        ("1;\rx\r\na\r\n0\r\n\r\n", CHUNK),
        ("0\r\nx: y\n\r\n", CHUNK),
        ("0\r\nx: y\rz\r\n\r\n", CHUNK),
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(told(bytes.as_bytes(), false), want, "{bytes:?}");
    }
}

#[test]
fn what_is_no_content_is_bounded_over_all_chunks_together() {
    let with = |chunks: String| {
        let bytes = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        told(bytes.as_bytes(), false)
    };
    let extension = |bytes: usize| format!("1;{}\r\na\r\n", "x".repeat(bytes - 1));
    let half = EXTRA_BYTES_MAX / 2;
    assert_eq!(with(extension(half).repeat(2) + "0\r\n\r\n"), "200 `aa`, kept");
    assert_eq!(with(extension(half).repeat(2) + "0\r\na\r\n\r\n"), EXTRAS);
    assert_eq!(with(extension(half + 1).repeat(2) + "0\r\n\r\n"), EXTRAS);
    assert_eq!(with(format!("0\r\n{}\r\n\r\n", "x".repeat(EXTRA_BYTES_MAX + 1))), EXTRAS);
    assert_eq!(with(format!("0\r\n{}", "x".repeat(EXTRA_BYTES_MAX + 2))), EXTRAS);
    assert_eq!(with(format!("1;{}", "x".repeat(EXTRA_BYTES_MAX + 20))), EXTRAS);
}

/// Answers, good and bad ones, of parts that such answers are made of.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let begin = select(vec![
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 204 \r\n",
        "HTTP/1.1 304\r\n",
        "HTTP/1.1 500 \u{e4}\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\n",
    ]);
    let header = select(HEADERS);
    let next = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    let content = select([CONTENT, &[next]].concat());
    (begin, vec(header, 0..3), vec(content, 0..4)).prop_map(|(begin, headers, content)| {
        [begin.to_owned(), headers.concat(), "\r\n".to_owned(), content.concat()]
            .concat()
            .into_bytes()
    })
}

/// What another client makes of an answer: its status and content.
async fn read_by_another(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    use http_body_util::{BodyExt as _, Empty};
    let (ours, mut theirs) = tokio::io::duplex(64 << 10);
    let builder = hyper::client::conn::http1::Builder::new();
    let (mut sender, connection) = builder.handshake(TokioIo::new(ours)).await.ok()?;
    let asked = async {
        let request = axum::http::Request::post("/").body(Empty::<&[u8]>::new()).unwrap();
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.into_body().collect().await.ok()?.to_bytes().to_vec()))
    };
    let connection = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    let server = async {
        assert!(theirs.read(&mut [0; 1024]).await.unwrap() > 0);
        theirs.write_all(bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        asked = asked => asked,
        () = connection => None,
        () = server => None,
    }
}

proptest! {
    #[test]
    fn an_answer_is_the_same_however_it_is_cut(
        bytes in answers(),
        cuts in vec(any::<Index>(), 0..8),
        is_ended in any::<bool>(),
    ) {
        let whole = read([bytes.as_slice()], is_ended);
        let pieces = read(cut(&bytes, &cuts), is_ended);
        prop_assert_eq!(whole.is_err(), pieces.is_err());
        if whole.is_ok() {
            prop_assert_eq!(whole, pieces);
        }
    }

    /// Where two readers differ on where an answer ends, the next one can be forged.
    #[test]
    fn what_is_accepted_is_read_by_another_client_alike(bytes in answers()) {
        if let Ok(Some(ours)) = read([bytes.as_slice()], true) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let theirs = runtime.block_on(read_by_another(&bytes));
            prop_assert_eq!(theirs, Some((ours.status, ours.content)));
        }
    }

    #[test]
    fn content_in_chunks_comes_out_as_it_went_in(
        chunks in vec((vec(any::<u8>(), 1..200), "(;[ -~]{0,20})?"), 0..20),
        trailers in vec("[a-z]{1,9}: [ -~]{0,20}", 0..4),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let mut bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for (chunk, extension) in &chunks {
            bytes.extend(format!("{:x}{extension}\r\n", chunk.len()).into_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n");
        trailers.iter().for_each(|trailer| bytes.extend(format!("{trailer}\r\n").into_bytes()));
        bytes.extend(b"\r\n");
        let content = chunks.into_iter().flat_map(|(chunk, _)| chunk).collect();
        let want = Whole { status: 200, content, is_over: true, is_kept: true };
        prop_assert_eq!(read(cut(&bytes, &cuts), false), Ok(Some(want)));
    }

    #[test]
    fn a_connection_that_speaks_garbage_is_not_kept(
        whole in select(WHOLE),
        upto in any::<Index>(),
        garbage in vec(any::<u8>(), 1..2000),
    ) {
        for begun in ["", &whole[..upto.index(whole.len())], whole] {
            let bytes = [begun.as_bytes(), garbage.as_slice()].concat();
            let read = read([bytes.as_slice()], false);
            // Where content is still to come, anything may be content.
            let is_content = begun.contains("\r\n\r\n") && begun.len() < whole.len();
            prop_assert!(is_content || !read.is_ok_and(|read| read.is_some_and(|read| read.is_kept)));
        }
    }
}
