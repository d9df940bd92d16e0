//! How a person is asked. It judges no call itself: it says that somebody can be asked, and for
//! how long. Without it, what would be asked is refused.

use serde::{Deserialize, Serialize};

use crate::ApprovalNeed;

/// Who is asked, and for how long.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    timeout_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_channel: Option<Channel>,
    auto_deny_on_timeout: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Web,
    Telegram,
    Discord,
    Slack,
    Mail,
    Webhook,
}

impl Default for Config {
    fn default() -> Self {
        Self { timeout_seconds: 300, notification_channel: None, auto_deny_on_timeout: true }
    }
}

impl Config {
    /// The channel that it names and that nothing serves yet.
    pub(crate) fn unserved_channel(&self) -> bool {
        self.notification_channel.is_some()
    }
}

/// The compiled form.
#[derive(Clone, Debug)]
pub struct Approver(ApprovalNeed);

impl Approver {
    pub(crate) fn new(config: &Config) -> Self {
        Self(ApprovalNeed {
            timeout_seconds: config.timeout_seconds,
            auto_deny_on_timeout: config.auto_deny_on_timeout,
        })
    }

    pub(crate) fn need(&self) -> ApprovalNeed {
        self.0.clone()
    }
}
