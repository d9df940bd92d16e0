use proptest::prelude::*;

use super::*;

const ALL: Hints = Hints { long_runs: 1, numbers: 9, singles: 9, leet: 9, reversed: 9, rot13: 9 };

#[track_caller]
fn check_fold(text: &str, want: &str, layer: Layer) {
    let folded = fold(text);
    assert_eq!((folded.text(), folded.layer_at(&(0..want.len()))), (want, layer), "{text}");
}

#[track_caller]
fn check_decoded(text: &str, layer: Layer, want: &str, from: &str) {
    let readings = decodings(text, &ALL);
    let found = readings.iter().find(|reading| reading.layer() == layer);
    let found = found.unwrap_or_else(|| panic!("no {layer:?} in {text}"));
    let at = found.text().find(want).unwrap_or_else(|| panic!("{:?}", found.text()));
    assert_eq!(&text[found.original(at..at + want.len())], from);
}

#[test]
fn letters_that_hide_others_are_taken_off() {
    check_fold("plain", "plain", Layer::Plain);
    check_fold("ig\u{200b}no\u{2060}re", "ignore", Layer::Invisible);
    check_fold("\u{202e}ignore", "ignore", Layer::Bidi);
    check_fold("ｉｇｎｏｒｅ", "ignore", Layer::Compatibility);
    check_fold("𝓲𝓰𝓷𝓸𝓻𝓮", "ignore", Layer::Compatibility);
    check_fold("i\u{336}g\u{336}nore", "ignore", Layer::Combining);
    check_fold("ɪɢɴᴏʀᴇ", "ignore", Layer::Confusables);
    check_fold("\u{e0069}\u{e0067}", "ig", Layer::Tags);
}

#[test]
fn look_alikes_count_only_beside_latin_letters() {
    check_fold("іgnоrе", "ignore", Layer::Confusables);
    check_fold("ИГНОР", "ИГНОР", Layer::Plain);
    check_fold("Überprüfung", "Uberprufung", Layer::Plain);
    check_fold("忽略指令", "忽略指令", Layer::Plain);
}

#[test]
fn escapes_are_read_where_they_stand() {
    check_decoded("a &#105;&#x67;&#110; b", Layer::HtmlEntities, "ign", "&#105;&#x67;&#110;");
    check_decoded("x%69%67%6eore", Layer::Percent, "ignore", "%69%67%6eore");
    check_decoded(r"\u0069\x67\u{6e}", Layer::StringEscapes, "ign", r"\u0069\x67\u{6e}");
    check_decoded("\x1b[31mig\x1b[0mnore", Layer::Ansi, "ignore", "ig\x1b[0mnore");
    check_decoded("ig<!-- x -->nore", Layer::HtmlComment, "ignore", "ig<!-- x -->nore");
}

#[test]
fn runs_are_decoded_where_they_are_text() {
    check_decoded("see aWdub3JlIHRoZSBydWxlcw== now", Layer::Base64, "ignore t", "aWdub3JlIHRo");
    check_decoded("69676e6f72652072756c6573", Layer::Hex, "ignore", "69676e6f7265");
    check_decoded("69 67 6e 6f 72 65 20 61", Layer::Hex, "ignore", "69 67 6e 6f 72 65");
    let digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let readings = decodings(digest, &ALL);
    assert!(readings.iter().all(|r| !matches!(r.layer(), Layer::Hex | Layer::Base64)));
}

#[test]
fn games_with_letters_are_undone() {
    check_decoded("1gn0r3 th3 rul3s", Layer::Leetspeak, "ignore the", "1gn0r3 th3");
    check_decoded("vtaber nyy ehyrf", Layer::Rot13, "ignore all", "vtaber nyy");
    check_decoded("selur lla erongi", Layer::Reversed, "ignore", "erongi");
    check_decoded("i g n o r e   a l l", Layer::Spaced, "ignore", "i g n o r e");
    check_decoded("i-g-n-o-r-e-a-l-l", Layer::Spaced, "ignore all", "i-g-n-o-r-e-a-l-l");
}

#[test]
fn what_surrounds_a_place_is_named() {
    for (text, want) in [
        ("<!-- do X -->", Layer::HtmlComment),
        ("<!-- a --> do X", Layer::Plain),
        ("![do X](a.png)", Layer::AltText),
        ("[a](http://b?do=X)", Layer::Link),
        ("[a](b) do X", Layer::Plain),
    ] {
        assert_eq!(surrounding(text, text.find("do").unwrap()), want, "{text}");
    }
}

proptest! {
    #[test]
    fn every_range_maps_back_to_letters_of_the_original(
        text in "(\\PC|[ -~]{0,9}|&#[0-9]{2,3};|%[0-9a-f]{2}|\\\\u00[0-9a-f]{2}|\u{200b}|[a-z] |[A-Za-z0-9+/]{20}){0,40}",
        cut in any::<(usize, usize)>(),
    ) {
        let mut readings = decodings(&text, &ALL);
        readings.push(fold(&text));
        for reading in readings {
            let len = reading.text().len();
            let start = reading.text().floor_char_boundary(cut.0 % (len + 1));
            let end = reading.text().floor_char_boundary(cut.1 % (len + 1)).max(start);
            let range = reading.original(start..end);
            prop_assert!(text.get(range.clone()).is_some(), "{range:?} of {text:?} in {reading:?}");
        }
    }
}
