//! Configuration as an operator, or somebody else, may have written it.
//!
//! Whatever the text, it is refused with a place inside the text, or it is a policy. A policy that
//! is printed and read again must be the same policy, or `bakerst check` would tell lies.
#![forbid(unsafe_code)]
#![no_main]

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Policy, PolicySource, Registry, Sections};
use bakerst_model::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match policy(text) {
        Ok(policy) => {
            let printed = serde_json::to_string(policy.source()).expect("a policy prints as JSON");
            let again = self::policy(&printed);
            let again = again.unwrap_or_else(|fault| panic!("{fault}, in what was printed"));
            assert_eq!(again.digest(), policy.digest(), "read again, it is another policy");
        }
        Err(fault) => {
            assert!(!fault.message.is_empty());
            // Each of the two characters ends a line of YAML.
            let ends = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
            let lines = 1 + u32::try_from(ends).expect("inputs are short");
            assert!(fault.at.is_none_or(|at| (1..=lines).contains(&at.line)), "{fault}");
        }
    }
});

fn policy(text: &str) -> Result<Policy, Fault> {
    let limits = Limits::default();
    let node = Node::parse_yaml(text, limits.config_bytes_max)?;
    let sections = match node.get("chain") {
        Some(_) => Sections { guardrails: Some(&node), ..Sections::default() },
        None => Sections::of(&node),
    };
    let source = PolicySource::read_sections(&sections, &Registry::default(), &limits)?;
    Policy::compile(source, limits)
}
