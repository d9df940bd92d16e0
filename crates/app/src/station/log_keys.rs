//! The log's keys among the secrets: the first one, those that replaced it, and the one that signs
//! checkpoints.

use bakerst_audit::{LogKey, LogKeys};
use bakerst_model::{Code, Secret};
use bakerst_secrets::SealedFile;

use super::secrets_failure;
use crate::failure::{Exit, Failure};

/// The name under which the first key is kept. Later ones bear numbers, from 2 on.
pub(crate) const FIRST: &str = "log-key";
/// The name under which the key is kept that signs checkpoints.
const SIGNING: &str = "checkpoint-key";

/// Whether a secret of this name is one of them, or could be.
pub(super) fn is_one(name: &str) -> bool {
    name == SIGNING || name.starts_with(FIRST)
}

/// All keys, as they are kept.
pub(super) fn read(secrets: &SealedFile) -> Result<LogKeys, Failure> {
    let missing = |name: &str| {
        let message = format!("the log's key `{name}` is not among the secrets");
        Failure::new(Exit::Refused, Code::LogKeyMissing, message)
    };
    let first = secrets.get(FIRST).ok_or_else(|| missing(FIRST))?;
    let signing = secrets.get(SIGNING).ok_or_else(|| missing(SIGNING))?;
    let mut keys = LogKeys::new(ready(&first)?, signing);
    for later in later(secrets) {
        keys.rotate(ready(&later)?);
    }
    Ok(keys)
}

/// All keys; those that every log needs are drawn where there are none.
pub(super) fn read_or_draw(secrets: &mut SealedFile) -> Result<LogKeys, Failure> {
    for name in [FIRST, SIGNING] {
        secrets.get_or_draw(name).map_err(|e| secrets_failure(&e))?;
    }
    read(secrets)
}

/// Draws the key that replaces the current one. Once this has answered it is kept, so a crash before
/// it is used leaves a log that the next start goes on with under it.
pub(crate) fn draw_next(secrets: &mut SealedFile) -> Result<LogKey, Failure> {
    let name = name(later(secrets).count() + 2);
    ready(&secrets.get_or_draw(&name).map_err(|e| secrets_failure(&e))?)
}

fn later(secrets: &SealedFile) -> impl Iterator<Item = Secret> {
    (2..).map_while(|number| secrets.get(&name(number)))
}

fn name(number: usize) -> String {
    format!("{FIRST}-{number}")
}

fn ready(secret: &Secret) -> Result<LogKey, Failure> {
    LogKey::new(secret).map_err(|e| Failure::new(Exit::Refused, e.code(), e.to_string()))
}
