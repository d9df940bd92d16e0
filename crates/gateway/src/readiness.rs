//! How the server fares.

use std::sync::Arc;

use axum::http::StatusCode;
use bakerst_audit::delivery::SinkStatus;
use bakerst_guard::{Mode, RailConfig};

use crate::gateway::{Enforcement, Gateway};
use crate::ledger::Health;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{HealthView, ReadyView};

const FRONT: &str = "\
Baker Street guards the tool calls of AI agents.

  POST /v1/guard/before   ask whether a tool call may be made
  POST /v1/guard/after    hand in its result, get it back without secrets
  POST /v1/guard/audit    record an event of your own

  GET  /openapi.json      all paths and their shapes
  GET  /readyz            whether calls can be allowed, and what is less guarded than it could be
  GET  /metrics           how the log and the sinks fare, for Prometheus

Calls need a bearer token: `bakerst token create` makes one.
Requests for approval: `bakerst approvals list`.
";

/// `GET /`.
#[expect(clippy::unnecessary_wraps, reason = "every route has this form")]
pub(crate) fn front(_: &Arc<Gateway>) -> Result<Reply, Problem> {
    Ok(Reply::text(FRONT))
}

/// `GET /healthz`.
pub(crate) fn health(_: &Arc<Gateway>) -> Result<Reply, Problem> {
    Reply::json(&HealthView { alive: true })
}

/// `GET /readyz`.
pub(crate) fn ready(gateway: &Arc<Gateway>) -> Result<Reply, Problem> {
    let view = gateway.readiness();
    let status = if view.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Reply::json_as(status, &view)
}

impl Gateway {
    /// What leaves calls less guarded than they could be, in sentences for an operator.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        let mut alarms = Vec::new();
        alarms.extend(self.enforcement.alarm().map(str::to_owned));
        match self.ledger.health() {
            Health::Ok => {}
            Health::Unwritable => alarms.push("the audit log could not be written when it was last tried: nothing is allowed".to_owned()),
            Health::Closed => alarms.push("the audit log is closed since an earlier failure: nothing is allowed until a restart".to_owned()),
        }
        alarms.extend(self.vitals.alarms());
        alarms.extend(self.vitals.report().iter().flat_map(SinkStatus::alarms));
        alarms.extend(self.policy().warnings());
        alarms
    }

    fn readiness(&self) -> ReadyView {
        let health = self.ledger.health();
        let policy = self.policy();
        let enforcing = policy.source().guardrails.chain.iter().filter(|entry| {
            let judges = !matches!(
                entry.config,
                RailConfig::HumanApproval(_) | RailConfig::OutputSanitization(_)
            );
            entry.enabled && entry.mode == Mode::Enforce && judges
        });
        let guardrails_enforcing = match self.enforcement {
            Enforcement::On => enforcing.count(),
            Enforcement::Off => 0,
        };
        ReadyView {
            ready: health == Health::Ok,
            alarms: self.alarms(),
            enforcement: self.enforcement.as_str(),
            guardrails_enforcing,
            policy: policy.digest().to_string(),
            pending_approvals: self.desk.pending(),
            journal: health.as_str(),
        }
    }
}
