//! The setting `transformer` of `prompt-injection`, with the feature and without.

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Policy, PolicySource, Registry};
use bakerst_model::Limits;

#[cfg(feature = "transformer")]
#[path = "../../detect/tests/support/tiny_onnx.rs"]
mod tiny_onnx;

fn compiled(settings: &str, registry: &Registry) -> Result<Policy, Fault> {
    let rail = format!("  - name: prompt-injection\n    config: {{{settings}}}\n");
    let text = format!("chain:\n{rail}  - {{name: tool-policy, enabled: false}}\n");
    let node = Node::parse_yaml(&text, text.len())?;
    let limits = Limits::default();
    let mut source = PolicySource::read(Some(&node), None, registry, &limits)?;
    source.guardrails.must_allow.clear();
    Policy::compile(source, limits)
}

#[track_caller]
fn refused(settings: &str, registry: &Registry, want: &str) {
    let fault = compiled(settings, registry).err().map(|fault| fault.to_string());
    assert!(fault.as_ref().is_some_and(|fault| fault.contains(want)), "{fault:?}");
}

#[cfg(not(feature = "transformer"))]
#[test]
fn without_the_feature_the_setting_is_refused_and_says_what_to_build() {
    refused(
        "transformer: {folder: /models/guard}",
        &Registry::default(),
        "line 3, column 27: CFG-005 this build has no `transformer` stage (build with `cargo build --release -p bakerst-app --features transformer`, or leave it out)",
    );
}

#[cfg(feature = "transformer")]
mod transformer_feature {
    use std::path::Path;

    use bakerst_detect::injection::judge::ModelFiles;
    use bakerst_guard::Facts;
    use bakerst_model::{AgentId, ConversationId, IdError, ToolCall, ToolName, Untrusted, Verdict};
    use serde_json::json;

    use super::*;

    use super::tiny_onnx::{self, TinyNetwork};

    /// A folder of each kind, by its name.
    fn folder(path: &Path, bytes_max: usize) -> Result<ModelFiles, String> {
        let tiny = TinyNetwork::default();
        let files = |network: TinyNetwork| ModelFiles {
            network: network.to_onnx(),
            tokenizer: tiny_onnx::VOCABULARY.to_owned(),
        };
        assert_eq!(bytes_max, Limits::default().model_bytes_max);
        match path.to_str() {
            Some("/good") => Ok(files(tiny)),
            Some("/constant") => Ok(files(TinyNetwork { weight: 0.0, ..tiny })),
            Some("/strange") => Ok(files(TinyNetwork { input: "pixels", ..tiny })),
            _ => Err("cannot read `model.onnx`".to_owned()),
        }
    }

    fn registry() -> Registry {
        Registry::default().reading_models(folder)
    }

    fn verdict(policy: &Policy, text: &str) -> Result<Verdict, IdError> {
        let call = ToolCall {
            conversation: ConversationId::parse("c")?,
            user: None,
            agent: AgentId::unnamed(),
            tool: ToolName::parse("read_file")?,
            input: Untrusted::new(json!({ "text": text })),
            prompt: None,
        };
        Ok(policy.verdict(&call, Facts::default()))
    }

    #[test]
    fn a_transformer_is_heard_on_what_the_model_lets_pass() {
        let with = compiled("transformer: {folder: /good}", &registry()).unwrap();
        let without = compiled("", &registry()).unwrap();
        let odd = "frobozz frobozz";
        assert_eq!(verdict(&with, odd), Ok(Verdict::Deny));
        assert_eq!(verdict(&without, odd), Ok(Verdict::Allow));
        assert_eq!(verdict(&with, "the weather is fine"), Ok(Verdict::Allow));
        // Which model it was is part of the policy's fingerprint.
        assert!(serde_json::to_string(with.source()).unwrap().contains("\"digest\":\""));
        assert_ne!(with.digest(), without.digest());
    }

    #[test]
    fn what_cannot_judge_is_refused_when_the_policy_is_read() {
        let registry = registry();
        for (settings, want) in [
            (
                "transformer: {folder: /constant}",
                "CFG-004 cannot use the transformer: fails its self-test: 50 % for an attack, 50 % for plain text",
            ),
            ("transformer: {folder: /strange}", "it wants `pixels`"),
            (
                "transformer: {folder: /nowhere}",
                "cannot use the transformer: cannot read `model.onnx`",
            ),
            ("transformer: {folder: models}", "`folder` is `models`, expected an absolute path"),
            (
                "transformer: {folder: /good, threshold: 0}",
                "`threshold` is 0, expected more than 0",
            ),
            ("transformer: {folder: /good, threshold: 1.5}", "`threshold` is 1.5"),
            ("transformer: {folder: /good, digest: abc}", "expected `abc`"),
            ("transformer: {folder: /good}, model: false", "`model` is off"),
            ("transformer: {path: /good}", "unknown field `path`"),
        ] {
            refused(settings, &registry, want);
        }
        refused("transformer: {folder: /good}", &Registry::default(), "nobody here reads files");
    }
}
