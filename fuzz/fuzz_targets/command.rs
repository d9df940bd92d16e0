//! Command lines as an agent, or somebody who steers it, may write them.
//!
//! Whatever the text, it gets an answer; the answer agrees with its reasons; and what would be run
//! is made of words that the gate can be held against.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::LazyLock;

use bakerst_detect::command::{Effect, Lang, Programs, read};
use bakerst_detect::pattern::{InvokedPatterns, Pattern};
use libfuzzer_sys::fuzz_target;

static FLAGGED: LazyLock<InvokedPatterns> = LazyLock::new(|| {
    let words = ["delete", "rm -rf", "kubectl delete", "DROP TABLE", "git push --force"];
    InvokedPatterns::split(words.map(|words| Pattern::Words(words.to_owned())).to_vec()).0
});

fuzz_target!(|input: (u8, &str)| {
    let (lang, text) = input;
    let lang = ["shell", "sql", "powershell", "iac", "k8s", "git"][usize::from(lang % 6)];
    let reading = read(text, Lang::parse(lang));
    let worst = reading.reasons.iter().map(|why| why.effect).max();
    assert_eq!(worst.unwrap_or(Effect::Read) >= Effect::Unknown, reading.effect >= Effect::Unknown);
    if let Programs::Known(programs) = &reading.programs {
        assert!(!programs.is_empty() && programs.iter().all(|program| !program.is_empty()));
    }
    if let Some(invocations) = &reading.invocations {
        let _ = FLAGGED.first_match(invocations);
    }
    // Asked twice, it says the same.
    assert_eq!(read(text, Lang::parse(lang)), reading);
});
