//! Texts that hide something: every layer is taken off, and each finding is shown in the original.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::LazyLock;

use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_detect::normalise;
use libfuzzer_sys::fuzz_target;

static DETECTOR: LazyLock<Detector> =
    LazyLock::new(|| Detector::new(Sensitivity::High, &[]).expect("the model is sound"));

fuzz_target!(|text: &str| {
    let folded = normalise::fold(text);
    for at in 0..folded.text().len() {
        let source = folded.original(at..at + 1);
        assert!(source.start <= source.end && source.end <= text.len());
    }
    for assessment in
        [DETECTOR.assess(text), DETECTOR.assess_output(text), DETECTOR.assess_description(text)]
    {
        assert!((0.0..=1.0).contains(&assessment.score), "{}", assessment.score);
        for found in &assessment.findings {
            assert!(text.get(found.span.clone()).is_some(), "{found:?} is cut through a letter");
        }
    }
    let _ = DETECTOR.first_finding(text);
});
