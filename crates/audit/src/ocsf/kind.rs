//! What kind of event an action is.

/// A class of events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// Somebody did something, or had it done.
    ApiActivity,
    /// Something was refused, or is not as it should be.
    DetectionFinding,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
}

/// What became of what was wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Disposition {
    Allowed,
    Blocked,
    Approved,
    Rejected,
    /// Nobody has decided yet.
    Waits,
    Error,
    Logged,
}

/// What an action is in the words of the schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Kind {
    pub(super) class: Class,
    pub(super) severity: Severity,
    pub(super) disposition: Disposition,
    /// What an activity does: 1 create, 2 read, 3 update, 4 delete, 99 something else.
    pub(super) activity: u32,
}

/// Something else than creating, reading, changing or deleting.
const OTHER: u32 = 99;

impl Kind {
    /// The kind of an action. One that is not known here is an activity like any other, so that
    /// no event is lost on its way for having a new name.
    pub(super) fn of(action: &str, code: Option<&str>) -> Self {
        use Disposition::{Allowed, Approved, Blocked, Error, Logged, Rejected, Waits};
        use Severity::{High, Informational, Low, Medium};
        match action {
            "tool.allowed" => Self::activity(OTHER, Informational, Allowed),
            "tool.asked" | "approval.requested" => Self::activity(OTHER, Low, Waits),
            // An attempt to instruct the model is an attack; other refusals may be mistakes.
            "tool.blocked" if code == Some("GRD-010") => Self::finding(High, Blocked),
            "tool.blocked" | "egress.denied" => Self::finding(Medium, Blocked),
            "tool.error" => Self::finding(Medium, Error),
            "approval.approved" => Self::activity(OTHER, Low, Approved),
            "approval.denied" => Self::activity(OTHER, Low, Rejected),
            "approval.expired" | "approval.withdrawn" | "approval.too_late" => {
                Self::activity(OTHER, Low, Blocked)
            }
            "auth.rejected" => Self::finding(Medium, Rejected),
            "auth.success" => Self::activity(OTHER, Informational, Allowed),
            "admin.config_changed" => Self::activity(3, Low, Logged),
            "admin.token_created" => Self::activity(1, Low, Logged),
            "admin.token_revoked" | "admin.subject_erased" => Self::activity(4, Low, Logged),
            "policy.tool_drift" | "system.alarm" | "system.log_repaired" => {
                Self::finding(High, Logged)
            }
            _ => Self::activity(OTHER, Informational, Logged),
        }
    }

    const fn activity(activity: u32, severity: Severity, disposition: Disposition) -> Self {
        Self { class: Class::ApiActivity, severity, disposition, activity }
    }

    const fn finding(severity: Severity, disposition: Disposition) -> Self {
        // Each finding is new: what is written once is never updated.
        Self { class: Class::DetectionFinding, severity, disposition, activity: 1 }
    }
}

impl Class {
    pub(super) const fn uid(self) -> u32 {
        match self {
            Self::ApiActivity => 6003,
            Self::DetectionFinding => 2004,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ApiActivity => "API Activity",
            Self::DetectionFinding => "Detection Finding",
        }
    }

    pub(super) const fn category(self) -> (u32, &'static str) {
        match self {
            Self::ApiActivity => (6, "Application Activity"),
            Self::DetectionFinding => (2, "Findings"),
        }
    }
}

impl Severity {
    pub(super) const fn id(self) -> u32 {
        self as u32
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

impl Disposition {
    /// Its number and name.
    pub(super) const fn id(self) -> (u32, &'static str) {
        match self {
            Self::Allowed => (1, "Allowed"),
            Self::Blocked => (2, "Blocked"),
            Self::Approved => (8, "Approved"),
            Self::Rejected => (25, "Rejected"),
            Self::Waits => (99, "Awaiting approval"),
            Self::Error => (27, "Error"),
            Self::Logged => (17, "Logged"),
        }
    }

    /// Whether that allowed or denied it: 1, 2, or 0 where neither is said.
    pub(super) const fn action(self) -> (u32, &'static str) {
        match self {
            Self::Allowed | Self::Approved => (1, "Allowed"),
            Self::Blocked | Self::Rejected | Self::Error => (2, "Denied"),
            Self::Waits | Self::Logged => (0, "Unknown"),
        }
    }
}
