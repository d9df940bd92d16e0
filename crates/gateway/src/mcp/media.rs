//! Pictures, sounds and files inside a result: they are no text, so they are neither searched for
//! secrets nor changed, but set aside and put back.

use bakerst_guard::rails::output_sanitization::Media;
use bakerst_model::Limits;
use serde_json::{Map, Value};

/// What stands where a medium was left out.
const LEFT_OUT: &str = "[left out by policy: a picture, sound or file]";

/// Where a medium stands: in an item of one of the lists that hold content.
#[derive(Clone, Copy, Debug)]
struct Place {
    list: &'static str,
    at: usize,
    /// Whether one step further in: a prompt's messages hold their content there.
    is_inner: bool,
    /// Whether in a file that is a resource.
    is_resource: bool,
    /// `data` of pictures and sounds, `blob` of files.
    field: &'static str,
}

impl Place {
    /// What holds the medium.
    fn holder(self, result: &mut Value) -> Option<&mut Map<String, Value>> {
        let mut holder = result.get_mut(self.list)?.get_mut(self.at)?;
        if self.is_inner {
            holder = holder.get_mut("content")?;
        }
        if self.is_resource {
            holder = holder.get_mut("resource")?;
        }
        holder.as_object_mut()
    }

    /// The medium.
    fn medium(self, result: &mut Value) -> Option<&mut String> {
        match self.holder(result)?.get_mut(self.field)? {
            Value::String(medium) => Some(medium),
            _ => None,
        }
    }
}

/// Leaves out the media that the policy does not want, and those beyond what may be in one answer;
/// whether there were any.
pub(crate) fn leave_out(result: &mut Value, policy: Media, limits: &Limits) -> bool {
    let (mut bytes, mut any) = (0_usize, false);
    for place in places(result) {
        let Some(medium) = place.medium(result) else { continue };
        bytes = bytes.saturating_add(medium.len());
        if policy == Media::Pass && bytes <= limits.media_bytes_max {
            continue;
        }
        any = true;
        let Some(holder) = place.holder(result) else { continue };
        holder.remove(place.field);
        // A picture becomes a text; a file stays one, with a text in it.
        if place.field == "data" {
            holder.remove("mimeType");
            holder.insert("type".into(), "text".into());
        }
        holder.insert("text".into(), LEFT_OUT.into());
    }
    any
}

/// What was set aside of a result: where it stood, and what it was.
#[derive(Debug, Default)]
pub(crate) struct SetAside(Vec<(Place, String)>);

impl SetAside {
    /// Takes the media out of a result.
    pub(crate) fn of(result: &mut Value) -> Self {
        let mut aside = Vec::new();
        for place in places(result) {
            match place.medium(result) {
                // A text that only claims to be a medium is read like every other.
                Some(text) if is_base64(text) => aside.push((place, std::mem::take(text))),
                _ => {}
            }
        }
        Self(aside)
    }

    /// Puts them back where they were.
    pub(crate) fn put_back(self, result: &mut Value) {
        for (place, medium) in self.0 {
            let there = place.holder(result).and_then(|holder| holder.get_mut(place.field));
            if let Some(there) = there {
                *there = Value::String(medium);
            }
        }
    }
}

/// Where media stand.
fn places(result: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for list in ["content", "contents", "messages"] {
        let items = result.get(list).and_then(Value::as_array).into_iter().flatten();
        for (at, item) in items.enumerate() {
            let inner = item.get("content").filter(|content| content.is_object());
            let (is_inner, inner) = (inner.is_some(), inner.unwrap_or(item));
            let (is_resource, field) = match inner.get("type").and_then(Value::as_str) {
                Some("image" | "audio") => (false, "data"),
                Some("resource") => (true, "blob"),
                _ => (false, "blob"),
            };
            let holder = if is_resource { inner.get("resource") } else { Some(inner) };
            if holder.is_some_and(|holder| holder.get(field).is_some()) {
                places.push(Place { list, at, is_inner, is_resource, field });
            }
        }
    }
    places
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn media_are_left_out_where_the_policy_says_so_or_there_are_too_many() {
        let result = json!({
            "content": [
                { "type": "text", "text": "QUJD" },
                { "type": "image", "data": "QUJD", "mimeType": "image/png", "annotations": {} },
                { "type": "resource", "resource": { "uri": "a:b", "blob": "REVG" } },
            ],
            "contents": [{ "uri": "a:c", "blob": "R0hJ" }, { "uri": "a:d", "text": "SktM" }],
            "messages": [{ "role": "user", "content": { "type": "audio", "data": "TU5P" } }],
        });
        let left_out = |policy, max| {
            let (mut value, limits) =
                (result.clone(), Limits { media_bytes_max: max, ..Limits::default() });
            let any = leave_out(&mut value, policy, &limits);
            assert_eq!(any, value != result);
            let at = [
                "/content/1/text",
                "/content/2/resource/text",
                "/contents/0/text",
                "/messages/0/content/text",
            ];
            at.map(|at| value.pointer(at).is_some_and(|text| text == LEFT_OUT))
        };
        assert_eq!(left_out(Media::Pass, 16), [false; 4]);
        assert_eq!(left_out(Media::Pass, 8), [false, false, true, true]);
        assert_eq!(left_out(Media::Drop, 1000), [true; 4]);
        let mut value = result.clone();
        leave_out(&mut value, Media::Drop, &Limits::default());
        let picture = json!({ "type": "text", "text": LEFT_OUT, "annotations": {} });
        assert_eq!(value.pointer("/content/1"), Some(&picture));
        assert!(!value.to_string().contains("blob"));
    }

    #[test]
    fn media_are_set_aside_and_put_back() {
        let result = json!({
            "content": [
                { "type": "text", "text": "QUJD" },
                { "type": "image", "data": "QUJD", "mimeType": "image/png" },
                { "type": "image", "data": "not base64!", "mimeType": "image/png" },
                { "type": "resource", "resource": { "uri": "a:b", "blob": "REVG" } },
            ],
            "contents": [{ "uri": "a:c", "blob": "R0hJ" }, { "uri": "a:d", "text": "SktM" }],
            "messages": [{ "role": "user", "content": { "type": "audio", "data": "TU5P" } }],
            "structuredContent": { "data": "QUJD" },
        });
        let mut without = result.clone();
        let aside = SetAside::of(&mut without);
        let taken: Vec<&str> = aside.0.iter().map(|(_, medium)| medium.as_str()).collect();
        assert_eq!(taken, ["QUJD", "REVG", "R0hJ", "TU5P"]);
        assert_eq!(without.pointer("/content/1/data"), Some(&json!("")));
        aside.put_back(&mut without);
        assert_eq!(without, result);
    }
}
