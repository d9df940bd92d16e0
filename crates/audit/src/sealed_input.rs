//! A call's input, sealed into the record that must not hold it as it is.
//!
//! Secrets are taken out of what a record keeps of an input, and long inputs are cut. Where it is
//! asked for, the whole is put beside that, sealed, so that whoever has the key can take the
//! decision again. Of an event on behalf of a person that is sealed with everything else that tells
//! of them (see [`erasure`](crate::erasure)), and goes with their key.
//!
//! The cipher is passed in: nothing here knows a key.

use bakerst_model::{Detail, Event};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use crate::DETAIL_BYTES_MAX;
use crate::erasure::VeilError;

/// The field of a detail in which it stands.
pub const SEALED_INPUT: &str = "sealed_input";

/// The longest input that any setting has sealed: with it in text, there is room for the rest.
pub const SEALED_INPUT_BYTES_MAX: usize = 96 << 10;

/// The longest detail that takes it in. What is cut of a longer one would be worth more; and what is
/// veiled afterwards grows by a third.
const ROOM: usize = DETAIL_BYTES_MAX / 3 * 2;

/// Puts what an event withholds into its detail, sealed; any other event stays as it is.
///
/// # Errors
/// When it cannot be sealed. The event must not be recorded then.
pub fn seal_input(
    event: Event,
    seal: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Result<Event, VeilError> {
    let Some(input) = event.detail.withheld() else { return Ok(event) };
    let sealed = STANDARD.encode(seal(input.expose()).ok_or(VeilError::Cipher)?);
    if event.detail.as_json().len() + sealed.len() > ROOM {
        return Ok(event);
    }
    let unread = |error: serde_json::Error| VeilError::Detail(error.to_string());
    let mut detail: BTreeMap<&str, &RawValue> =
        serde_json::from_str(event.detail.as_json()).map_err(unread)?;
    let sealed = serde_json::value::to_raw_value(&sealed).map_err(unread)?;
    detail.insert(SEALED_INPUT, &sealed);
    let detail = Detail::of(&detail)?;
    Ok(Event { detail, ..event })
}

/// Opens what stands in that field of a record.
#[must_use]
pub fn open_input(sealed: &str, open: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(open(&STANDARD.decode(sealed).ok()?)?).ok()
}

#[cfg(test)]
mod tests {
    use bakerst_model::{Action, Actor, Secret};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(detail: &Value, withheld: Option<&str>) -> Event {
        let withheld = withheld.map(|text| Secret::new(text.into()));
        let detail = Detail::of(detail).unwrap().withholding(withheld);
        Event { action: Action::ToolAsked, actor: Actor::system(), conversation: None, detail }
    }

    /// A cipher for tests: it turns every bit.
    fn turned(bytes: &[u8]) -> Vec<u8> {
        bytes.iter().map(|byte| !byte).collect()
    }

    fn sealed(event: Event) -> Value {
        let sealed = seal_input(event, |bytes| Some(turned(bytes))).unwrap();
        serde_json::from_str(sealed.detail.as_json()).unwrap()
    }

    #[test]
    fn what_is_withheld_is_recorded_sealed_and_never_as_it_is() {
        let detail = json!({ "tool": "pay", "input": { "key": "[REDACTED]" } });
        let written = sealed(event(&detail, Some("{\"key\":\"hunter2\"}")));
        assert!(!written.to_string().contains("hunter2"));
        assert_eq!((&written["tool"], &written["input"]), (&detail["tool"], &detail["input"]));
        let field = written[SEALED_INPUT].as_str().unwrap();
        let opened = open_input(field, |bytes| Some(turned(bytes)));
        assert_eq!(opened.as_deref(), Some("{\"key\":\"hunter2\"}"));
        assert_eq!(open_input(field, |_| None), None);
        assert_eq!(open_input("no base64!", |bytes| Some(bytes.to_vec())), None);
    }

    #[test]
    fn nothing_withheld_changes_nothing_and_too_much_is_left_out() {
        let detail = json!({ "tool": "pay" });
        assert_eq!(sealed(event(&detail, None)), detail);
        assert_eq!(sealed(event(&detail, Some(&"x".repeat(ROOM)))), detail);
    }

    #[test]
    fn what_cannot_be_sealed_is_not_recorded() {
        assert!(seal_input(event(&json!({}), Some("x")), |_| None).is_err());
        assert!(seal_input(event(&json!([1]), Some("x")), |b| Some(turned(b))).is_err());
    }

    proptest! {
        #[test]
        fn whatever_was_sealed_comes_back(text in "\\PC{0,200}") {
            let written = sealed(event(&json!({ "a": 1 }), Some(&text)));
            let field = written[SEALED_INPUT].as_str().unwrap();
            prop_assert_eq!(open_input(field, |bytes| Some(turned(bytes))), Some(text));
        }
    }
}
