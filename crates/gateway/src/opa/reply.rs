//! What an OPA answers, read strictly.

use bakerst_guard::authorization::{Consulted, NoAnswer, Opinion};
use bakerst_model::{Limits, json};
use serde::Deserialize;
use serde_json::{Map, Value};

const MESSAGE_CHARS_MAX: usize = 200;
const METRICS_BYTES_MAX: usize = 4096;

/// Fields that are not listed are OPA's own business.
#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    decision_id: Option<String>,
    provenance: Option<Provenance>,
    metrics: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Provenance {
    revision: Option<String>,
    bundles: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads an answer.
pub(super) fn read(status: u16, body: &[u8], limits: &Limits) -> Result<Consulted, NoAnswer> {
    if status != 200 {
        let refusal = serde_json::from_slice::<Refusal>(body).ok();
        let message = refusal.map(|Refusal { code, message }| format!("{code}: {message}"));
        let message = message.unwrap_or_default().chars().take(MESSAGE_CHARS_MAX).collect();
        return Err(NoAnswer::Status { status, message });
    }
    let value = json::parse(body, limits.opa_answer_bytes_max, limits.json_depth_max);
    let value = value.map_err(|e| NoAnswer::Garbled(e.to_string()))?;
    let answer = Answer::deserialize(value).map_err(|e| NoAnswer::Garbled(e.to_string()))?;
    let Answer { result, decision_id, provenance, metrics } = answer;
    // Without a result the document is undefined: there is no such policy, so nothing is allowed.
    let opinion = result.as_ref().map_or_else(|| Ok(Opinion::default()), Opinion::read);
    let metrics = metrics.map(|metrics| Value::Object(metrics).to_string());
    Ok(Consulted::Answered {
        opinion: opinion.map_err(NoAnswer::Garbled)?,
        decision_id: decision_id.map(|id| shortened(&id).into()),
        revision: provenance.and_then(Provenance::revision).map(Into::into),
        metrics: metrics.filter(|text| text.len() <= METRICS_BYTES_MAX).map(Into::into),
        cached: false,
    })
}

impl Provenance {
    /// The revisions of all bundles, in the order of their names.
    fn revision(self) -> Option<String> {
        let Self { revision, bundles } = self;
        let named = bundles.into_iter().flatten().filter_map(|(name, bundle)| {
            let revision = bundle.get("revision")?.as_str()?;
            Some(format!("{name}={revision}"))
        });
        let all: Vec<_> = revision.into_iter().chain(named).collect();
        (!all.is_empty()).then(|| shortened(&all.join(" ")))
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}
