//! A transformer as a second judge: a text classifier in ONNX with its tokenizer, from bytes.
//!
//! It stands behind the same trait as the built-in model and must pass the same self-test. Built only
//! with the feature `transformer`, which brings the runtime `rten`: Rust throughout, no build script,
//! no download.

use rten::{Model, NodeId, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use super::judge::{self, Judge, JudgeError, ModelFiles};
use tokenizer::Tokenizer;

mod tokenizer;

/// The most tokens that models of this family take, two marks included.
const TOKENS_MAX: usize = 512;

/// A transformer that has passed its self-test.
#[derive(Debug)]
pub struct Transformer {
    network: Model,
    inputs: Vec<(NodeId, Input)>,
    output: NodeId,
    tokenizer: Tokenizer,
}

/// What an input of the network is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl Transformer {
    /// Reads a network and its tokenizer, and puts them to the self-test.
    ///
    /// The first class is taken for the innocent one; a network with a single output gives the chance
    /// of an attack.
    ///
    /// # Errors
    /// When a file is not what it should be, the network wants what nobody can give it, or it does not
    /// tell an attack from plain text.
    pub fn load(files: ModelFiles) -> Result<Self, JudgeError> {
        let tokenizer = Tokenizer::parse(&files.tokenizer)?;
        let unusable =
            |why: String| JudgeError::Files(format!("the network cannot be used: {why}"));
        let network = Model::load(files.network).map_err(|e| unusable(e.to_string()))?;
        let name = |id: NodeId| {
            network
                .node_info(id)
                .and_then(|info| info.name().map(str::to_owned))
                .unwrap_or_default()
        };
        let inputs = network.input_ids().iter().map(|&id| match name(id).as_str() {
            "input_ids" => Ok((id, Input::Ids)),
            "attention_mask" => Ok((id, Input::Mask)),
            "token_type_ids" => Ok((id, Input::Types)),
            other => Err(unusable(format!(
                "it wants `{other}`, expected `input_ids`, `attention_mask` and `token_type_ids` at most"
            ))),
        });
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let output = network.output_ids().first().copied();
        let output = output.ok_or_else(|| unusable("it has no output".to_owned()))?;
        let transformer = Self { network, inputs, output, tokenizer };
        judge::self_test(&transformer)?;
        // A text as long as any piece must fit, or the first long one would be the first to fail.
        transformer.score(&"word ".repeat(2 * TOKENS_MAX))?;
        Ok(transformer)
    }

    /// The chance of an attack that the network sees in some tokens.
    fn run(&self, tokens: &[i32]) -> Result<f32, JudgeError> {
        let failed = |why: String| JudgeError::Run(why);
        let shape = [1, tokens.len()];
        let inputs = self.inputs.iter().map(|&(id, input)| {
            let values = match input {
                Input::Ids => tokens.to_vec(),
                Input::Mask => vec![1; tokens.len()],
                Input::Types => vec![0; tokens.len()],
            };
            (id, ValueOrView::from(NdTensor::from_data(shape, values)))
        });
        let answers = self.network.run(inputs.collect(), &[self.output], None);
        let answer = answers.map_err(|e| failed(e.to_string()))?.into_iter().next();
        let answer = answer.ok_or_else(|| failed("the network gave no answer".to_owned()))?;
        let scores: Tensor<f32> = answer.try_into().map_err(|_| {
            failed("the network's answer is not made of 32-bit floating-point numbers".to_owned())
        })?;
        attack_share(&scores.iter().copied().collect::<Vec<f32>>()).ok_or_else(|| {
            failed(format!("the network's answer has the shape {:?}", scores.shape()))
        })
    }
}

impl Judge for Transformer {
    fn name(&self) -> &'static str {
        "transformer"
    }

    fn score(&self, text: &str) -> Result<f32, JudgeError> {
        let tokens = self.tokenizer.tokens(text);
        let mut worst = 0.0_f32;
        for run in tokens.chunks(TOKENS_MAX - 2) {
            worst = worst.max(self.run(&self.tokenizer.marked(run))?);
        }
        Ok(worst)
    }
}

/// The chance of an attack from the network's last numbers, one a class.
fn attack_share(scores: &[f32]) -> Option<f32> {
    if scores.len() > 64 || scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    match scores {
        [] => None,
        [single] => Some(1.0 / (1.0 + (-single).exp())),
        [innocent, ..] => {
            let top = scores.iter().copied().fold(f32::MIN, f32::max);
            let all: f32 = scores.iter().map(|score| (score - top).exp()).sum();
            Some(1.0 - (innocent - top).exp() / all)
        }
    }
}

#[cfg(test)]
mod tests;
