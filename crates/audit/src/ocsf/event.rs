//! The shapes of the schema, as far as we fill them.

use std::borrow::Cow;

use bakerst_model::UnixMillis;
use serde::{Serialize, Serializer};

use super::kind::{Class, Kind};
use super::{OCSF_VERSION, Origin};
use crate::query::{DetailView, View};

/// An event of either class. What only one of them has is left out in the other.
#[derive(Serialize)]
pub(super) struct Event<'e> {
    class_uid: u32,
    class_name: &'static str,
    category_uid: u32,
    category_name: &'static str,
    activity_id: u32,
    activity_name: Cow<'e, str>,
    type_uid: u32,
    severity_id: u32,
    severity: &'static str,
    time: u64,
    message: Cow<'e, str>,
    status_id: u32,
    action_id: u32,
    action: &'static str,
    disposition_id: u32,
    disposition: &'static str,
    metadata: Metadata<'e>,
    attestation: Attestation<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finding_info: Option<FindingInfo<'e>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_alert: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidences: Option<[Deed<'e>; 1]>,
    #[serde(flatten)]
    deed: Option<Deed<'e>>,
    raw_data: &'e str,
}

#[derive(Serialize)]
struct Metadata<'e> {
    version: &'static str,
    product: Product<'e>,
    profiles: &'static [&'static str],
    uid: Place<'e>,
    sequence: u64,
    log_name: &'static str,
    event_code: &'e str,
    original_time: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_uid: Option<&'e str>,
}

#[derive(Serialize)]
struct Product<'e> {
    name: &'static str,
    vendor_name: &'static str,
    version: &'e str,
}

/// A record of a log, by name.
#[derive(Clone, Copy)]
struct Place<'e>(&'e str, u64);

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(log, seq) = self;
        serializer.collect_str(&format_args!("{log}-{seq}"))
    }
}

/// The record's place in the chain, in the words of `record_integrity`.
#[derive(Serialize)]
struct Attestation<'e> {
    uid: Place<'e>,
    chain_uid: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_event: Option<PrevEvent<'e>>,
}

#[derive(Serialize)]
struct PrevEvent<'e> {
    uid: Place<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint<'e>>,
}

#[derive(Serialize)]
struct Fingerprint<'e> {
    algorithm_id: u32,
    algorithm: &'static str,
    value: &'e str,
}

#[derive(Serialize)]
struct FindingInfo<'e> {
    uid: Place<'e>,
    title: Cow<'e, str>,
    created_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    analytic: Option<Analytic<'e>>,
}

#[derive(Serialize)]
struct Analytic<'e> {
    uid: Cow<'e, str>,
    name: Cow<'e, str>,
    type_id: u32,
}

/// Who did what from where: the body of an activity, and the evidence of a finding.
#[derive(Serialize)]
struct Deed<'e> {
    actor: Actor<'e>,
    api: Api<'e>,
    src_endpoint: Endpoint<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_agent: Option<AiAgent<'e>>,
}

#[derive(Serialize)]
struct Actor<'e> {
    user: User<'e>,
}

#[derive(Serialize)]
struct User<'e> {
    name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'e str>,
    type_id: u32,
}

#[derive(Serialize)]
struct Api<'e> {
    operation: Cow<'e, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Request<'e>>,
}

#[derive(Serialize)]
struct Request<'e> {
    uid: Cow<'e, str>,
}

#[derive(Serialize)]
struct Endpoint<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'e str>,
    name: &'e str,
}

#[derive(Serialize)]
struct AiAgent<'e> {
    uid: Cow<'e, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_uid: Option<&'e str>,
}

impl<'e> Event<'e> {
    pub(super) fn of(
        view: &'e View<'e>,
        detail: &'e DetailView<'e>,
        raw: &'e str,
        UnixMillis(time): UnixMillis,
        origin: Origin<'e>,
    ) -> Self {
        let code = detail.code();
        let Kind { class, severity, disposition, activity } =
            Kind::of(view.action(), code.as_deref());
        let is_finding = class == Class::DetectionFinding;
        let deed = Deed::of(view, detail);
        let message = detail.reason().unwrap_or(Cow::Borrowed(view.action()));
        let (category_uid, category_name) = class.category();
        let (action_id, action) = disposition.action();
        let (disposition_id, disposition) = disposition.id();
        let place = Place(origin.log, view.seq);
        let finding_info = is_finding.then(|| FindingInfo {
            uid: place,
            title: message.clone(),
            created_time: time,
            analytic: code.map(|uid| Analytic { name: uid.clone(), uid, type_id: RULE }),
        });
        let (evidences, deed) = if is_finding { (Some([deed]), None) } else { (None, Some(deed)) };
        Self {
            class_uid: class.uid(),
            class_name: class.name(),
            category_uid,
            category_name,
            activity_id: activity,
            activity_name: activity_name(class, activity, view.action()),
            type_uid: class.uid() * 100 + activity,
            severity_id: severity.id(),
            severity: severity.name(),
            time,
            message,
            // Of an activity: success or failure. Of a finding: new.
            status_id: if !is_finding && action_id == DENIED { 2 } else { 1 },
            action_id,
            action,
            disposition_id,
            disposition,
            metadata: Metadata::of(view, class, place, origin),
            attestation: Attestation::of(view, origin),
            finding_info,
            is_alert: is_finding,
            evidences,
            deed,
            raw_data: raw,
        }
    }
}

/// The analytic is a rule.
const RULE: u32 = 1;
const DENIED: u32 = 2;

fn activity_name(class: Class, activity: u32, action: &str) -> Cow<'_, str> {
    Cow::Borrowed(match (class, activity) {
        (_, 1) => "Create",
        (_, 2) => "Read",
        (_, 3) => "Update",
        (Class::ApiActivity, 4) => "Delete",
        // The schema wants the source's own word here.
        _ => action,
    })
}

impl<'e> Metadata<'e> {
    fn of(view: &'e View<'e>, class: Class, uid: Place<'e>, origin: Origin<'e>) -> Self {
        Self {
            version: OCSF_VERSION,
            product: Product {
                name: "Baker Street",
                vendor_name: "Baker Street",
                version: origin.version,
            },
            profiles: match class {
                Class::ApiActivity => &["ai_operation", "record_integrity", "security_control"],
                Class::DetectionFinding => &["record_integrity", "security_control"],
            },
            uid,
            sequence: view.seq,
            log_name: "audit",
            event_code: view.action(),
            original_time: view.timestamp(),
            correlation_uid: view.conversation(),
        }
    }
}

impl<'e> Attestation<'e> {
    fn of(view: &'e View<'e>, Origin { log, .. }: Origin<'e>) -> Self {
        // The first record follows none, only a value that depends on the log and its key.
        let before = view.seq.checked_sub(1).map(|seq| PrevEvent {
            uid: Place(log, seq),
            fingerprint: view.prev().map(Fingerprint::of),
        });
        Self {
            uid: Place(log, view.seq),
            chain_uid: log,
            fingerprint: view.mac().map(Fingerprint::of),
            prev_event: before,
        }
    }
}

impl<'e> Fingerprint<'e> {
    fn of(mac: &'e str) -> Self {
        // The schema numbers plain hashes only; 99 is one that is named.
        Self { algorithm_id: 99, algorithm: "HMAC-SHA-256", value: mac }
    }
}

impl<'e> Deed<'e> {
    fn of(view: &'e View<'e>, detail: &'e DetailView<'e>) -> Self {
        let actor = &view.actor;
        let agent = actor.agent().map(Cow::Borrowed).or_else(|| detail.agent());
        let decided = || detail.verdict().map(|_| Cow::Owned(format!("dec-{}", view.seq)));
        let request = detail.decision().or_else(decided).or_else(|| detail.approval());
        let (name, type_id) = match (actor.user(), actor.name()) {
            (Some(_), name) => (name, USER),
            (None, "system") => ("system", SYSTEM),
            (None, name) => (name, SERVICE),
        };
        Self {
            actor: Actor { user: User { name, uid: actor.user(), type_id } },
            api: Api {
                operation: detail.tool().unwrap_or(Cow::Borrowed(view.action())),
                request: request.map(|uid| Request { uid }),
            },
            src_endpoint: Endpoint { ip: actor.ip(), name },
            ai_agent: agent.map(|uid| AiAgent { uid, instance_uid: view.conversation() }),
        }
    }
}

const USER: u32 = 1;
const SYSTEM: u32 = 3;
const SERVICE: u32 = 4;
