//! The setting `transformer`: which model is heard beside the built-in one, and from when it counts.

use std::path::PathBuf;
use std::sync::Arc;

use bakerst_detect::injection::judge::{Judge, JudgeError, ModelFiles, SecondJudge};
use bakerst_model::{Code, Digest, Limits};
use serde::{Deserialize, Serialize};

use crate::Registry;
use crate::document::Fault;

/// A transformer, as a policy names it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The folder with `model.onnx` and `tokenizer.json` or `vocab.txt`.
    folder: PathBuf,
    /// The chance of an attack from which a text is refused.
    #[serde(default = "usual_threshold")]
    threshold: f32,
    /// What the files must be, or what they were found to be: two policies that differ in their model
    /// alone have different fingerprints.
    #[serde(default)]
    digest: Option<String>,
}

/// The same with the judge that its files make.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Settings", into = "Settings")]
pub(super) struct Transformer {
    settings: Settings,
    loaded: Option<SecondJudge>,
}

impl From<Settings> for Transformer {
    fn from(settings: Settings) -> Self {
        Self { settings, loaded: None }
    }
}

impl From<Transformer> for Settings {
    fn from(transformer: Transformer) -> Self {
        transformer.settings
    }
}

fn usual_threshold() -> f32 {
    0.9
}

impl Transformer {
    /// The judge, once [`load`](Self::load) has made it.
    pub(super) fn judge(&self) -> Option<&SecondJudge> {
        self.loaded.as_ref()
    }

    /// Has the files read and makes the judge of them.
    pub(super) fn load(&mut self, registry: &Registry, limits: &Limits) -> Result<(), Fault> {
        if !cfg!(feature = "transformer") {
            let fault = Fault::new(Code::ConfigNotBuilt, "this build has no `transformer` stage");
            return Err(fault.hint(
                "build with `cargo build --release -p bakerst-app --features transformer`, or leave it out",
            ));
        }
        let Settings { folder, threshold, digest: wanted } = &mut self.settings;
        if !(*threshold > 0.0 && *threshold <= 1.0) {
            return Err(wrong(format!(
                "`threshold` is {threshold}, expected more than 0 and at most 1"
            )));
        }
        if !folder.is_absolute() {
            let folder = folder.display();
            return Err(wrong(format!("`folder` is `{folder}`, expected an absolute path")));
        }
        let files = registry.model_files(folder, limits.model_bytes_max);
        let files = files.map_err(|why| wrong(format!("cannot use the transformer: {why}")))?;
        let parts = [files.network.as_slice(), files.tokenizer.as_bytes()];
        let digest = Digest::of_parts(&parts).to_string();
        if let Some(want) = wanted.replace(digest.clone()).filter(|want| *want != digest) {
            return Err(wrong(format!(
                "the transformer's digest is `{digest}`, expected `{want}`"
            )));
        }
        let judge = judge_of(files);
        let judge = judge.map_err(|why| wrong(format!("cannot use the transformer: {why}")))?;
        let pieces_max = limits.transformer_pieces_max;
        self.loaded = Some(SecondJudge { judge, threshold: *threshold, pieces_max });
        Ok(())
    }
}

#[cfg(feature = "transformer")]
fn judge_of(files: ModelFiles) -> Result<Arc<dyn Judge>, JudgeError> {
    Ok(Arc::new(bakerst_detect::injection::transformer::Transformer::load(files)?))
}

#[cfg(not(feature = "transformer"))]
fn judge_of(_: ModelFiles) -> Result<Arc<dyn Judge>, JudgeError> {
    Err(JudgeError::Files("this build has none".to_owned()))
}

fn wrong(message: String) -> Fault {
    Fault::new(Code::ConfigValue, message)
}
