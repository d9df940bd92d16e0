//! What changed from one configuration to the next, setting by setting.

use serde::Serialize;
use serde_json::{Map, Value};

/// One setting that changed.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    /// Its name, as a path of names.
    pub(crate) setting: String,
    /// What it was; nothing when it is new.
    pub(crate) old: Value,
    /// What it is; nothing when it is gone.
    pub(crate) new: Value,
}

/// The settings that differ, in order. Lists are compared whole: their places mean something.
pub(crate) fn between(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut String::new(), old, new, &mut changes);
    changes
}

fn compare(setting: &mut String, old: &Value, new: &Value, changes: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => compare_fields(setting, old, new, changes),
        _ if old == new => {}
        _ => changes.push(Change { setting: setting.clone(), old: old.clone(), new: new.clone() }),
    }
}

fn compare_fields(
    setting: &mut String,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    let added = new.keys().filter(|name| !old.contains_key(*name));
    for name in old.keys().chain(added) {
        let length = setting.len();
        if length > 0 {
            setting.push('.');
        }
        setting.push_str(name);
        let value = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
        compare(setting, &value(old), &value(new), changes);
        setting.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_named_by_their_path() {
        let old = json!({"a": {"b": 1, "c": [1]}, "d": true});
        let new = json!({"a": {"b": 2, "c": [1]}, "e": "x"});
        let told: Vec<_> = between(&old, &new)
            .into_iter()
            .map(|Change { setting, old, new }| format!("{setting}: {old} -> {new}"))
            .collect();
        assert_eq!(told, ["a.b: 1 -> 2", "d: true -> null", "e: null -> \"x\""]);
        assert_eq!(between(&old, &old), []);
    }
}
