//! What all servers say, as one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::eras::downward;
use super::super::eras::words::{Answer, META};
use super::super::revision::Revision;
use super::names;

/// Under this name an answer says which servers it lacks, and why.
const UNAVAILABLE: &str = "dev.bakerst/unavailable";
/// How much of what servers want their clients' models to know is passed on together.
const INSTRUCTIONS_BYTES_MAX: usize = 32 << 10;

/// What one server has said: an answer, or why there is none.
pub(crate) type Said = Result<Answer, String>;

/// Where the next page of a list begins: with which servers, and where in theirs.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Place {
    /// Which list it is.
    #[serde(rename = "l")]
    pub(crate) list: String,
    /// How far it has come with the servers that have more.
    #[serde(rename = "s")]
    pub(crate) servers: BTreeMap<String, Option<String>>,
}

/// Which list a method asks for, and under which name its items are known.
pub(crate) fn list_of(method: &str) -> Option<(&'static str, &'static str)> {
    match method {
        "tools/list" => Some(("tools", "name")),
        "prompts/list" => Some(("prompts", "name")),
        "resources/list" => Some(("resources", "uri")),
        "resources/templates/list" => Some(("resourceTemplates", "uriTemplate")),
        _ => None,
    }
}

/// What a server has told, or why it has not.
fn told(said: &Said) -> Result<&Value, &str> {
    match said {
        Ok(Answer::Done(told)) => Ok(told),
        Ok(Answer::Failed(error)) => {
            Err(error.get("message").and_then(Value::as_str).unwrap_or("it failed"))
        }
        Err(why) => Err(why),
    }
}

/// One page of a list of all servers, and where the next begins. What does not fit comes later.
pub(crate) fn page(
    method: &str,
    asked: &Place,
    said: &BTreeMap<String, Said>,
    bytes_max: usize,
) -> (Answer, Option<Place>) {
    let Some((list, known_by)) = list_of(method) else {
        return (downward::no_such_method("no list"), None);
    };
    let (mut items, mut missing, mut bytes) = (Vec::new(), BTreeMap::new(), 0_usize);
    let mut next = Place { list: method.to_owned(), servers: BTreeMap::new() };
    for (alias, said) in said {
        // Not every server has everything.
        if let Ok(answer) = said
            && answer.code() == Some(downward::NO_SUCH_METHOD)
        {
            continue;
        }
        let result = match told(said) {
            Ok(result) => result,
            Err(why) => {
                missing.insert(alias.clone(), why.to_owned());
                continue;
            }
        };
        let theirs = result.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        let theirs: Vec<Value> =
            theirs.into_iter().filter_map(|item| renamed(item, known_by, alias)).collect();
        let length: usize = theirs.iter().map(|item| item.to_string().len()).sum();
        if !items.is_empty() && bytes.saturating_add(length) > bytes_max {
            let place = asked.servers.get(alias).cloned().unwrap_or_default();
            next.servers.insert(alias.clone(), place);
            continue;
        }
        bytes = bytes.saturating_add(length);
        items.extend(theirs);
        if let Some(cursor) = result.get("nextCursor").and_then(Value::as_str) {
            next.servers.insert(alias.clone(), Some(cursor.to_owned()));
        }
    }
    if items.is_empty() && missing.len() == said.len() && !missing.is_empty() {
        return (none_answered(&missing), None);
    }
    let mut result = Map::new();
    result.insert(list.into(), Value::Array(items));
    downward::complete(method, &mut result, None);
    note(&mut result, &missing);
    (Answer::Done(Value::Object(result)), (!next.servers.is_empty()).then_some(next))
}

fn renamed(mut item: Value, known_by: &str, alias: &str) -> Option<Value> {
    let name = item.get(known_by)?.as_str()?;
    let name = match known_by {
        "name" => names::prefixed(alias, name),
        _ => names::prefixed_uri(alias, name),
    };
    item.as_object_mut()?.insert(known_by.into(), name.into());
    Some(item)
}

fn none_answered(missing: &BTreeMap<String, String>) -> Answer {
    let why: Vec<String> = missing.iter().map(|(alias, why)| format!("{alias}: {why}")).collect();
    let message = format!("no server answers: {}", why.join("; "));
    Answer::Failed(json!({ "code": super::super::answer::INTERNAL, "message": message }))
}

fn note(result: &mut Map<String, Value>, missing: &BTreeMap<String, String>) {
    if missing.is_empty() {
        return;
    }
    if let Some(meta) = result.entry(META).or_insert_with(|| json!({})).as_object_mut() {
        meta.insert(UNAVAILABLE.into(), json!(missing));
    }
}

/// What all servers offer, as one server would tell of itself.
pub(crate) fn discovered(said: &BTreeMap<String, Said>) -> Value {
    let mut offers = Map::new();
    let (mut instructions, mut missing) = (String::new(), BTreeMap::new());
    for (alias, said) in said {
        let told = match told(said) {
            Ok(told) => told,
            Err(why) => {
                missing.insert(alias.clone(), why.to_owned());
                continue;
            }
        };
        for (kind, flags) in [
            ("tools", &["listChanged"][..]),
            ("prompts", &["listChanged"]),
            ("resources", &["listChanged", "subscribe"]),
            ("completions", &[]),
            ("logging", &[]),
        ] {
            let Some(theirs) = told.get("capabilities").and_then(|offers| offers.get(kind)) else {
                continue;
            };
            let ours = offers.entry(kind).or_insert_with(|| json!({}));
            for flag in flags {
                if theirs.get(flag) == Some(&Value::Bool(true)) {
                    ours[flag] = true.into();
                }
            }
        }
        let words = told.get("instructions").and_then(Value::as_str).unwrap_or_default();
        let words = if words.is_empty() { String::new() } else { format!("{alias}: {words}\n") };
        if instructions.len() + words.len() <= INSTRUCTIONS_BYTES_MAX {
            instructions.push_str(&words);
        }
    }
    let with_sessions =
        Revision::ALL.into_iter().filter(|revision| *revision > Revision::V2024_11_05);
    let versions: Vec<&str> = with_sessions.rev().map(Revision::as_str).collect();
    let mut result = Map::new();
    result.insert("supportedVersions".into(), json!(versions));
    result.insert("capabilities".into(), Value::Object(offers));
    if !instructions.is_empty() {
        result.insert("instructions".into(), instructions.into());
    }
    let info = json!({ "name": "bakerst", "version": env!("CARGO_PKG_VERSION") });
    downward::complete("server/discover", &mut result, Some(&info));
    note(&mut result, &missing);
    Value::Object(result)
}

/// A server's answer, with its resources under the addresses that they have here.
pub(crate) fn readdressed(mut answer: Answer, alias: &str) -> Answer {
    if let Answer::Done(result) = &mut answer {
        for list in ["content", "contents", "messages"] {
            let items = result.get_mut(list).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                readdress(item, alias, list == "contents");
            }
        }
    }
    answer
}

fn readdress(item: &mut Value, alias: &str, is_resource: bool) {
    match item.get_mut("content") {
        Some(Value::Array(inner)) => {
            inner.iter_mut().for_each(|item| readdress(item, alias, false));
        }
        Some(inner @ Value::Object(_)) => readdress(inner, alias, false),
        _ => {}
    }
    let is_link = item.get("type").is_some_and(|kind| kind == "resource_link");
    let at = match is_resource || is_link {
        true => item.get_mut("uri"),
        false => item.pointer_mut("/resource/uri"),
    };
    if let Some(Value::String(uri)) = at {
        *uri = names::prefixed_uri(alias, uri);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(said: &[(&str, Said)]) -> BTreeMap<String, Said> {
        said.iter().map(|(alias, said)| ((*alias).to_owned(), said.clone())).collect()
    }

    fn done(value: Value) -> Said {
        Ok(Answer::Done(value))
    }

    fn failed(code: i64) -> Said {
        Ok(Answer::Failed(json!({ "code": code, "message": "m" })))
    }

    #[test]
    fn lists_become_one_and_say_what_they_lack() {
        let said = said(&[
            (
                "a",
                done(
                    json!({ "tools": [{ "name": "x", "title": "X" }, { "title": "none" }], "nextCursor": "2" }),
                ),
            ),
            ("b", Err("gone".into())),
            ("c", failed(-32601)),
            ("d", failed(-32603)),
            ("e", done(json!({ "tools": [{ "name": "x" }], "cacheScope": "public", "ttlMs": 9 }))),
        ]);
        let (Answer::Done(result), next) = page("tools/list", &Place::default(), &said, 1000)
        else {
            panic!()
        };
        assert_eq!(result["tools"], json!([{ "name": "a__x", "title": "X" }, { "name": "e__x" }]));
        assert_eq!(result["_meta"][UNAVAILABLE], json!({ "b": "gone", "d": "m" }));
        assert_eq!((&result["cacheScope"], &result["ttlMs"]), (&json!("private"), &json!(0)));
        assert_eq!(next.unwrap().servers, [("a".to_owned(), Some("2".to_owned()))].into());
    }

    #[test]
    fn what_does_not_fit_comes_on_the_next_page() {
        let list = || done(json!({ "resources": [{ "uri": "a:b" }, { "uri": "a:c" }] }));
        let said = said(&[("a", list()), ("b", list()), ("c", list())]);
        let asked =
            Place { list: String::new(), servers: [("b".to_owned(), Some("7".to_owned()))].into() };
        let (Answer::Done(result), next) = page("resources/list", &asked, &said, 60) else {
            panic!()
        };
        assert_eq!(result["resources"][0]["uri"], "bakerst:a/a:b");
        let next = next.unwrap().servers;
        assert_eq!(next, [("b".to_owned(), Some("7".to_owned())), ("c".to_owned(), None)].into());
    }

    proptest! {
        /// However long the servers' lists and pages are, walking through ours shows each item once
        /// and comes to an end.
        #[test]
        fn every_item_is_on_one_page(
            lengths in proptest::collection::vec(0usize..7, 1..5),
            each in 1usize..4,
            bytes_max in 1usize..200,
        ) {
            let servers = || (0..lengths.len()).map(|at| format!("s{at}"));
            let mut place = Place { list: String::new(), servers: servers().map(|alias| (alias, None)).collect() };
            let mut seen = Vec::new();
            for _ in 0..100 {
                let said = place.servers.iter().map(|(alias, cursor)| {
                    let at: usize = alias[1..].parse().unwrap();
                    let from: usize = cursor.as_deref().map_or(0, |cursor| cursor.parse().unwrap());
                    let to = lengths[at].min(from + each);
                    let tools: Vec<Value> = (from..to).map(|n| json!({ "name": format!("t{n}") })).collect();
                    let mut result = json!({ "tools": tools });
                    if to < lengths[at] {
                        result["nextCursor"] = to.to_string().into();
                    }
                    (alias.clone(), done(result))
                });
                let (answer, next) = page("tools/list", &place, &said.collect(), bytes_max);
                let Answer::Done(result) = answer else { panic!("an error") };
                let names = result["tools"].as_array().unwrap().iter();
                seen.extend(names.map(|tool| tool["name"].as_str().unwrap().to_owned()));
                match next {
                    Some(next) => place = next,
                    None => break,
                }
            }
            seen.sort();
            let mut all: Vec<String> = servers().zip(&lengths).flat_map(|(alias, length)| {
                (0..*length).map(move |n| format!("{alias}__t{n}"))
            }).collect();
            all.sort();
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn where_no_server_answers_that_is_an_error() {
        let (answer, _) =
            page("tools/list", &Place::default(), &said(&[("a", Err("gone".into()))]), 9);
        let Answer::Failed(error) = answer else { panic!() };
        assert_eq!(error["message"], "no server answers: a: gone");
        let (none, _) = page("tools/list", &Place::default(), &said(&[]), 9);
        assert!(matches!(none, Answer::Done(_)));
    }

    #[test]
    fn what_servers_offer_is_offered() {
        let told = discovered(&said(&[
            (
                "a",
                done(
                    json!({ "capabilities": { "tools": { "listChanged": true }, "tasks": {} }, "instructions": "be kind" }),
                ),
            ),
            (
                "b",
                done(
                    json!({ "capabilities": { "tools": {}, "resources": { "subscribe": true }, "extensions": { "x/y": {} } } }),
                ),
            ),
            ("c", Err("gone".into())),
        ]));
        assert_eq!(
            told["capabilities"],
            json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } })
        );
        assert_eq!(
            (&told["instructions"], &told["_meta"][UNAVAILABLE]),
            (&json!("a: be kind\n"), &json!({ "c": "gone" }))
        );
        assert_eq!(
            told["supportedVersions"],
            json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"])
        );
    }

    #[test]
    fn resources_in_an_answer_can_be_read_by_the_address_they_have() {
        let answer = Answer::Done(json!({
            "content": [{ "type": "resource_link", "uri": "a:b" }, { "type": "resource", "resource": { "uri": "a:c" } }, { "type": "text", "text": "t", "uri": "a:d" }],
            "contents": [{ "uri": "a:e", "text": "t" }],
            "messages": [{ "content": { "type": "resource", "resource": { "uri": "a:f" } } }],
            "structuredContent": { "uri": "a:g" },
        }));
        let Answer::Done(result) = readdressed(answer, "s") else { panic!() };
        for (place, want) in [
            ("/content/0/uri", "bakerst:s/a:b"),
            ("/content/1/resource/uri", "bakerst:s/a:c"),
            ("/content/2/uri", "a:d"),
            ("/contents/0/uri", "bakerst:s/a:e"),
            ("/messages/0/content/resource/uri", "bakerst:s/a:f"),
            ("/structuredContent/uri", "a:g"),
        ] {
            assert_eq!(result.pointer(place), Some(&json!(want)), "{place}");
        }
    }
}
