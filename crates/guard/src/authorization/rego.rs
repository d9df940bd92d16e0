//! Rego in this process.

use bakerst_model::{Code, Escaped, Limits};
use regorus::utils::limits::LimitError;
use regorus::{Engine, Value};
use serde::Serialize;

use super::calls::{Outline, Place};
use super::config::{RegoModule, RegoSource, Syntax};
use super::input::Input;
use super::nesting::{NESTING_MAX, too_deep};
use super::opinion::{Opinion, words};
use super::{cidr, steps};
use crate::document::Fault;

/// The most that is read per call, as steps times bytes of input: a step may have to look at the
/// whole input, so the longer that is, the fewer steps there are.
const STEP_BYTES_MAX: u64 = 1 << 31;
/// The fewest steps there are, however long the input.
const STEPS_MIN: u64 = 512;
/// Tests may take longer: nobody waits for them.
const TEST_STEPS: u64 = 10_000_000;

/// A policy, parsed and checked once.
#[derive(Clone, Debug)]
pub struct Rego {
    /// Cloned for each call, which copies pointers alone.
    engine: Engine,
    allow: String,
    deny: Option<String>,
    ask: Option<String>,
    steps_max: u64,
}

/// Why a policy came to no opinion.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RegoError {
    /// It took too many steps.
    #[error("the policy took more than {max} steps (`rego_steps_max` or fewer, for a long input)")]
    Runaway {
        /// How many it had.
        max: u64,
    },
    /// It failed.
    #[error("the policy failed: {0}")]
    Failed(String),
}

impl RegoError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Runaway { .. } => Code::RegoRunaway,
            Self::Failed(_) => Code::RegoFailed,
        }
    }
}

/// What became of a test.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RegoTest {
    /// The rule, as `bakerst.authz_test.test_reads`.
    pub name: String,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl Rego {
    /// Parses and checks a policy.
    ///
    /// # Errors
    /// Names the module, line and column, and what is wrong there.
    pub fn compile(source: &RegoSource, limits: &Limits) -> Result<Self, Fault> {
        let (mut engine, outline) = load(source, &source.modules)?;
        let rule = |name: &str| {
            let path = format!("{}.{name}", source.package);
            outline.rules.contains(&path).then(|| format!("data.{path}"))
        };
        let Some(allow) = rule("allow") else {
            let message = format!("the package `{}` has no rule `allow`", source.package);
            let hint = "a policy that only denies or asks says `default allow := true`";
            return Err(Fault::new(Code::RegoUnusable, message).hint(hint));
        };
        let path = allow.as_str().into();
        engine.compile_with_entrypoint(&path).map_err(|e| unusable(&e.to_string()))?;
        let (deny, ask) = (rule("deny"), rule("ask"));
        Ok(Self { engine, allow, deny, ask, steps_max: limits.rego_steps_max })
    }

    /// What the policy thinks of a call.
    ///
    /// # Errors
    /// When it takes too long or fails; the call must then not be made.
    pub fn decide(&self, input: &Input) -> Result<Opinion, RegoError> {
        let mut engine = self.engine.clone();
        let bytes = (input.bytes as u64).max(1);
        let steps = self.steps_max.min((STEP_BYTES_MAX / bytes).max(STEPS_MIN));
        engine.set_execution_timer_config(steps::bound(steps));
        engine.set_input(input.value.clone());
        let deny = messages(&mut engine, "deny", self.deny.as_ref(), steps)?;
        if !deny.is_empty() {
            return Ok(Opinion { deny, ..Opinion::default() });
        }
        let allow = eval(&mut engine, &self.allow, steps)? == Value::Bool(true);
        if !allow {
            return Ok(Opinion::default());
        }
        let ask = messages(&mut engine, "ask", self.ask.as_ref(), steps)?;
        Ok(Opinion { allow, deny, ask })
    }

    /// Runs the tests of a policy: every rule whose name begins with `test_`.
    ///
    /// # Errors
    /// When a text cannot be used.
    pub fn test(source: &RegoSource) -> Result<Vec<RegoTest>, Fault> {
        let modules = [source.modules.as_slice(), source.tests.as_slice()].concat();
        let (mut engine, outline) = load(source, &modules)?;
        engine.set_execution_timer_config(steps::bound(TEST_STEPS));
        engine.set_input(Value::new_object());
        let is_test =
            |path: &&String| path.rsplit('.').next().is_some_and(|name| name.starts_with("test_"));
        let run = |name: &String| {
            let failed = match eval(&mut engine, &format!("data.{name}"), TEST_STEPS) {
                Ok(Value::Bool(true)) => None,
                Ok(Value::Undefined) => Some("it is undefined, expected true".to_owned()),
                Ok(value) => Some(format!("it is {}, expected true", Escaped(&value.to_string()))),
                Err(error) => Some(error.to_string()),
            };
            RegoTest { name: name.clone(), failed }
        };
        Ok(outline.rules.iter().filter(is_test).map(run).collect())
    }
}

fn load(source: &RegoSource, modules: &[RegoModule]) -> Result<(Engine, Outline), Fault> {
    let mut engine = Engine::new();
    engine.set_rego_v0(source.syntax == Syntax::V0);
    // A function that gets what it cannot work with is an error, and an error denies.
    engine.set_strict_builtin_errors(true);
    engine.set_gather_prints(false);
    engine
        .add_extension(
            "net.cidr_contains".to_owned(),
            2,
            Box::new(|arguments: Vec<Value>| cidr::contains(&arguments)),
        )
        .map_err(|e| unusable(&e.to_string()))?;
    for RegoModule { name, text } in modules {
        if let Some((line, column)) = too_deep(text) {
            let message = format!(
                "`{name}`, line {line}, column {column}: brackets are nested more than {NESTING_MAX} deep"
            );
            let hint = "give what is inside a rule of its own";
            return Err(Fault::new(Code::RegoUnusable, message).hint(hint));
        }
        let added = engine.add_policy(name.clone(), text.to_string());
        added.map_err(|e| unusable(&e.to_string()))?;
    }
    let outline = Outline::read(engine.get_modules()).map_err(|place| {
        let Place { module, line, column, message } = place;
        let message = format!("`{module}`, line {line}, column {column}: {message}");
        Fault::new(Code::RegoUnusable, message)
    })?;
    Ok((engine, outline))
}

fn messages(
    engine: &mut Engine,
    name: &str,
    rule: Option<&String>,
    steps: u64,
) -> Result<Vec<String>, RegoError> {
    let Some(rule) = rule else { return Ok(Vec::new()) };
    let value = match eval(engine, rule, steps)? {
        Value::Undefined => return Ok(Vec::new()),
        Value::Set(set) if set.is_empty() => return Ok(Vec::new()),
        value => value,
    };
    let json = value.to_json_str().map_err(|e| failed(&e.to_string()))?;
    let value = serde_json::from_str(&json).map_err(|e| failed(&e.to_string()))?;
    words(name, Some(&value)).map_err(RegoError::Failed)
}

fn eval(engine: &mut Engine, rule: &str, steps: u64) -> Result<Value, RegoError> {
    engine.eval_rule(rule.to_owned()).map_err(|error| match error.downcast_ref::<LimitError>() {
        Some(LimitError::TimeLimitExceeded { .. }) => RegoError::Runaway { max: steps },
        _ => failed(&error.to_string()),
    })
}

fn failed(error: &str) -> RegoError {
    RegoError::Failed(placed(error))
}

fn unusable(error: &str) -> Fault {
    Fault::new(Code::RegoUnusable, placed(error))
}

/// The engine's errors draw the source; the place and the last words are enough.
fn placed(error: &str) -> String {
    let place = error.lines().find_map(|line| line.trim().strip_prefix("--> ")).and_then(|place| {
        let mut parts = place.rsplitn(3, ':');
        let (column, line) = (parts.next()?, parts.next()?);
        Some(format!("`{}`, line {line}, column {column}: ", parts.next()?))
    });
    let words = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no words");
    let words = words.trim().strip_prefix("error: ").unwrap_or(words.trim());
    let words: String = words.chars().take(300).collect();
    format!("{}{}", place.unwrap_or_default(), Escaped(&words))
}
