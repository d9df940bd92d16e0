//! What a server may answer over HTTP/1.1, read whole and in pieces.
//!
//! However it is cut, what is read is what is read of the whole; and where more comes than the
//! answer, nothing is asked on its connection again.
#![forbid(unsafe_code)]
#![no_main]

use bakerst_gateway::http1_client::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Vec<u8>, bool)| {
    let (bytes, cuts, is_ended) = input;
    let whole = read([bytes], is_ended);
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    for cut in cuts {
        let (piece, tail) = rest.split_at(usize::from(cut).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    match (whole, read(pieces, is_ended)) {
        (Ok(whole), pieces) => {
            assert_eq!(pieces, Ok(whole.clone()), "pieces give another answer than the whole");
            if whole.is_some_and(|whole| whole.is_kept) {
                let more = read([bytes, b"H"], is_ended);
                assert!(more.is_ok_and(|more| more.is_some_and(|more| !more.is_kept)));
            }
        }
        (Err(_), pieces) => assert!(pieces.is_err(), "pieces give an answer where there is none"),
    }
});
