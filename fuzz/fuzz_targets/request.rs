//! What a client may ask over HTTP/1.1, read whole and in pieces.
//!
//! However it is cut, the same requests are read of it; and what ends in the middle of one is gone
//! on with where the next piece begins.
#![forbid(unsafe_code)]
#![no_main]

use bakerst_gateway::http1_server::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Vec<u8>)| {
    let (bytes, cuts) = input;
    let (whole, broken) = read([bytes]);
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    for cut in cuts {
        let (piece, tail) = rest.split_at(usize::from(cut).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    let (requests, broke) = read(pieces);
    assert_eq!(broken.is_some(), broke.is_some(), "pieces are broken where the whole is not");
    assert_eq!(whole.len(), requests.len(), "pieces give other requests than the whole");
    if broken.is_none() {
        assert_eq!(whole, requests, "pieces give other requests than the whole");
    }
    if let Some((last, before)) = whole.split_last() {
        assert!(before.iter().all(|request| request.is_over && !request.is_last));
        assert!(broken.is_none() || !last.is_last || !last.is_over, "read beyond the last");
    }
});
